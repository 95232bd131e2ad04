"""A place, a quiet terminal and dummy programs for the tests of the launcher."""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest

from launcher.accounts import QUIET_ENVIRONMENT
from launcher.places import Place
from launcher.programs import Program
from launcher.supervisor import Supervisor
from launcher.terminal import Terminal


@dataclass
class Stage:
    """A supervisor, the text its terminal showed, and a folder for what programs write."""

    supervisor: Supervisor
    shown: StringIO
    folder: Path

    @property
    def story(self) -> list[str]:
        """What the dummy programs wrote, in order."""
        path = self.folder / "story"
        return path.read_text().splitlines() if path.exists() else []

    def dummy(self, name: str, body: str = "", **more: object) -> Program:
        """A program that writes its start and its stop into the story, then runs the body."""
        script = f"""
import os, signal, sys, time
def write(what):
    with open("story", "a") as story:
        story.write(what + "\\n")
def leave(*_):
    write("{name} stops")
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
write("{name} starts")
{body}
open("{name}.ready", "w").close()
while True:
    time.sleep(0.02)
"""
        options = {"is_ready": (self.folder / f"{name}.ready").exists, **more}
        return Program(
            name=name,
            command=(sys.executable, "-c", script),
            environment=QUIET_ENVIRONMENT,
            folder=self.folder,
            **options,
        )

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        """Let time pass, while the supervisor looks after its programs, until it is so."""
        _wait_until(self.supervisor, is_so)


def _wait_until(supervisor: Supervisor, is_so: Callable[[], bool]) -> None:
    patience = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < patience, "it never came about"
        supervisor.attend(("/bin/sleep", "0.1"), QUIET_ENVIRONMENT)


@pytest.fixture
def wait_until() -> Callable[[Supervisor, Callable[[], bool]], None]:
    return _wait_until


@pytest.fixture
def supervisor(place: Place) -> Iterator[Supervisor]:
    with Supervisor(logs=place.logs, terminal=Terminal(StringIO())) as made:
        yield made


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    shown = StringIO()
    with Supervisor(logs=tmp_path, terminal=Terminal(shown)) as supervisor:
        yield Stage(supervisor, shown, tmp_path)


@pytest.fixture
def place() -> Iterator[Place]:
    """Folders that the servers' user can enter, also when root runs the tests."""
    home = Path(tempfile.mkdtemp(prefix="pinbu-launcher-", dir="/tmp")).resolve()
    made = Place(home=home, servers=home / "servers", logs=home / "log")
    made.prepare()
    home.chmod(0o711)
    yield made
    shutil.rmtree(home, ignore_errors=True)
