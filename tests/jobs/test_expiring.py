"""Expiring is looked for while something is due, and done by a worker."""

import redis

from domain.database import transaction
from jobs import expiring
from jobs.queues import SETTLE, queue
from jobs.scheduler import Scheduler
from tests.concurrency.arena import Arena
from tests.factories.instruments import make_coupon


def looks() -> set[str]:
    return {job.func_name for job in queue(SETTLE).get_jobs()} & {
        "jobs.expiring.expire",
        "jobs.expiring.warn",
    }


def states(arena: Arena) -> list[tuple[str, bool]]:
    return [
        (state, is_warned)
        for state, is_warned in arena.rows(
            "SELECT state, warned_at IS NOT NULL FROM instruments ORDER BY id"
        )
    ]


def give(arena: Arena, *, days: int) -> None:
    shopper = arena.shopper()
    with transaction() as session:
        make_coupon(session, shopper, 500, at=arena.start, valid_days=days)


def test_coupon_that_lives_long_is_not_looked_for(queue_server: redis.Redis, arena: Arena) -> None:
    give(arena, days=30)

    Scheduler().tick()

    assert looks() == set()


def test_coupon_is_warned_of_and_expired_by_jobs(queue_server: redis.Redis, arena: Arena) -> None:
    give(arena, days=1)
    give(arena, days=3)

    Scheduler().tick()

    assert looks() == {"jobs.expiring.expire", "jobs.expiring.warn"}
    assert (expiring.expire(), expiring.warn()) == (1, 1)
    assert states(arena) == [("expired", False), ("issued", True)]
    queue_server.flushdb()
    Scheduler().tick()
    assert looks() == set()
