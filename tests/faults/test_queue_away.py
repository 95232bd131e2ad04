"""The queue tells, the database knows: a queue that is flushed or gone loses nothing."""

import pytest

from jobs.queues import NAMES, queue
from tests.concurrency.arena import DAY, Arena
from tests.faults.conftest import OwnValkey, Start
from tests.sandbox_server import wait_until
from tests.world import World, expect

pytestmark = pytest.mark.transactional

GROUPS = 10


def failed(arena: Arena) -> int:
    found: int = arena.one("SELECT count(*) FROM groups WHERE state = 'failed'")
    return found


def told(arena: Arena) -> int:
    found: int = arena.one("SELECT count(*) FROM notices")
    return found


def test_flushed_queue_loses_nothing(own_valkey: OwnValkey, arena: Arena, start: Start) -> None:
    for _ in range(GROUPS):
        arena.opened(arena.start)
    start("jobs.scheduler")
    wait_until(lambda: queue("settle").count >= 2, seconds=30)
    own_valkey.client.flushall()
    start("jobs.worker", "settle")

    wait_until(lambda: failed(arena) == GROUPS, seconds=30)
    for _ in range(GROUPS):
        arena.opened(arena.start)
        own_valkey.client.flushall()
    wait_until(lambda: (failed(arena), told(arena)) == (2 * GROUPS, 2 * GROUPS), seconds=30)

    assert arena.one("SELECT count(*) FROM grants") == 2 * GROUPS
    arena.assert_sound(arena.start + DAY)


def test_mall_sells_while_the_queue_is_away_and_settles_when_it_is_back(
    own_valkey: OwnValkey, world: World, start: Start
) -> None:
    scheduler = start("jobs.scheduler")
    wait_until(lambda: queue("settle").count > 0, seconds=30)
    own_valkey.kill()

    _, order = world.opened()
    member, last = world.phone(), world.phone()
    member.buy(member.join(order["group_id"]))
    formed = last.buy(last.join(order["group_id"]))
    _, failing = world.opened()
    world.end_deadline(failing["group_id"])
    assert formed["state"] == "fulfilling"
    assert expect(200, last.get(f"/v1/groups/{order['group_id']}"))["state"] == "formed"

    own_valkey.start()
    for name in NAMES:
        start("jobs.worker", name)
    wait_until(lambda: world.rows("SELECT state FROM refunds") == [("arrived",)], seconds=30)
    wait_until(lambda: world.rows("SELECT count(*) FROM notices") == [(5,)], seconds=30)

    assert scheduler.is_alive
