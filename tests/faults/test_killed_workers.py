"""A worker is killed in the middle of settling: another finishes, and nothing is done twice."""

import time
from collections.abc import Callable

import pytest
from sqlalchemy import text

from domain.database import core_engine
from tests.concurrency.arena import DAY, Arena
from tests.faults.conftest import OwnValkey, Start
from tests.faults.processes import Running, kill_child, wait_until_gone
from tests.sandbox_server import wait_until

pytestmark = pytest.mark.transactional

GROUPS = 12
MEMBERS = 2 * GROUPS
RESCUE_SECONDS = 30
BLOCKED = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND wait_event_type = 'Lock' AND query LIKE '%ledger_accounts%'"
)
HOLD_A_WALLET = text("SELECT id FROM ledger_accounts WHERE kind = 'wallet' LIMIT 1 FOR UPDATE")


def kill_parent(worker: Running, child: int) -> None:
    worker.kill()


def kill_work_horse(worker: Running, child: int) -> None:
    kill_child(child)


def kill_both(worker: Running, child: int) -> None:
    worker.kill()
    kill_child(child)


@pytest.mark.parametrize("kill", [kill_parent, kill_work_horse, kill_both])
def test_worker_killed_while_settling_is_replaced_and_nothing_is_done_twice(
    own_valkey: OwnValkey, arena: Arena, start: Start, kill: Callable[[Running, int], None]
) -> None:
    """The worker blocks on a wallet: groups, orders, grants and refunds are written by then."""
    for _ in range(GROUPS):
        arena.joined(arena.opened(arena.start), arena.start)
    start("jobs.scheduler")
    victim = start("jobs.worker", "settle")

    with core_engine().connect() as holder:
        holder.execute(HOLD_A_WALLET)
        wait_until(lambda: arena.one(BLOCKED) == 1, seconds=30)
        child = victim.child()
        assert child is not None
        start("jobs.worker", "settle")
        kill(victim, child)
        killed_at = time.monotonic()
        wait_until_gone(child)
        assert arena.one("SELECT count(*) FROM grants") == 0
        holder.rollback()

    wait_until(lambda: settled(arena), seconds=RESCUE_SECONDS)

    assert time.monotonic() - killed_at < RESCUE_SECONDS
    assert arena.one("SELECT count(*) FROM grants WHERE state = 'issued'") == MEMBERS
    assert arena.one("SELECT count(*) FROM refunds") == MEMBERS
    assert (
        arena.one("SELECT sum(balance_fen) FROM ledger_accounts WHERE kind = 'wallet'")
        == MEMBERS * 1000
    )
    assert arena.one("SELECT count(*) FROM notices") == MEMBERS
    arena.assert_sound(arena.start + DAY)


def settled(arena: Arena) -> bool:
    left = arena.one("SELECT count(*) FROM groups WHERE state <> 'failed'")
    told = arena.one("SELECT count(*) FROM notices")
    return left == 0 and told == MEMBERS
