"""Starts programs in order, restarts what crashes, stops all in the reverse order."""

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from launcher.children import signal_group, signal_leader, spawn
from launcher.errors import CannotGoOn, StopRequested
from launcher.places import PROJECT
from launcher.programs import Child, Program
from launcher.roster import Roster
from launcher.terminal import Terminal, last_lines

POLL_SECONDS = 0.05
WATCH_SECONDS = 0.2
RETRY_SECONDS = 0.5
COMMAND_STOP_SECONDS = 10.0
# `timeout make run` and a closing terminal signal us twice for one wish.
SAME_WISH_SECONDS = 1.0
# A program without a question to ask counts as ready when it has lived so long.
LIVED_SECONDS = 1.5
END_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Supervisor:
    """Owns the processes of one stack; it has no thread, all happens inside its waits."""

    def __init__(self, *, logs: Path, terminal: Terminal, roster: Roster | None = None) -> None:
        self._logs = logs
        self._terminal = terminal
        self._roster = roster
        self._children: list[Child] = []
        self._stop_requests = 0
        self._asked_at = float("-inf")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @contextlib.contextmanager
    def heeding_signals(self) -> Iterator[None]:
        """Let Ctrl-C, SIGTERM and a closed terminal request the stop."""
        before = {
            number: signal.signal(number, lambda *_: self.request_stop()) for number in END_SIGNALS
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def request_stop(self) -> None:
        """Make the present wait, or the next, raise StopRequested; again: kill what still runs."""
        now = time.monotonic()
        if now - self._asked_at > SAME_WISH_SECONDS:
            self._stop_requests += 1
            self._asked_at = now

    def start(self, *programs: Program) -> None:
        """Start programs side by side and wait until each is ready.

        Raises CannotGoOn with the end of the log of the first that does not become ready.
        """
        children = [Child(program, self._log(program.name)) for program in programs]
        for child in children:
            self._children.append(child)
            child.spawn()
        self._note()
        for child in children:
            self._terminal.begin(child.program.name)
            try:
                self._wait_until_ready(child)
            except CannotGoOn:
                self._terminal.failed(child.program.name)
                raise
            self._terminal.done(child.program.name, child.program.detail)

    def step(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> str:
        """Run a command to its end and return what it printed; raises CannotGoOn if it fails."""
        self._terminal.begin(name)
        log = self._log(name)
        with tempfile.TemporaryFile() as answer, log.open("wb") as errors:
            code = self._run(command, environment, answer, errors)
            answer.seek(0)
            printed = answer.read().decode(errors="replace")
        if code != 0:
            self._terminal.failed(name)
            with log.open("a") as errors_and_answer:
                errors_and_answer.write(printed)
            raise CannotGoOn(f"{name} ended with code {code}.{_end_of(log)}")
        self._terminal.done(name, word="done")
        return printed

    def attend(self, command: Sequence[str], environment: Mapping[str, str]) -> int:
        """Run a command that writes to the terminal, look after the others, return its code."""
        return self._run(command, environment, None, None)

    def watch(self) -> None:
        """Restart what crashes, until a stop is requested."""
        with contextlib.suppress(StopRequested):
            self.watch_until(lambda: False)

    def watch_until(self, holds: Callable[[], bool]) -> None:
        """Restart what crashes, until something holds; raises StopRequested."""
        while not holds():
            self._pause(WATCH_SECONDS)

    def pid_of(self, name: str) -> int | None:
        """Return the number of a program's present process; None while it has none."""
        return next((child.pid for child in self._children if child.program.name == name), None)

    @property
    def running(self) -> int:
        """Return how many programs are looked after."""
        return len(self._children)

    def stop(self, *, keep: int = 0) -> None:
        """Stop the programs but the first few, the last one first; may be repeated."""
        while len(self._children) > keep:
            self._stop(self._children.pop())
            self._note()

    def _run(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        output: IO[bytes] | None,
        errors: IO[bytes] | None,
    ) -> int:
        process = spawn(
            command, environment=environment, folder=PROJECT, output=output, errors=errors
        )
        try:
            while process.poll() is None:
                self._pause(POLL_SECONDS)
        except BaseException:
            signal_leader(process, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(COMMAND_STOP_SECONDS)
            signal_group(process, signal.SIGKILL)
            process.wait()
            raise
        return process.returncode

    def _wait_until_ready(self, child: Child) -> None:
        program = child.program
        patience = time.monotonic() + program.ready_seconds
        for attempt in range(1, program.attempts + 1):
            if attempt > 1:
                self._pause(RETRY_SECONDS)
                child.spawn()
                self._note()
            while not child.has_ended():
                if _is_ready(child):
                    child.is_up = True
                    return
                if time.monotonic() > patience:
                    raise CannotGoOn(
                        f"{program.name} is not ready after {program.ready_seconds:.0f} s."
                        f"{_end_of(child.log)}"
                    )
                self._pause(POLL_SECONDS)
        raise CannotGoOn(
            f"{program.name} ended with code {child.code} before it was ready.{_end_of(child.log)}"
        )

    def _pause(self, seconds: float) -> None:
        """Sleep, and look after the programs; raises StopRequested."""
        if self._stop_requests:
            raise StopRequested
        time.sleep(seconds)
        for child in self._children:
            if child.is_up:
                self._tend(child)

    def _tend(self, child: Child) -> None:
        name = child.program.name
        if child.restart_at is not None:
            if time.monotonic() >= child.restart_at:
                self._start_again(child)
        elif child.has_ended():
            age = child.age_seconds
            delay = child.plan_restart()
            self._terminal.warn(
                f"{name} ended with code {child.code} after {age:.0f} s; starting it again in"
                f" {delay:.1f} s ({child.log})"
            )
            self._note()

    def _start_again(self, child: Child) -> None:
        try:
            child.spawn()
        except CannotGoOn as error:
            delay = child.plan_restart()
            self._terminal.warn(
                f"{child.program.name} cannot start: {error}; again in {delay:.1f} s"
            )
            return
        self._note()

    def _stop(self, child: Child) -> None:
        child.ask_to_stop()
        patience = time.monotonic() + child.program.stop_seconds
        while not child.has_ended():
            if time.monotonic() > patience or self._stop_requests > 1:
                self._terminal.warn(f"{child.program.name} did not stop, killed")
                child.kill()
                return
            time.sleep(POLL_SECONDS)

    def _log(self, name: str) -> Path:
        """Return the log of a program; the one of the run before is kept beside it."""
        log = self._logs / f"{name}.log"
        if log.exists():
            os.replace(log, log.with_suffix(".log.1"))
        log.touch(mode=0o600)
        return log

    def _note(self) -> None:
        if self._roster:
            self._roster.write([child.pid for child in self._children if child.pid])


def _is_ready(child: Child) -> bool:
    if child.program.is_ready:
        return child.program.is_ready()
    return child.age_seconds > LIVED_SECONDS


def _end_of(log: Path) -> str:
    return f" The end of {log}:\n{last_lines(log)}"
