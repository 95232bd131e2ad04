"""Delivers callbacks: at least once, on the real retry ladder, over restarts.

The rows of `callbacks` are the queue; memory only knows which of them are on their way, so a
restart sends those again.
"""

import json
import logging
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from sqlite3 import Row
from typing import Any

from sandbox import lies
from sandbox.faults import Fault
from sandbox.posting import Poster
from sandbox.store import Store
from sandbox.strikes import Strikes

# Seconds until the next try, counted from the failed one: 15s 15s 30s 3m 10m 20m 30m 30m 30m 60m
# 3h 3h 3h 6h 6h (WeChat Pay, payment callback: 24h4m in all).
LADDER = (15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600)
ACCEPTED = (200, 204)
_THREADS = 8
_AHEAD = 64
_LONGEST_PAUSE_SECONDS = 1.0
_DUE = "state = 'pending' AND is_held = 0 AND due_at <= ?"

Encode = Callable[[Any, Row], tuple[dict[str, str], bytes]]
IsAccepted = Callable[[int | None, bytes], bool]
Forge = Callable[[str, Any, Row], tuple[dict[str, str], bytes] | None]
logger = logging.getLogger(__name__)


def is_accepted(status: int | None, _body: bytes) -> bool:
    """Say whether an answer ends WeChat's tries."""
    return status in ACCEPTED


def no_forgery(_name: str, _account: Any, _row: Row) -> None:
    """Build none of the callbacks that must not be believed."""


@dataclass(frozen=True)
class Line:
    """How one gateway's callbacks go out: whose they are, their form, what ends them, the tries.

    `forge` builds one that must not be believed, by name; None if the gateway has no such.
    """

    find: Callable[[str], Any]
    encode: Encode
    is_accepted: IsAccepted
    ladder: Sequence[int]
    forge: Forge = no_forgery


class Courier:
    """The threads that carry callbacks out; `now` is business time."""

    def __init__(
        self,
        *,
        store: Store,
        now: Callable[[], float],
        lines: Sequence[Line],
        strikes: Strikes,
        before_round: Callable[[], None],
    ) -> None:
        self._store = store
        self._now = now
        self._lines = lines
        self._strikes = strikes
        self._before_round = before_round
        self._wake = threading.Event()
        self._queue: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._on_the_way: set[int] = set()

    def start(self) -> None:
        """Start the threads."""
        threading.Thread(target=self._dispatch, name="courier", daemon=True).start()
        for index in range(_THREADS):
            threading.Thread(target=self._carry, name=f"courier-{index}", daemon=True).start()

    def wake(self) -> None:
        """Look now: something became due."""
        self._wake.set()

    def _dispatch(self) -> None:
        while True:
            try:
                self._before_round()
                self._hand_out()
                pause = self._pause()
            except Exception:
                logger.exception("courier round failed")
                pause = _LONGEST_PAUSE_SECONDS
            self._wake.wait(pause)
            self._wake.clear()

    def _hand_out(self) -> None:
        if self._queue.qsize() > _AHEAD:
            return
        with self._lock:
            limit = len(self._on_the_way) + _AHEAD
        with self._store.snapshot() as db:
            due = db.execute(
                f"SELECT id FROM callbacks WHERE {_DUE} ORDER BY due_at LIMIT ?",  # noqa: S608
                (self._now(), limit),
            ).fetchall()
        for row in due:
            with self._lock:
                if row["id"] in self._on_the_way:
                    continue
                self._on_the_way.add(row["id"])
            self._queue.put(row["id"])

    def _pause(self) -> float:
        with self._store.snapshot() as db:
            row = db.execute(
                "SELECT min(due_at) AS due_at FROM callbacks"
                " WHERE state = 'pending' AND is_held = 0 AND due_at > ?",
                (self._now(),),
            ).fetchone()
        if row["due_at"] is None:
            return _LONGEST_PAUSE_SECONDS
        return min(_LONGEST_PAUSE_SECONDS, max(0.01, float(row["due_at"]) - self._now()))

    def _carry(self) -> None:
        poster = Poster()
        while True:
            callback_id = self._queue.get()
            try:
                self._deliver(poster, callback_id)
            except Exception:
                logger.exception("callback could not be handled", extra={"id": callback_id})
            with self._lock:
                self._on_the_way.discard(callback_id)
            if self._queue.empty():
                self.wake()

    def _deliver(self, poster: Poster, callback_id: int) -> None:
        with self._store.snapshot() as db:
            row = db.execute("SELECT * FROM callbacks WHERE id = ?", (callback_id,)).fetchone()
        if row["state"] != "pending" or row["is_held"]:
            return
        for line in self._lines:
            account = line.find(row["mchid"])
            if account is not None:
                self._send(poster, line, account, row)
                return

    def _send(self, poster: Poster, line: Line, account: Any, row: Row) -> None:
        faults = self._strikes.draw(row)
        if faults and self._strikes.keeps(row, faults):
            return

        told = _telling(faults, row)

        def genuine(by: Poster) -> tuple[int | None, str | None]:
            headers, body = line.encode(account, told)
            return attempt(by, row["url"], headers, body, line.is_accepted)

        def forged(name: str) -> None:
            message = line.forge(name, account, row)
            if message is not None:
                attempt(poster, row["url"], *message, line.is_accepted)

        if faults:
            status, error = self._strikes.send(faults, genuine, forged)
        else:
            status, error = genuine(poster)
        self._note(row, line.ladder, status, error)
        if error is None:
            self._strikes.release(row)

    def _note(self, row: Row, ladder: Sequence[int], status: int | None, error: str | None) -> None:
        now = self._now()
        attempts = row["attempts"] + 1
        state, due_at, delivered_at = "pending", now, None
        if error is None:
            state, delivered_at = "delivered", now
        elif attempts > len(ladder):
            state = "exhausted"
        else:
            due_at = now + ladder[attempts - 1]
        with self._store.transaction() as db:
            db.execute(
                "UPDATE callbacks SET state = ?, attempts = ?, due_at = ?, delivered_at = ?,"
                " last_status = ?, last_error = ? WHERE id = ?",
                (state, attempts, due_at, delivered_at, status, error, row["id"]),
            )


def _telling(faults: Mapping[str, Fault], row: Row) -> Any:
    """Return what a callback says: its row, or with what the lies that struck make of it."""
    if not lies.is_lying(faults):
        return row
    said = lies.tell(faults, json.loads(row["plaintext"]))
    return {**dict(row), "plaintext": json.dumps(said)}


def attempt(
    poster: Poster,
    url: str,
    headers: dict[str, str],
    body: bytes,
    accepts: IsAccepted = is_accepted,
) -> tuple[int | None, str | None]:
    """Post once; returns the status (None without an answer), and what went wrong, if it did."""
    try:
        status, content = poster.post(url, headers, body)
    except (OSError, HTTPException) as problem:
        return None, f"{type(problem).__name__}: {problem}"
    return status, None if accepts(status, content) else content[:200].decode(errors="replace")
