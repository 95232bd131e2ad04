"""How long the stack takes to come back: what is asked after each kind of fault.

Whatever is counted is counted from the first time a question is asked: after the fault.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import httpx
import psycopg
import redis

from bench.chaos.drawing import Kind
from bench.chaos.stage import Stage
from bench.stage.processes import tree_of
from jobs.schedule import SCHEDULE

POLL_SECONDS = 0.1
PATIENCE_SECONDS = 90.0
PATIENCE_OF_A_PROBE_SECONDS = 3.0
QUIET_SECONDS = 2.0
BOUNDS: dict[Kind, float] = {
    **dict.fromkeys(
        (
            *(Kind.WORKER_PARENT, Kind.WORKER_CHILD, Kind.WORKER_BOTH, Kind.WORKER_AGAIN),
            *(Kind.SCHEDULER, Kind.PAUSE),
        ),
        20.0,
    ),
    **dict.fromkeys(
        (Kind.API, Kind.API_PROCESS, Kind.POSTGRES, Kind.POSTGRES_BACKEND, Kind.VALKEY), 30.0
    ),
    **dict.fromkeys(
        (Kind.VALKEY_FLUSH, Kind.DELAY, Kind.CUT, Kind.RESET, Kind.DOWN, Kind.GATEWAY), 30.0
    ),
    Kind.RESTART: 60.0,
}
"""The longest recovery that is no violation, seconds."""
KINDS = {
    name: [
        entry.looks_for.removeprefix("work.")
        for entry in SCHEDULE
        if entry.queue == name and (entry.looks_for or "").startswith("work.")
    ]
    for name in ("settle", "gateway")
}
QUEUES = tuple(KINDS)
Question = Callable[[], bool]
Ask = Callable[..., list[tuple[object, ...]]]
_LEADER = (
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7206518 AND granted"
)
_DONE_AND_WAITING = """
    SELECT count(*) FILTER (WHERE state = 'done'),
        count(*) FILTER (WHERE state = 'leased' AND leased_until < now()
            OR state = 'due' AND due_at <= now() + c.offset_seconds * interval '1 second')
    FROM work_rows, clock_offset c WHERE kind = ANY(%s)
"""
_LEASED = """
    SELECT merchant_id, id, fence FROM work_rows WHERE state = 'leased' AND kind = ANY(%s)
"""
_STILL = """
    SELECT count(*) FROM work_rows w JOIN unnest(%s::bigint[], %s::bigint[], %s::bigint[])
        AS t (m, i, f) ON w.merchant_id = t.m AND w.id = t.i AND w.fence = t.f
    WHERE w.state = 'leased'
