"""How long the stack takes to come back: what is asked after each kind of fault."""

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
import psycopg
import redis

from bench.chaos.drawing import Kind
from bench.chaos.stage import Stage
from jobs.schedule import SCHEDULE

POLL_SECONDS = 0.2
PATIENCE_SECONDS = 90.0
PATIENCE_OF_A_PROBE_SECONDS = 3.0
BOUNDS: dict[Kind, float] = {
    **dict.fromkeys(
        (Kind.WORKER_PARENT, Kind.WORKER_CHILD, Kind.WORKER_BOTH, Kind.SCHEDULER, Kind.PAUSE), 20.0
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
_LEADER = (
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7206518 AND granted"
)
_DONE = "SELECT count(*) FROM work_rows WHERE state = 'done' AND kind = ANY(%s)"
_WAITING = """
    SELECT count(*) FROM work_rows, clock_offset c WHERE kind = ANY(%s) AND state = 'due'
        AND due_at <= now() + c.offset_seconds * interval '1 second'
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


@dataclass(frozen=True)
class Mark:
    """How much was done when a fault struck, by queue."""

    at: float
    done: dict[str, int]


@dataclass
class Probes:
    """Questions that a stack which has come back answers with yes; none of them raises."""

    stage: Stage
    share_token: str = ""

    def __post_init__(self) -> None:
        self._http = httpx.Client(timeout=PATIENCE_OF_A_PROBE_SECONDS, trust_env=False)
        self._guests = 0

    def mark(self) -> Mark:
        """Note how much is done; nothing where the database is away."""
        done = {}
        for queue, kinds in KINDS.items():
            with contextlib.suppress(psycopg.Error):
                done[queue] = self._count(_DONE, kinds)
        return Mark(time.monotonic(), done)

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

    def finishes(self, queue: str, mark: Mark) -> bool:
        """Ask whether work of a queue has been finished since, or none is due."""
        with contextlib.suppress(psycopg.Error):
            if self._count(_DONE, KINDS[queue]) > mark.done.get(queue, 1 << 60):
                return True
            return self._count(_WAITING, KINDS[queue]) == 0
        return False

    def is_led(self) -> bool:
        """Ask whether a scheduler holds the lead."""
        with contextlib.suppress(psycopg.Error):
            return self._count(_LEADER) > 0
        return False

    def listens(self, worker: str, *, but_not: int | None) -> bool:
        """Ask whether a worker has another process than before, and that one is at its queue."""
        pid = self.stage.pid_of(worker)
        if pid is None or pid == but_not:
            return False
        with contextlib.suppress(redis.RedisError):
            valkey = self.stage.valkey
            members = valkey.smembers("rq:workers")
            return any(_number(valkey.hget(key, "pid")) == pid for key in members)  # type: ignore[union-attr]
        return False

    def answers_of_valkey(self) -> bool:
        """Ask whether Valkey answers."""
        with contextlib.suppress(redis.RedisError):
            return bool(self.stage.valkey.ping())
        return False

    def _count(self, statement: str, *values: object) -> int:
        [[count]] = self.stage.ask(statement, *values)
        return int(str(count))


def _number(value: object) -> int:
    return int(value) if isinstance(value, bytes) and value.isdigit() else 0


def wait_for_all(
    questions: list[Callable[[], bool]], *, since: float, is_over: threading.Event
) -> float | None:
    """Ask until each has been answered with yes; returns the seconds since, None if too long."""
    left = list(questions)
    while True:
        left = [question for question in left if not question()]
        seconds = time.monotonic() - since
        if not left:
            return seconds
        if seconds > PATIENCE_SECONDS or is_over.is_set():
            return None
        time.sleep(POLL_SECONDS)


@dataclass
class Rescues:
    """Watches rows that were leased when their workers were killed, until others have them."""

    stage: Stage
    seconds: dict[int, float] = field(default_factory=dict)
    _watched: list[tuple[int, float, list[tuple[int, int, int]]]] = field(default_factory=list)

    def leased(self, queue: str) -> list[tuple[int, int, int]]:
        """List the rows of a queue that are leased at present."""
        with contextlib.suppress(psycopg.Error):
            rows = self.stage.ask(_LEASED, KINDS[queue])
            return [(int(str(m)), int(str(i)), int(str(f))) for m, i, f in rows]
        return []

    def watch(self, number: int, at: float, rows: list[tuple[int, int, int]]) -> None:
        """Watch rows from now on."""
        if rows:
            self._watched.append((number, at, rows))

    def look(self) -> None:
        """Look which of those watched are free, or done."""
        for number, at, rows in list(self._watched):
            with contextlib.suppress(psycopg.Error):
                columns = [list(column) for column in zip(*rows, strict=True)]
                [[count]] = self.stage.ask(_STILL, *columns)
                if count == 0:
                    self.seconds[number] = time.monotonic() - at
                    self._watched.remove((number, at, rows))

    @property
    def left(self) -> int:
        """Return how many are still watched."""
        return len(self._watched)
