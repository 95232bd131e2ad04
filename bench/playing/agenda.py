"""What will happen when, on the business clock; and the loop that lets it happen.

The clock jumps to the start of the next step in which something happens; all of that step's events
are then performed in their order by several threads. So an event is early by up to a step, never
late, and what it leads to is planned from its own instant: the day does not drift.
"""

import heapq
import itertools
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from typing import Protocol

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """What the loop needs of the business clock."""

    def now(self) -> datetime:
        """Return the business instant."""

    def jump_to(self, at: datetime) -> None:
        """Jump to an instant, as soon as nothing is due before."""


class Agenda:
    """Events by their instant. Only one thread uses it: events return what they lead to."""

    def __init__(self) -> None:
        self._events: list[tuple[datetime, int, Event]] = []
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self._events)

    def add(self, at: datetime, event: "Event") -> None:
        """Plan an event; equal instants keep the order they were planned in."""
        heapq.heappush(self._events, (at, next(self._numbers), event))

    @property
    def next_at(self) -> datetime | None:
        """Return when the next event is, if there is one."""
        return self._events[0][0] if self._events else None

    def take_before(self, at: datetime) -> list["Event"]:
        """Take the events before an instant, in their order."""
        taken = []
        while self._events and self._events[0][0] < at:
            taken.append(heapq.heappop(self._events)[2])
        return taken


Event = Callable[[], "list[tuple[datetime, Event]]"]
"""Something to be done; returns the events it leads to."""


class Performer:
    """Performs an agenda with several threads, jumping from step to step."""

    def __init__(self, clock: Clock, threads: int, *, step: timedelta) -> None:
        self._clock = clock
        self._threads = threads
        self._step = step
        self.performed = 0
        self.acting_seconds = 0.0

    def perform(
        self, agenda: Agenda, *, until: datetime, on_step: Callable[[datetime], None]
    ) -> None:
        """Perform everything planned before an instant; then jump there."""
        with ThreadPoolExecutor(self._threads) as pool:
            while agenda.next_at is not None and agenda.next_at < until:
                begins = max(self._step_of(agenda.next_at), self._clock.now())
                ends = min(self._step_of(begins) + self._step, until)
                self._clock.jump_to(begins)
                began = time.monotonic()
                self._perform_step(pool, agenda, ends)
                self.acting_seconds += time.monotonic() - began
                on_step(ends)
        self._clock.jump_to(until)

    def _step_of(self, at: datetime) -> datetime:
        return _EPOCH + (at - _EPOCH) // self._step * self._step

    def _perform_step(self, pool: ThreadPoolExecutor, agenda: Agenda, ends: datetime) -> None:
        running: set[Future[list[tuple[datetime, Event]]]] = set()
        while True:
            running |= {pool.submit(event) for event in agenda.take_before(ends)}
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                self.performed += 1
                for at, event in future.result():
                    agenda.add(at, event)