"""


def queue_of(worker: str) -> str:
    """Return which queue a worker works on."""
    return worker.split("_")[1]


@dataclass
class Finishing:
    """Is work of a queue being finished again, or has none been due for a while?

    Work counts that is done after the first answer of the database; rows whose lease ran out are
    due.
    """

    ask: Ask
    queue: str
    read_seconds: Callable[[], float] = time.monotonic
    _done: int | None = None
    _quiet_since: float | None = None

    def __call__(self) -> bool:
        """Answer; no while the database is away."""
        try:
            done, waiting = _numbers(self.ask(_DONE_AND_WAITING, KINDS[self.queue]))
        except psycopg.Error:
            self._quiet_since = None
            return False
        if self._done is None:
            self._done = done
        if done > self._done:
            return True
        now = self.read_seconds()
        if waiting:
            self._quiet_since = None
        elif self._quiet_since is None:
            self._quiet_since = now
        return self._quiet_since is not None and now - self._quiet_since >= QUIET_SECONDS


@dataclass
class Freed:
    """Are the rows that were leased when first asked done, free, or leased anew?"""

    ask: Ask
    queues: Sequence[str]
    rows: list[tuple[object, ...]] | None = None

    def __call__(self) -> bool:
        """Answer; no while the database is away."""
        with contextlib.suppress(psycopg.Error):
            if self.rows is None:
                kinds = [kind for queue in self.queues for kind in KINDS[queue]]
                self.rows = self.ask(_LEASED, kinds)
            if not self.rows:
                return True
            columns = [list(column) for column in zip(*self.rows, strict=True)]
            return _numbers(self.ask(_STILL, *columns)) == (0,)
        return False


@dataclass
class BackAtWork:
    """Has a worker a job in hand, in none of the processes that are gone, or is there none for it?

    A new process must have registered at its queue; one that outlived its child, or Valkey, needs
    not do so again.
    """

    stage: Stage
    worker: str
    gone: Collection[int]
    is_new: bool
    _empty_since: float | None = None

    def __call__(self) -> bool:
        """Answer; no while Valkey is away."""
        pid = self.stage.pid_of(self.worker)
        if pid is None or (self.is_new and pid in self.gone):
            return False
        if set(tree_of(pid)[1:]) - set(self.gone):
            return True
        with contextlib.suppress(redis.RedisError):
            return self._is_empty() and (not self.is_new or self._is_registered(pid))
        return False

    def _is_registered(self, pid: int) -> bool:
        valkey = self.stage.valkey
        members = valkey.smembers("rq:workers")
        return any(_number(valkey.hget(key, "pid")) == pid for key in members)  # type: ignore[union-attr]

    def _is_empty(self) -> bool:
        now = time.monotonic()
        if self.stage.valkey.llen(f"rq:queue:{queue_of(self.worker)}"):
            self._empty_since = None
        elif self._empty_since is None:
            self._empty_since = now
        return self._empty_since is not None and now - self._empty_since >= QUIET_SECONDS


@dataclass
class Probes:
    """Questions that a stack which has come back answers with yes; none of them raises."""

    stage: Stage
    share_token: str = ""

    def __post_init__(self) -> None:
        self._http = httpx.Client(timeout=PATIENCE_OF_A_PROBE_SECONDS, trust_env=False)
        self._guests = 0

    def writes(self) -> bool:
        """Ask whether a write through the API succeeds: a stranger opens a share."""
        self._guests += 1
        try:
            answer = self._http.get(
                f"{self.stage.url('api')}/v1/shares/{self.share_token}",
                headers={"X-Device-Id": f"probe-{self._guests}"},
            )
        except httpx.HTTPError:
            return False
        return answer.is_success

    def is_led(self) -> bool:
        """Ask whether a scheduler holds the lead."""
        with contextlib.suppress(psycopg.Error):
            return _numbers(self.stage.ask(_LEADER)) > (0,)
        return False

    def answers_of_valkey(self) -> bool:
        """Ask whether Valkey answers."""
        with contextlib.suppress(redis.RedisError):
            return bool(self.stage.valkey.ping())
        return False

    def all_finish(self) -> dict[str, Question]:
        """Return what is asked where both queues must move again."""
        return {f"work of {queue}": Finishing(self.stage.ask, queue) for queue in QUEUES}


@dataclass
class Recovery:
    """What was asked after a fault, and after how many seconds each was answered with yes."""

    questions: dict[str, Question]
    since: float
    seconds: dict[str, float] = field(default_factory=dict)

    def wait(self, is_over: threading.Event) -> float | None:
        """Ask until each has been answered with yes; returns how long, None if too long."""
        while True:
            for name, question in self.questions.items():
                if name not in self.seconds and question():
                    self.seconds[name] = time.monotonic() - self.since
            if len(self.seconds) == len(self.questions):
                return max(self.seconds.values(), default=0.0)
            if time.monotonic() - self.since > PATIENCE_SECONDS or is_over.wait(POLL_SECONDS):
                return None


def _numbers(rows: list[tuple[object, ...]]) -> tuple[int, ...]:
    [row] = rows
    return tuple(int(str(value)) for value in row)


def _number(value: object) -> int:
    return int(value) if isinstance(value, bytes) and value.isdigit() else 0
