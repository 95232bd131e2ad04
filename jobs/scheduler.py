"""The scheduler: `python -m jobs.scheduler`. Puts due looks on the queues; one at a time works.

Queues hold at most `copies` of each look, so a queue that nobody serves does not grow, and a
flushed Redis is filled again within a tick. A database lock keeps a second scheduler waiting.
"""

import logging
import signal
import threading
import time
from collections import Counter
from types import FrameType

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from domain.checkout.looking import find_due
from domain.database import leadership, read_clock
from domain.logs import configure_logging
from domain.public_ids import new_public_id
from jobs.queues import FAILURES_KEPT_SECONDS, NAMES, queue
from jobs.schedule import SCHEDULE, WORK_KINDS, Periodic
from jobs.starting import require_configuration

logger = logging.getLogger(__name__)

IDLE_TICK_SECONDS = 0.5
BUSY_TICK_SECONDS = 0.1
BUSY_FOR_SECONDS = 2.0
_LEADER_LOCK = 7_206_518


def job_id(entry: Periodic) -> str:
    """Return a new job's id: its function, so that waiting copies can be counted, and chance."""
    return f"{entry.function.replace('.', '-')}_{new_public_id()}"


def enqueue_due(entries: list[Periodic]) -> None:
    """Put looks on their queues, as far as not enough copies of them wait there."""
    for name in NAMES:
        wanted = [entry for entry in entries if entry.queue == name]
        if not wanted:
            continue
        waiting = Counter(waiting_id.rsplit("_", 1)[0] for waiting_id in queue(name).job_ids)
        for entry in wanted:
            for _ in range(entry.copies - waiting[entry.function.replace(".", "-")]):
                queue(name).enqueue(
                    entry.function,
                    job_id=job_id(entry),
                    job_timeout=entry.timeout_seconds,
                    result_ttl=0,
                    failure_ttl=FAILURES_KEPT_SECONDS,
                )


class Scheduler:
    """Enqueues each entry of the schedule at its interval until it is told to stop."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._last: dict[str, float] = {}
        self._busy_until = 0.0

    def stop(self, *_: int | FrameType | None) -> None:
        """Stop after the current tick; a signal handler."""
        self._stopping.set()

    def run(self) -> None:
        """Tick until stopped; waits out a database or a Redis that is away."""
        while not self._stopping.is_set():
            try:
                with leadership(_LEADER_LOCK) as is_leader:
                    while not self._stopping.wait(self._pause()):
                        if is_leader():
                            self.tick()
            except SQLAlchemyError:
                logger.warning("database away")
                self._stopping.wait(2)

    def _pause(self) -> float:
        """Tick fast while work is being found: one piece of work leads to the next."""
        return BUSY_TICK_SECONDS if time.monotonic() < self._busy_until else IDLE_TICK_SECONDS

    def tick(self) -> None:
        """Enqueue the looks that have something to find; a queue that is away is tried again."""
        now = time.monotonic()
        found = find_due(WORK_KINDS, at=read_clock())
        if found:
            self._busy_until = now + BUSY_FOR_SECONDS
        due = [
            entry
            for entry in SCHEDULE
            if now - self._last.get(entry.function, -1e9) >= entry.every_seconds
            and (entry.looks_for is None or entry.looks_for in found)
        ]
        try:
            enqueue_due(due)
        except RedisError:
            logger.warning("queue away")
        else:
            self._last.update({entry.function: now for entry in due})


def main() -> None:
    """Run the scheduler until a signal stops it."""
    require_configuration()
    configure_logging()
    scheduler = Scheduler()
    signal.signal(signal.SIGTERM, scheduler.stop)
    signal.signal(signal.SIGINT, scheduler.stop)
    scheduler.run()


if __name__ == "__main__":
    main()
