"""Conveying gateway calls: each at its slot, many at once, while the next are being prepared.

The threads call and nothing else: what they hear is recorded by who put the calls on the belt.
"""

import heapq
import itertools
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, Self, TypeVar

from domain import clock

MOST_CALLS = 64
MOST_UNDER_WAY = 4 * MOST_CALLS
LATEST = timedelta(milliseconds=100)

Job = TypeVar("Job")
Heard = TypeVar("Heard")


class SlotMissed(Exception):
    """A call was not made, as its slot went by: later it would be one too many in a second."""


@dataclass(frozen=True, slots=True)
class Ended(Generic[Job, Heard]):
    """A call that is over: what it heard, or what it raised."""

    job: Job
    heard: Heard | None = None
    error: BaseException | None = None

    def result(self) -> Heard:
        """Return what was heard. Raises what the call raised."""
        if self.error is not None:
            raise self.error
        if self.heard is None:
            raise LookupError("a call that heard nothing")
        return self.heard


class Belt(Generic[Job, Heard]):
    """Calls on their way; one thread puts jobs on and takes ended calls off."""

    def __init__(self, call: Callable[[Job], Heard]) -> None:
        self._call = call
        self._pool = ThreadPoolExecutor(MOST_CALLS, thread_name_prefix="gateway")
        self._ended: queue.SimpleQueue[Ended[Job, Heard]] = queue.SimpleQueue()
        self._order = itertools.count()
        self._waiting: list[tuple[datetime, int, Job, bool]] = []
        self._changed = threading.Condition()
        self._is_closed = False
        self._pacer = threading.Thread(target=self._pace, name="pacer", daemon=True)
        self._pacer.start()
        self._under_way: dict[int, Job] = {}
        self._most = MOST_UNDER_WAY

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Wait for the calls under way; not by an exception, such as the end of a job's time."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._pacer.join()
        self._pool.shutdown(wait=kind is None, cancel_futures=True)

    @property
    def places(self) -> int:
        """Return how many more jobs the belt takes."""
        return max(0, self._most - len(self._under_way))

    @property
    def under_way(self) -> list[Job]:
        """Return the jobs that wait for their slot, are called, or have not been taken off."""
        return list(self._under_way.values())

    def put(self, job: Job, *, slot: datetime | None = None) -> None:
        """Have a job called at a real instant, its slot; without one as soon as there is room."""
        self._under_way[id(job)] = job
        entry = (slot or clock.real_now(), next(self._order), job, slot is not None)
        with self._changed:
            heapq.heappush(self._waiting, entry)
            self._changed.notify()

    def take(self, *, seconds: float) -> list[Ended[Job, Heard]]:
        """Gather calls that have ended, for some time, or until none is under way."""
        gathered: list[Ended[Job, Heard]] = []
        ends_at = time.monotonic() + seconds
        while self._under_way:
            try:
                ended = self._ended.get(timeout=max(0.0, ends_at - time.monotonic()))
            except queue.Empty:
                break
            del self._under_way[id(ended.job)]
            gathered.append(ended)
        is_late = any(isinstance(ended.error, SlotMissed) for ended in gathered)
        is_full = len(self._under_way) - len(self._waiting) >= MOST_CALLS
        # Where calls came too late as no thread was free, more of them would be late as well.
        self._most = MOST_CALLS if is_late and is_full else MOST_UNDER_WAY
        return gathered

    def _pace(self) -> None:
        while True:
            with self._changed:
                if self._is_closed:
                    return
                pause = self._pause()
                if pause is None or pause > 0:
                    self._changed.wait(pause)
                    continue
                slot, _, job, has_slot = heapq.heappop(self._waiting)
            self._pool.submit(self._run, job, slot if has_slot else None)

    def _pause(self) -> float | None:
        if not self._waiting:
            return None
        return (self._waiting[0][0] - clock.real_now()).total_seconds()

    def _run(self, job: Job, slot: datetime | None) -> None:
        if slot is not None and clock.real_now() - slot > LATEST:
            self._ended.put(Ended(job, error=SlotMissed()))
            return
        try:
            ended: Ended[Job, Heard] = Ended(job, self._call(job))
        except BaseException as error:
            ended = Ended(job, error=error)
        self._ended.put(ended)
