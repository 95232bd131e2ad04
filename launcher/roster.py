"""Which launcher owns a place, and which processes it started: no two run in one place."""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from launcher.errors import CannotGoOn
from launcher.ports import Ports

LEFTOVER_SECONDS = 15.0


class Roster:
    """The list of running processes in a file, so that the next launcher can end what is left."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, pids: Sequence[int]) -> None:
        """Note the running processes, each with when it started: numbers are used again."""
        members = [[pid, _born(pid)] for pid in pids]
        unfinished = self._path.with_suffix(".new")
        unfinished.write_text(json.dumps(members))
        unfinished.rename(self._path)

    def end_leftovers(self) -> int:
        """End processes that a killed launcher left behind; return how many there were.

        On Linux they die with it by themselves; here the last of them get the time to.
        """
        if not self._path.exists():
            return 0
        members = json.loads(self._path.read_text() or "[]")
        left = [pid for pid, born in members if born and _born(pid) == born]
        patience = time.monotonic() + LEFTOVER_SECONDS
        alive = list(left)
        for pid in reversed(left):
            _signal(pid, signal.SIGTERM)
        while alive and time.monotonic() < patience:
            time.sleep(0.1)
            alive = [pid for pid, born in members if born and _born(pid) == born]
        for pid in alive:
            _signal_group(pid, signal.SIGKILL)
        self._path.unlink()
        return len(left)


@contextlib.contextmanager
def sole_launcher(home: Path, about: Mapping[str, Any]) -> Iterator[None]:
    """Hold the place for one launcher; raises CannotGoOn if another holds it."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "launcher.lock").open("a+") as file:
        if not _locked(file.fileno()):
            raise already_running(home)
        file.truncate(0)
        file.write(json.dumps({"pid": os.getpid(), **about}))
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def require_no_launcher(home: Path) -> None:
    """Raise CannotGoOn if a launcher holds the place."""
    if _is_held(home):
        raise already_running(home)


def ports_of_launcher(home: Path) -> Ports:
    """Return the ports of the launcher that holds the place; raises CannotGoOn if none does."""
    if not _is_held(home):
        raise CannotGoOn("Pinbu is not running here.", mend="make run   (in another terminal)")
    return Ports(**_about(home).get("ports", {}))


def _is_held(home: Path) -> bool:
    path = home / "launcher.lock"
    if not path.exists():
        return False
    with path.open("a+") as file:
        return not _locked(file.fileno())


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def already_running(home: Path) -> CannotGoOn:
    """Return the error that says who runs, and how to stop it."""
    about = _about(home)
    details = ", ".join(f"{name} {value}" for name, value in about.items() if name != "ports")
    return CannotGoOn(
        f"Pinbu is already running here ({details or 'it is just starting'}).",
        mend=f"Ctrl-C in its terminal, or  kill {about.get('pid', '<its pid>')}",
    )


def _about(home: Path) -> dict[str, Any]:
    """Return what the launcher that holds the place wrote; nothing if it is just starting."""
    about: dict[str, Any] = {}
    with contextlib.suppress(json.JSONDecodeError, OSError):
        about = json.loads((home / "launcher.lock").read_text())
    return about


def _born(pid: int) -> str:
    """Return when a process started, in the system's words; empty if there is none."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.exists():
        with contextlib.suppress(OSError):
            # The name in parentheses may hold spaces; the 20th field after it is the start.
            fields = stat.read_text().rpartition(")")[2].split()
            return "" if fields[0] == "Z" else fields[19]
        return ""
    if Path("/proc/self/stat").exists():
        return ""
    return subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)],  # noqa: S607 - macOS, where its place is fixed
        check=False,
        capture_output=True,
        text=True,
    ).stdout.strip()


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
