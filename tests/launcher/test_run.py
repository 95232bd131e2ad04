import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from launcher.places import PROJECT
from launcher.ports import free_port


class Launcher:
    """The real command in a place of its own, with the servers and the schema only."""

    def __init__(self, place):
        self.home = place.home / "var"
        self.environment = {
            name: value for name, value in os.environ.items() if not name.endswith("_URL")
        } | {
            "PINBU_VAR": str(self.home),
            "PINBU_SERVERS_DIR": str(place.home),
            "PINBU_POSTGRES_PORT": str(free_port()),
            "PINBU_VALKEY_PORT": str(free_port()),
            "NO_COLOR": "1",
        }
        self.running = []

    def command(self, *arguments):
        return subprocess.run(
            [sys.executable, "-m", "launcher", *arguments],
            cwd=PROJECT,
            env=self.environment,
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )

    def run(self, only="postgres,valkey", *more):
        """Start `run` and wait for its last line."""
        process = subprocess.Popen(
            [sys.executable, "-m", "launcher", "run", "--only", only, *more],
            cwd=PROJECT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.running.append(process)
        shown = []
        for line in process.stdout:
            shown.append(line)
            if "Ctrl-C stops" in line:
                return process, "".join(shown)
        raise AssertionError("".join(shown))

    def connect(self):
        password = (self.home / "keys/postgres").read_text()
        port = self.environment["PINBU_POSTGRES_PORT"]
        url = f"postgresql://postgres:{password}@127.0.0.1:{port}/pinbu"
        return psycopg.connect(url, autocommit=True)


@pytest.fixture
def launcher(place):
    made = Launcher(place)
    yield made
    for process in made.running:
        if process.poll() is None:
            process.terminate()
        process.wait()
        process.stdout.close()


def test_data_outlives_a_stop_and_a_killed_launcher(launcher):
    process, shown = launcher.run()
    with launcher.connect() as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    process.kill()
    process.wait()
    again, _ = launcher.run()
    again.send_signal(signal.SIGINT)
    rest = again.stdout.read()
    again.wait()
    launcher.run()

    with launcher.connect() as connection:
        kept = connection.execute("SELECT number FROM kept").fetchone()

    assert kept == (7,)
    assert again.returncode == 0
    assert rest.endswith("Stopped.\n")
    assert "Pinbu is running." in shown


def test_one_place_has_one_launcher(launcher):
    process, _ = launcher.run("valkey")

    second = launcher.command("run", "--only", "valkey")
    reset = launcher.command("reset", "--yes")

    assert second.returncode == reset.returncode == 1
    assert f"already running here (pid {process.pid}" in second.stderr
    assert f"already running here (pid {process.pid}" in reset.stderr


def test_reset_deletes_data_and_keys_after_saying_so(launcher, place):
    process, _ = launcher.run("valkey")
    process.terminate()
    process.wait()

    done = launcher.command("reset")

    assert done.returncode == 0
    assert str(launcher.home) in done.stdout
    assert not launcher.home.exists()
    assert [path.name for path in place.home.iterdir() if path.name.startswith("pinbu-")] == []


def test_secrets_are_readable_by_their_owner_only(launcher):
    launcher.run("valkey")

    modes = {oct(path.stat().st_mode & 0o777) for path in (launcher.home / "keys").iterdir()}

    assert modes == {"0o600"}
    assert (launcher.home / "keys").stat().st_mode & 0o777 == 0o700


def test_a_wish_that_makes_no_sense_is_answered_in_words(launcher):
    done = launcher.command("run", "--only", "postgres,mysql")

    assert done.returncode == 1
    assert "not mysql" in done.stderr
    assert "Traceback" not in done.stderr


def test_bench_starts_nothing_beside_the_benchmark(launcher):
    done = launcher.command("bench", "no_such_figure", "--quick")

    assert done.returncode == 2
    assert done.stderr.startswith("usage: python -m bench")
    assert done.stdout == ""
    assert not (launcher.home / "log").exists()


def test_help_of_the_demo_shows_its_own_options_and_starts_nothing(launcher):
    done = launcher.command("demo", "--help")

    assert done.returncode == 0
    assert "--keep" in done.stdout
    assert "--share-rate" in done.stdout
    assert not (launcher.home / "log").exists()


def test_make_hands_its_variables_on():
    def shown(*arguments):
        # The tests may run under make themselves, which tells its children how to print.
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
        command = ["make", "--dry-run", "PYTHON=python3", *arguments]
        return subprocess.run(
            command, cwd=PROJECT, env=environment, check=True, capture_output=True, text=True
        ).stdout.strip()

    assert shown("run", "DEMO=100") == "python3 -m launcher run --demo 100"
    assert shown("demo", "KEEP=1", "SIZE=9") == "python3 -m launcher demo --keep --size 9"


def test_audit_without_a_running_stack_says_so(launcher):
    done = launcher.command("audit")

    assert done.returncode == 1
    assert "Pinbu is not running here." in done.stderr
    assert "make run" in done.stderr
    assert not launcher.home.exists()


def test_audit_names_the_server_that_is_missing(launcher):
    launcher.run("valkey")

    done = launcher.command("audit")

    assert done.returncode == 1
    assert f"port {launcher.environment['PINBU_POSTGRES_PORT']}" in done.stderr
    assert "Traceback" not in done.stderr


def test_commands_of_the_api_know_the_running_stack(launcher):
    port = str(free_port())
    launcher.run("postgres,valkey,bootstrap,migrate", "--postgres-port", port)

    added = launcher.command(
        *("flask", "merchants-add", "新商家", "--app-id", "wx1", "--app-secret", "s")
    )
    audited = launcher.command("audit", "--json")

    assert added.returncode == 0, added.stderr
    assert json.loads(added.stdout)["app_id"] == "wx1"
    assert audited.returncode == 0, audited.stderr
    assert json.loads(audited.stdout)["is_ok"]


def test_taken_port_leaves_no_folder_behind(launcher, place):
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        done = launcher.command("run", "--only", "valkey", "--valkey-port", str(taken))

    assert done.returncode == 1
    assert f"{taken} (valkey)" in done.stderr
    assert [path.name for path in place.home.iterdir() if path.name.startswith("pinbu-")] == []
    assert not (launcher.home / "log").exists()


def test_half_of_an_outside_database_is_refused(launcher):
    launcher.environment["DATABASE_URL"] = "postgresql+psycopg://a@db/pinbu"

    done = launcher.command("run")

    assert done.returncode == 1
    assert "OWNER_DATABASE_URL and MERCHANT_DATABASE_URL is not" in done.stderr


def test_outside_servers_keep_the_embedded_ones_off(launcher, place):
    for name in ("OWNER_DATABASE_URL", "DATABASE_URL", "MERCHANT_DATABASE_URL"):
        launcher.environment[name] = "postgresql+psycopg://a@db/pinbu"
    launcher.environment["REDIS_URL"] = "redis://cache/0"

    launcher.run("postgres,valkey")

    assert json.loads((launcher.home / "processes.json").read_text()) == []
    assert not list(Path(place.home).glob("*/postgres"))
