"""The command line: `python3 -m launcher <command>`; `_parser` lists the commands."""

import argparse
import importlib
import sys
from collections.abc import Sequence

from launcher.errors import CannotGoOn, StopRequested
from launcher.installing import enter_venv

PROCESSES = ("api", "console", "sandbox", "postgres", "valkey")
STOPPED_BY_SIGNAL = 130


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; what is foreseen ends without a traceback."""
    options, rest = _parser().parse_known_args(arguments)
    if rest and not options.passes_on:
        _parser().error(f"unrecognized arguments: {' '.join(rest)}")
    options.rest = [argument for argument in rest if argument != "--"]
    try:
        if options.needs_venv:
            enter_venv(arguments)
        return _run(options)
    except CannotGoOn as error:
        print(f"\n{error}", file=sys.stderr, flush=True)
        return 1
    except (KeyboardInterrupt, StopRequested):
        return STOPPED_BY_SIGNAL


def _run(options: argparse.Namespace) -> int:
    """Import the command only now: most need packages of the venv."""
    command = importlib.import_module(f"launcher.commands.{options.module}")
    return int(command.execute(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m launcher",
        description="Everything to do with Pinbu on one machine; `make <command>` does the same.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")

    def add(
        name: str,
        module: str,
        about: str,
        *,
        venv: bool = True,
        passes_on: bool = False,
        own_help: bool = True,
    ) -> argparse.ArgumentParser:
        command = commands.add_parser(
            name, help=about, description=about, allow_abbrev=False, add_help=own_help
        )
        command.set_defaults(module=module, needs_venv=venv, passes_on=passes_on)
        return command

    run = add("run", "running", "start everything and keep it running until Ctrl-C")
    for process in PROCESSES:
        run.add_argument(f"--{process}-port", type=int, metavar="N")
    run.add_argument("--only", metavar="NAMES", help="start these processes only, by comma")
    run.add_argument(
        "--demo", type=int, metavar="N", help="play a day of N groups into it: its clock moves on"
    )
    add("test", "testing", "run the tests; further arguments go to pytest", passes_on=True)
    demo = add(
        "demo",
        "playing",
        "play a day of simulated shoppers, then audit",
        passes_on=True,
        own_help=False,
    )
    demo.add_argument("--keep", action="store_true", help="leave the stack running afterwards")
    demo.add_argument("--help", "-h", action="store_true", help="show all options")
    add("bench", "measuring", "measure; further arguments go to the benchmark", passes_on=True)
    add("soak", "measuring", "play random groups and faults, and count every fen", passes_on=True)
    add("chaos", "measuring", "kill and cut the stack under load, then compare", passes_on=True)
    add("planted", "measuring", "plant faults in the code; show what finds them", passes_on=True)
    add(
        "audit", "operating", "check the books of the running stack", passes_on=True, own_help=False
    )
    add(
        "flask",
        "operating",
        "a command of the API on the running stack",
        passes_on=True,
        own_help=False,
    )
    add("check", "checking", "lint, types, import rules, schema against models")
    reset = add("reset", "resetting", "delete the local data")
    reset.add_argument("--yes", action="store_true", help="do not ask")
    add("browser", "packages", "install the browser that the browser tests use", venv=False)
    lock = add("lock", "locking", "resolve and pin the requirements again", venv=False)
    lock.add_argument("--upgrade", action="store_true", help="take the newest versions")
    return parser
