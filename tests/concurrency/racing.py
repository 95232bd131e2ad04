"""Calls that race: started together, made to meet where it hurts, with the guards left out."""

import re
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, suppress
from types import ModuleType
from typing import Any, TypeVar

import psycopg
import pytest
from sqlalchemy import text

from domain.database import core_engine
from launcher.addresses import DatabaseUrls

T = TypeVar("T")

PATIENCE_SECONDS = 60.0
_LOCKING = re.compile(r"FOR (?:NO KEY )?UPDATE(?: OF \w+)?(?: SKIP LOCKED)?")


def race(calls: Sequence[Callable[[], T]]) -> list[T | Exception]:
    """Run calls at once, each in its own thread; returns what they returned or raised, in order."""
    warm_up(len(calls))
    start = threading.Barrier(len(calls))
    ends: list[Any] = [AssertionError("never came back")] * len(calls)

    def run(number: int) -> None:
        start.wait(PATIENCE_SECONDS)
        try:
            ends[number] = calls[number]()
        except Exception as error:
            ends[number] = error

    threads = [threading.Thread(target=run, args=(n,), daemon=True) for n in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    return ends


def warm_up(count: int) -> None:
    """Fill the pool with connections, so that the racers start alike."""
    connections = [core_engine().connect() for _ in range(count)]
    for connection in connections:
        connection.close()


class Meeting:
    """A place in the code where callers wait for each other, or until patience ends once.

    Without a guard all of them get there and go on together, each with what it has read. With it
    the first waits alone while the others queue behind its lock.
    """

    def __init__(self, callers: int, *, seconds: float = 10.0) -> None:
        self._barrier = threading.Barrier(callers)
        self._seconds = seconds

    def after(self, patch: pytest.MonkeyPatch, owner: object, name: str) -> None:
        """Meet when `owner.name` returns."""
        wrapped = getattr(owner, name)

        def meeting(*args: Any, **values: Any) -> Any:
            found = wrapped(*args, **values)
            self.wait()
            return found

        patch.setattr(owner, name, meeting)

    def wait(self) -> None:
        """Wait for the others; nobody waits any more once they did not come."""
        with suppress(threading.BrokenBarrierError):
            self._barrier.wait(self._seconds)


class Pause:
    """A place in the code where the first caller stops until it is let go."""

    def __init__(self) -> None:
        self.is_reached = threading.Event()
        self._go_on = threading.Event()

    def after(self, patch: pytest.MonkeyPatch, owner: object, name: str) -> None:
        """Stop when `owner.name` returns for the first time."""
        wrapped = getattr(owner, name)

        def pausing(*args: Any, **values: Any) -> Any:
            found = wrapped(*args, **values)
            self._stop()
            return found

        patch.setattr(owner, name, pausing)

    def before(self, patch: pytest.MonkeyPatch, owner: object, name: str) -> None:
        """Stop when `owner.name` is called for the first time."""
        wrapped = getattr(owner, name)

        def pausing(*args: Any, **values: Any) -> Any:
            self._stop()
            return wrapped(*args, **values)

        patch.setattr(owner, name, pausing)

    def _stop(self) -> None:
        if not self.is_reached.is_set():
            self.is_reached.set()
            assert self._go_on.wait(PATIENCE_SECONDS), "never let go"

    def let_go(self) -> None:
        self._go_on.set()


def overtake(first: Callable[[], Any], second: Callable[[], Any], pause: Pause) -> list[Any]:
    """Run `first` up to its pause, then `second` as far as it gets, then `first` to its end.

    Returns what both returned or raised. Without a guard the second gets to its end.
    """
    with ThreadPoolExecutor(2) as pool:
        paused = pool.submit(first)
        assert pause.is_reached.wait(PATIENCE_SECONDS), "the first never got to its pause"
        passing = pool.submit(second)
        wait([passing], timeout=0.5)
        pause.let_go()
        return [future.exception() or future.result() for future in (paused, passing)]


def unlock(patch: pytest.MonkeyPatch, module: ModuleType, *names: str) -> None:
    """Leave the locking out of statements."""
    for name in names:
        statement = getattr(module, name).text
        assert _LOCKING.search(statement), f"{module.__name__}.{name} locks nothing"
        patch.setattr(module, name, text(_LOCKING.sub("", statement)))


def rewrite(patch: pytest.MonkeyPatch, module: ModuleType, name: str, old: str, new: str) -> None:
    """Replace a part of a statement."""
    statement = getattr(module, name).text
    assert old in statement, f"{module.__name__}.{name} does not say {old}"
    patch.setattr(module, name, text(statement.replace(old, new)))


def as_owner(database: DatabaseUrls, *statements: str) -> None:
    """Run statements as the owner of the schema: drop the constraints that guarantee."""
    address = database.owner.replace("+psycopg", "")
    with closing(psycopg.connect(address, autocommit=True)) as connection:
        for statement in statements:
            connection.execute(statement)  # type: ignore[arg-type]


def rewrite_function(database: DatabaseUrls, name: str, old: str, new: str) -> None:
    """Replace a part of a database function, wherever it stands there."""
    address = database.owner.replace("+psycopg", "")
    with closing(psycopg.connect(address, autocommit=True)) as connection:
        found = connection.execute("SELECT pg_get_functiondef(%s::regproc)", [name]).fetchone()
        assert found is not None
        assert old in found[0], f"{name} does not say {old}"
        connection.execute(found[0].replace(old, new))


def unlock_functions(database: DatabaseUrls, *names: str) -> None:
    """Leave the locking out of database functions."""
    address = database.owner.replace("+psycopg", "")
    with closing(psycopg.connect(address, autocommit=True)) as connection:
        for name in names:
            found = connection.execute("SELECT pg_get_functiondef(%s::regproc)", [name]).fetchone()
            assert found is not None
            assert _LOCKING.search(found[0]), f"{name} locks nothing"
            connection.execute(_LOCKING.sub("", found[0]))
