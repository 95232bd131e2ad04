"""A group is decided once, however many workers get to it."""

from datetime import datetime

import pytest

from domain.checkout.settling import settle_due_groups
from domain.settlement import failing, locking
from launcher.addresses import DatabaseUrls
from tests.concurrency.arena import DAY, Arena, make_arena, raised
from tests.concurrency.racing import Pause, as_owner, overtake, race, unlock

pytestmark = pytest.mark.transactional


@pytest.fixture
def arena(crowd: DatabaseUrls) -> Arena:
    return make_arena(group_size=3)


def assert_granted_once(arena: Arena, members: int) -> None:
    assert arena.one("SELECT count(*) FROM grants WHERE state = 'issued'") == members
    assert arena.one("SELECT count(*) FROM refunds") == members
    assert arena.one(CREDITED) == 1000 * members
    assert arena.one("SELECT count(*) FROM work_rows WHERE state = 'leased'") == 0


CREDITED = "SELECT sum(balance_fen) FROM ledger_accounts WHERE kind = 'wallet'"


def a_due_group(arena: Arena) -> tuple[str, datetime]:
    """Return a group with two paid members, and its deadline."""
    group_id = arena.opened(arena.start)
    arena.joined(group_id, arena.start)
    return group_id, arena.start + DAY


def test_two_workers_share_the_due_groups(arena: Arena) -> None:
    for _ in range(12):
        _, deadline = a_due_group(arena)

    ends = race([lambda: settle_due_groups(at=deadline, limit=5)] * 4)

    assert raised(ends) == []
    assert sum(ends) == 12
    assert_granted_once(arena, 24)
    arena.assert_sound(deadline)


def test_group_settled_twenty_times_at_once_is_granted_once(arena: Arena) -> None:
    """Past leases: as if each worker believed that the group is its own."""
    group_id, deadline = a_due_group(arena)

    ends = race([lambda: arena.settle(group_id, deadline)] * 20)

    assert raised(ends) == []
    assert_granted_once(arena, 2)
    arena.assert_sound(deadline)


def settle_twice(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Let the second settlement run while the first has read the group's members."""
    group_id, deadline = a_due_group(arena)
    pause = Pause()
    pause.after(monkeypatch, failing, "lock_members")
    return overtake(
        lambda: arena.settle(group_id, deadline), lambda: arena.settle(group_id, deadline), pause
    )


def test_second_settlement_waits_for_the_first(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert raised(settle_twice(arena, monkeypatch)) == []
    assert_granted_once(arena, 2)


def unguard(monkeypatch: pytest.MonkeyPatch) -> None:
    unlock(monkeypatch, locking, "_GROUPS", "_DAYS_OF_GROUPS", "_MEMBERS", "_ORDERS")


def test_group_is_granted_twice_without_locks_and_constraints(
    crowd: DatabaseUrls, arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    unguard(monkeypatch)
    as_owner(
        crowd,
        "ALTER TABLE state_moves DROP CONSTRAINT ck_state_moves_edge_legal",
        "ALTER TABLE grants DROP CONSTRAINT uq_grants_merchant_id_order_id",
        "ALTER TABLE groups DROP CONSTRAINT ck_groups_seats_kept",
        "ALTER TABLE campaign_movements DROP CONSTRAINT"
        " uq_campaign_movements_merchant_id_group_id_reason_order_id",
        "DROP INDEX uq_refunds_one_live",
    )

    ends = settle_twice(arena, monkeypatch)

    assert raised(ends) == []
    assert arena.one("SELECT count(*) FROM grants WHERE state = 'issued'") == 4
    assert arena.one("SELECT count(*) FROM refunds") == 4
    assert arena.one(CREDITED) == 4000


@pytest.mark.parametrize(
    ("dropped", "keeper"),
    [
        ((), "ck_state_moves_edge_legal"),
        (
            ("ALTER TABLE state_moves DROP CONSTRAINT ck_state_moves_edge_legal",),
            "uq_grants_merchant_id_order_id",
        ),
        (
            (
                "ALTER TABLE state_moves DROP CONSTRAINT ck_state_moves_edge_legal",
                "ALTER TABLE grants DROP CONSTRAINT uq_grants_merchant_id_order_id",
            ),
            "uq_refunds_one_live",
        ),
    ],
)
def test_constraints_keep_it_at_once_where_locks_are_forgotten(
    crowd: DatabaseUrls,
    arena: Arena,
    monkeypatch: pytest.MonkeyPatch,
    dropped: tuple[str, ...],
    keeper: str,
) -> None:
    unguard(monkeypatch)
    as_owner(crowd, *dropped)

    [error] = raised(settle_twice(arena, monkeypatch))

    assert keeper in str(error) or "edge_legal" in str(error)
    assert_granted_once(arena, 2)
