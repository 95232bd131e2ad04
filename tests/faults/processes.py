"""The product's processes, started and killed by a test."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from tests.sandbox_server import wait_until


class Running:
    """One process of ours in a session of its own, with what it writes in a file."""

    def __init__(self, log: Path, *arguments: str) -> None:
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pid = self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def child(self) -> int | None:
        """Return the number of its child, if it has one."""
        return next((pid for pid in _pids() if _parent_of(pid) == self.pid), None)

    def kill(self) -> None:
        """Kill it as the kernel does when memory is short."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it and its child, however it stands."""
        child = self.child()
        self._process.kill()
        self._process.wait()
        if child is not None:
            kill_child(child)


def kill_child(pid: int) -> None:
    """Kill a process that is not our own child."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def is_gone(pid: int) -> bool:
    """Say whether a process has ended; one that only waits to be buried has."""
    try:
        return _stat(pid)[0] == "Z"
    except OSError:
        return True


def wait_until_gone(pid: int) -> None:
    wait_until(lambda: is_gone(pid), seconds=5)


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _parent_of(pid: int) -> int:
    try:
        return int(_stat(pid)[1])
    except OSError:
        return 0


def _stat(pid: int) -> list[str]:
    """Return a process's state and what follows it in /proc: the parent's number is next."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
