"""`check`: every rule that needs no running stack; all run, the summary tells which failed."""

import argparse
import io
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from launcher.addresses import DATABASE, embedded_database
from launcher.errors import CannotGoOn
from launcher.places import PROJECT, passing_place
from launcher.ports import free_port
from launcher.servers import embedded_postgres
from launcher.stack import migrate_command
from launcher.supervisor import Supervisor
from launcher.terminal import GREEN, RED, Terminal

Outcome = tuple[bool, str]
UNSAFE_BUT_QUICK = ("fsync=off", "full_page_writes=off")


def execute(_options: argparse.Namespace) -> int:
    """Run all checks; return 1 if any failed."""
    terminal = Terminal()
    failed = []
    for name, check in _checks().items():
        began_at = time.monotonic()
        is_fine, output = check()
        seconds = f"{time.monotonic() - began_at:5.1f} s"
        word = terminal.coloured("ok    ", GREEN) if is_fine else terminal.coloured("FAILED", RED)
        terminal.line(f"  {name:<22} {word} {seconds}")
        if not is_fine:
            failed.append(name)
            terminal.line(output.rstrip() + "\n")
    if failed:
        terminal.line(f"\n{len(failed)} of {len(_checks())} checks failed: {', '.join(failed)}")
        return 1
    terminal.line("\nAll checks passed.")
    return 0


def _checks() -> dict[str, Callable[[], Outcome]]:
    tools = Path(sys.executable).parent
    commands = {
        "ruff check": (sys.executable, "-m", "ruff", "check", "."),
        "ruff format": (sys.executable, "-m", "ruff", "format", "--check", "."),
        "mypy": (sys.executable, "-m", "mypy"),
        "lint-imports": (str(tools / "lint-imports"),),
        "architecture": (
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            "tests/test_architecture.py",
        ),
    }
    checks = {name: _command_check(command) for name, command in commands.items()}
    return {**checks, "schema and models": _check_schema}


def _command_check(command: tuple[str, ...]) -> Callable[[], Outcome]:
    def check() -> Outcome:
        done = subprocess.run(
            command,
            cwd=PROJECT,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return done.returncode == 0, done.stdout

    return check


def _check_schema() -> Outcome:
    """Migrate an empty database and ask Alembic whether the models say the same."""
    silent = Terminal(io.StringIO())
    with passing_place("check") as place:
        supervisor = Supervisor(logs=place.logs, terminal=silent)
        with supervisor.heeding_signals(), supervisor:
            try:
                server = embedded_postgres(
                    place, free_port(), settings=UNSAFE_BUT_QUICK, is_lasting=False
                )
                server.initialise()
                supervisor.start(server.program())
                server.create_database(DATABASE)
                urls = embedded_database(server, place.keyring)
                environment = {**urls.environment, "BOOTSTRAP_DATABASE_URL": urls.bootstrap or ""}
                bootstrap = (sys.executable, "-m", "migrations.bootstrap")
                supervisor.step("bootstrap", bootstrap, environment)
                supervisor.step("migrate", migrate_command(), environment)
                supervisor.step("compare", (*migrate_command()[:-2], "check"), environment)
            except CannotGoOn as error:
                return False, str(error)
    return True, ""
