"""A shopper holds one unpaid seat or product at a time, however many requests come at once."""

from collections.abc import Callable
from typing import Any

import pytest

from domain.checkout import buying_alone, placing
from domain.groups.errors import AlreadyInGroup
from domain.orders.errors import UnpaidHoldExists
from launcher.addresses import DatabaseUrls
from tests.concurrency.arena import MINUTE, Arena, Shopper, make_arena, raised, returned
from tests.concurrency.racing import Meeting, as_owner, race, rewrite_function

pytestmark = pytest.mark.transactional

HELD = "SELECT count(*) FROM orders WHERE shopper_id = :v AND state = 'placed'"


@pytest.fixture
def arena(crowd: DatabaseUrls) -> Arena:
    return make_arena(group_size=5)


Place = Callable[[Arena, Shopper, str], Any]


def open_one(arena: Arena, shopper: Shopper, _group_id: str) -> Any:
    return arena.open(shopper, arena.start)


def join_one(arena: Arena, shopper: Shopper, group_id: str) -> Any:
    return arena.join(shopper, group_id, arena.start)


def buy_one(arena: Arena, shopper: Shopper, _group_id: str) -> Any:
    return arena.buy_alone(shopper, arena.start)


@pytest.mark.parametrize("times", [2, 20])
@pytest.mark.parametrize(
    "places",
    [
        (open_one, open_one),
        (join_one, join_one),
        (open_one, join_one),
        (buy_one, buy_one),
        (buy_one, join_one),
    ],
    ids=["open", "join", "open-join", "buy", "buy-join"],
)
def test_one_shopper_at_once_holds_one_thing(
    arena: Arena, places: tuple[Place, Place], times: int
) -> None:
    group_id = arena.opened(arena.start)
    shopper = arena.shopper()

    ends = race(
        [lambda n=n: places[n % 2](arena, shopper, group_id) for n in range(times)],
    )

    assert len(returned(ends)) == 1
    assert {type(error) for error in raised(ends)} <= {UnpaidHoldExists, AlreadyInGroup}
    assert arena.one(HELD, shopper[1]) == 1
    arena.assert_sound(arena.start + MINUTE)


def join_two_groups(
    crowd: DatabaseUrls, arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> tuple[Shopper, list[Any]]:
    """Join two groups at once, past an admission that reads days without locking them."""
    groups = [arena.opened(arena.start) for _ in range(2)]
    shopper = arena.shopper()
    arena.pay(arena.open(shopper, arena.start), arena.start)
    rewrite_function(crowd, "lock_shopper", "FOR NO KEY UPDATE", "")
    Meeting(2).after(monkeypatch, placing, "admit")
    calls = [lambda g=group: arena.join(shopper, g, arena.start) for group in groups]
    return shopper, race(calls)


def test_two_seats_are_held_without_lock_and_constraint(
    crowd: DatabaseUrls, arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_owner(crowd, "DROP INDEX uq_orders_one_hold")

    shopper, ends = join_two_groups(crowd, arena, monkeypatch)

    assert raised(ends) == []
    assert arena.one(HELD, shopper[1]) == 2


def test_constraint_keeps_one_hold_where_the_lock_is_forgotten(
    crowd: DatabaseUrls, arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    shopper, ends = join_two_groups(crowd, arena, monkeypatch)

    [error] = raised(ends)
    assert "uq_orders_one_hold" in str(error)
    assert arena.one(HELD, shopper[1]) == 1
    arena.assert_sound(arena.start + MINUTE)


def buy_twice(
    crowd: DatabaseUrls, arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> tuple[Shopper, list[Any]]:
    """Buy two products at once, past an admission that locks nothing."""
    shopper = arena.shopper()
    arena.leave(shopper, arena.buy_alone(shopper, arena.start), arena.start)
    rewrite_function(crowd, "lock_shopper", "FOR NO KEY UPDATE", "")
    Meeting(2).after(monkeypatch, buying_alone, "admit")
    return shopper, race([lambda: arena.buy_alone(shopper, arena.start)] * 2)


def test_two_products_are_held_without_lock_and_constraint(
    crowd: DatabaseUrls, arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_owner(crowd, "DROP INDEX uq_orders_one_hold")

    shopper, ends = buy_twice(crowd, arena, monkeypatch)

    assert raised(ends) == []
    assert arena.one(HELD, shopper[1]) == 2


def test_constraint_keeps_one_product_where_the_lock_is_forgotten(
    crowd: DatabaseUrls, arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    shopper, ends = buy_twice(crowd, arena, monkeypatch)

    [error] = raised(ends)
    assert "uq_orders_one_hold" in str(error)
    assert arena.one(HELD, shopper[1]) == 1
    arena.assert_sound(arena.start + MINUTE)
