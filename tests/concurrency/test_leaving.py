"""A member either left in time, or is a member of the failed group: one refund in both cases."""

from datetime import timedelta
from typing import Any

import pytest

from domain.checkout import giving_up
from domain.orders.errors import OrderNotCancellable
from domain.settlement import locking
from launcher.addresses import DatabaseUrls
from tests.concurrency.arena import MILLISECOND, Arena, make_arena, raised
from tests.concurrency.racing import Pause, as_owner, overtake, race, unlock

pytestmark = pytest.mark.transactional

ROUNDS = 12
PURPOSES = (
    "SELECT r.purpose FROM refunds r JOIN orders o ON o.id = r.order_id"
    " WHERE o.public_id = :v ORDER BY r.purpose"
)
GRANTS = "SELECT count(*) FROM grants g JOIN orders o ON o.id = g.order_id WHERE o.public_id = :v"


@pytest.fixture
def arena(crowd: DatabaseUrls) -> Arena:
    return make_arena(group_size=3)


def a_member(arena: Arena) -> tuple[str, tuple[int, int], dict[str, Any]]:
    """Return a group whose leader and one member have paid, that member, and its order."""
    group_id = arena.opened(arena.start)
    shopper = arena.shopper()
    order = arena.join(shopper, group_id, arena.start)
    arena.pay(order, arena.start)
    return group_id, shopper, order


def leave_and_settle(
    arena: Arena, group_id: str, shopper: tuple[int, int], order: dict[str, Any], early: timedelta
) -> list[Any]:
    deadline = arena.group(group_id)["deadline_at"]
    return race(
        [
            lambda: arena.leave(shopper, order, deadline - early),
            lambda: arena.settle(group_id, deadline),
        ]
    )


def test_leaving_races_with_settlement(arena: Arena) -> None:
    for _ in range(ROUNDS):
        group_id, shopper, order = a_member(arena)

        ends = leave_and_settle(arena, group_id, shopper, order, MILLISECOND)

        assert {type(error) for error in raised(ends)} <= {OrderNotCancellable}
        outcome = (arena.rows(PURPOSES, order["id"]), arena.one(GRANTS, order["id"]))
        assert outcome in (([("left",)], 0), ([("failed",)], 1))
        assert arena.group(group_id)["state"] == "failed"
    arena.assert_sound(arena.start + timedelta(days=2))


def test_leaving_at_the_deadline_is_too_late(arena: Arena) -> None:
    group_id, shopper, order = a_member(arena)

    ends = leave_and_settle(arena, group_id, shopper, order, timedelta())

    assert [type(error) for error in raised(ends)] == [OrderNotCancellable]
    assert arena.rows(PURPOSES, order["id"]) == [("failed",)]
    assert arena.one(GRANTS, order["id"]) == 1


def settle_while_leaving(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str]]:
    """Let the deadline come between the look whether a member may leave and its leaving."""
    group_id, shopper, order = a_member(arena)
    deadline = arena.group(group_id)["deadline_at"]
    pause = Pause()
    pause.after(monkeypatch, giving_up, "may_leave")

    ends = overtake(
        lambda: arena.leave(shopper, order, deadline - MILLISECOND),
        lambda: arena.settle(group_id, deadline),
        pause,
    )

    assert raised(ends) == []
    return arena.rows(PURPOSES, order["id"])


def test_member_that_settlement_finds_leaving_is_refunded_once(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settle_while_leaving(arena, monkeypatch) == [("left",)]
    arena.assert_sound(arena.start + timedelta(days=2))


def test_member_that_settlement_finds_leaving_is_refunded_twice_without_locks(
    crowd: DatabaseUrls, arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_owner(crowd, "ALTER TABLE groups DROP CONSTRAINT ck_groups_seats_kept")
    unlock(monkeypatch, locking, "_GROUPS", "_DAYS_OF_GROUPS", "_ORDERS", "_MEMBERS")

    assert settle_while_leaving(arena, monkeypatch) == [("failed",), ("left",)]
