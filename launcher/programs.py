"""A program to keep running, and the child process that runs it at present."""

import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from launcher.accounts import Account
from launcher.children import signal_group, signal_leader, spawn
from launcher.errors import CannotGoOn
from launcher.places import PROJECT

FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 30.0
# A program that ran so long before it crashed begins with the first delay again.
STABLE_SECONDS = 10.0


@dataclass(frozen=True)
class Program:
    """What to run, how to know that it is ready, and how to stop it."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path = PROJECT
    account: Account | None = None
    is_ready: Callable[[], bool] | None = None
    before_start: Callable[[], None] | None = None
    ready_seconds: float = 60.0
    attempts: int = 1
    stop_signal: int = signal.SIGTERM
    stop_seconds: float = 15.0
    detail: str = ""


@dataclass
class Child:
    """One program's present process, and how often it has crashed."""

    program: Program
    log: Path
    is_up: bool = False
    code: int | None = None
    started_at: float = 0.0
    restart_at: float | None = None
    _crashes: int = 0
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def pid(self) -> int | None:
        """Return the number of the running process."""
        return self._process.pid if self._process else None

    @property
    def age_seconds(self) -> float:
        """Return for how long the present process has been running."""
        return time.monotonic() - self.started_at

    def spawn(self) -> None:
        """Start the process; its output is added to the log. Raises CannotGoOn."""
        program = self.program
        if program.before_start:
            program.before_start()
        try:
            with self.log.open("ab") as output:
                self._process = spawn(
                    program.command,
                    environment=program.environment,
                    folder=program.folder,
                    output=output,
                    account=program.account,
                    death_signal=program.stop_signal,
                )
        except (OSError, subprocess.SubprocessError) as error:
            raise CannotGoOn(f"{program.name} cannot be started: {error}") from error
        self.started_at = time.monotonic()
        self.code = None
        self.restart_at = None

    def has_ended(self) -> bool:
        """Tell whether the process is gone; the first time, end what it left in its group."""
        if self._process is None:
            return True
        code = self._process.poll()
        if code is None:
            return False
        signal_group(self._process, signal.SIGKILL)
        self.code = code
        self._process = None
        return True

    def plan_restart(self) -> float:
        """Set when to start again; the delay doubles with every crash. Returns its seconds."""
        if self.age_seconds > STABLE_SECONDS:
            self._crashes = 0
        delay = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0**self._crashes)
        self._crashes += 1
        self.restart_at = time.monotonic() + delay
        return delay

    def ask_to_stop(self) -> None:
        """Send the program's own stop signal."""
        if self._process:
            signal_leader(self._process, self.program.stop_signal)

    def kill(self) -> None:
        """End the process and its group at once."""
        if self._process:
            signal_group(self._process, signal.SIGKILL)
            self._process.wait()
            self.has_ended()
