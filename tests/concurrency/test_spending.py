"""Coupons, passes and points are spent once, however many orders want them at once."""

from dataclasses import replace
from typing import Any

import pytest

from domain.checkout import choosing_means
from domain.database import transaction
from domain.instruments.errors import InstrumentNotUsable
from domain.points.errors import TooFewPoints
from domain.settlement import failing, spending
from domain.terms import Limits, SubsidyKind
from launcher.addresses import DatabaseUrls
from tests.concurrency.arena import DAY, Arena, Shopper, make_arena, raised, returned
from tests.concurrency.racing import (
    Meeting,
    Pause,
    as_owner,
    overtake,
    race,
    rewrite,
    rewrite_function,
    unlock,
)
from tests.factories.campaigns import make_campaign
from tests.factories.instruments import make_coupon, make_gift
from tests.scenarios.purses import assert_books, holds

pytestmark = pytest.mark.transactional

LIMITS = Limits(open_groups=50, participations_per_day=50)


@pytest.fixture
def arena(crowd: DatabaseUrls) -> Arena:
    return make_arena(limits=LIMITS)


@pytest.fixture
def shopper(arena: Arena) -> Shopper:
    return arena.shopper()


def give(arena: Arena, shopper: Shopper, kind: SubsidyKind, value_fen: int) -> dict[str, Any]:
    """Give a shopper something; returns how an order says that it is to be used."""
    with transaction() as session:
        if kind is SubsidyKind.POINTS:
            make_gift(session, shopper, kind, value_fen, at=arena.start)
            return {"use_points": True}
        made = make_coupon(session, shopper, value_fen, at=arena.start, kind=kind)
        return {f"{kind.value}_id": made}


def buy_two_products_at_once(
    crowd: DatabaseUrls, arena: Arena, shopper: Shopper, **using: Any
) -> list[Any]:
    """One shopper's buying queues at the shopper and its new day, and buyers of one variant there.

    The first lock is left out, the day is made before, and the products are two.
    """
    arena.leave(shopper, arena.buy_alone(shopper, arena.start), arena.start)
    rewrite_function(crowd, "lock_shopper", "FOR NO KEY UPDATE", "")
    with transaction() as session:
        other = replace(arena, campaign=make_campaign(session, arena.merchant_id))
    return race([lambda a=a: a.buy_alone(shopper, a.start, **using) for a in (arena, other)])


@pytest.mark.parametrize("kind", [SubsidyKind.COUPON, SubsidyKind.PASS])
def test_instrument_that_many_orders_want_pays_one(
    arena: Arena, shopper: Shopper, kind: SubsidyKind
) -> None:
    using = give(arena, shopper, kind, 5000)
    groups = [arena.opened(arena.start) for _ in range(6)]

    ends: list[Any] = race(
        [lambda g=group: arena.join(shopper, g, arena.start, **using) for group in groups]
        + [lambda: arena.buy_alone(shopper, arena.start, **using)] * 6
    )

    [paid] = returned(ends)
    assert (paid["instrument_fen"], paid["payable_fen"]) == (paid["price_fen"], 0)
    assert {(type(end), end.details["state"]) for end in raised(ends)} == {
        (InstrumentNotUsable, "spent")
    }
    assert arena.one("SELECT count(*) FROM orders WHERE shopper_id = :v", shopper[1]) == 1
    arena.assert_sound(arena.start)


@pytest.mark.parametrize("kind", [SubsidyKind.COUPON, SubsidyKind.PASS])
def test_instrument_is_locked_where_the_shopper_is_not(
    crowd: DatabaseUrls,
    arena: Arena,
    shopper: Shopper,
    kind: SubsidyKind,
) -> None:
    using = give(arena, shopper, kind, 5000)

    ends = buy_two_products_at_once(crowd, arena, shopper, **using)

    assert len(returned(ends)) == 1
    assert [type(end) for end in raised(ends)] == [InstrumentNotUsable]
    arena.assert_sound(arena.start)


@pytest.mark.parametrize("kind", [SubsidyKind.COUPON, SubsidyKind.PASS])
def test_instrument_pays_twice_without_lock_condition_and_legal_moves(
    crowd: DatabaseUrls,
    arena: Arena,
    shopper: Shopper,
    kind: SubsidyKind,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    using = give(arena, shopper, kind, 5000)
    unlock(monkeypatch, spending, "_LOCK_INSTRUMENT")
    rewrite(monkeypatch, spending, "_RESERVE", "AND state = 'issued'", "")
    rewrite_function(
        crowd, "is_legal_move", "'issued>reserved'", "'issued>reserved', 'spent>reserved'"
    )
    _meet_after_reading(monkeypatch, "lock_instrument")

    ends = buy_two_products_at_once(crowd, arena, shopper, **using)

    assert [end["payable_fen"] for end in returned(ends)] == [0, 0]


def test_condition_keeps_the_coupon_where_the_lock_is_forgotten(
    crowd: DatabaseUrls, arena: Arena, shopper: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    using = give(arena, shopper, SubsidyKind.COUPON, 5000)
    unlock(monkeypatch, spending, "_LOCK_INSTRUMENT")
    _meet_after_reading(monkeypatch, "lock_instrument")

    ends = buy_two_products_at_once(crowd, arena, shopper, **using)

    assert [type(end) for end in raised(ends)] == [InstrumentNotUsable]
    arena.assert_sound(arena.start)


def _meet_after_reading(patch: pytest.MonkeyPatch, name: str) -> None:
    """Let two orders read what they spend before either goes on."""
    Meeting(2).after(patch, choosing_means, name)


def test_last_points_are_spent_once_by_many_orders(arena: Arena, shopper: Shopper) -> None:
    with transaction() as session:
        for value in (1000, 700, 300):
            make_gift(session, shopper, SubsidyKind.POINTS, value, at=arena.start)
        make_gift(session, shopper, SubsidyKind.CASH, 50_000, at=arena.start)
    groups = [arena.opened(arena.start) for _ in range(8)]

    ends: list[Any] = race(
        [
            lambda g=group: arena.join(shopper, g, arena.start, use_points=True, use_wallet=True)
            for group in groups
        ]
    )

    assert raised(ends) == []
    assert sorted(end["points_fen"] for end in ends) == [0] * 6 + [10, 1990]
    assert holds(arena, shopper)["points"] == 0
    arena.assert_sound(arena.start)


def test_points_price_is_paid_by_one_of_many_orders(arena: Arena, shopper: Shopper) -> None:
    with transaction() as session:
        make_gift(session, shopper, SubsidyKind.POINTS, 2500, at=arena.start)
        session.merge(arena.campaign.variant).points_price_fen = 2000

    ends = race([lambda: arena.buy_for_points(shopper, arena.start)] * 10)

    assert [end["points_fen"] for end in returned(ends)] == [2000]
    assert {(type(end), end.details["left_fen"]) for end in raised(ends)} == {(TooFewPoints, 500)}
    arena.assert_sound(arena.start)


def test_points_are_spent_twice_without_lock_and_constraint(
    crowd: DatabaseUrls, arena: Arena, shopper: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    using = give(arena, shopper, SubsidyKind.POINTS, 3000)
    unlock(monkeypatch, spending, "_LOCK_LOTS")
    as_owner(crowd, "ALTER TABLE point_lots DROP CONSTRAINT ck_point_lots_value_kept")
    _meet_after_reading(monkeypatch, "lock_lots")

    ends = buy_two_products_at_once(crowd, arena, shopper, **using)

    assert [end["points_fen"] for end in returned(ends)] == [3000, 3000]
    assert holds(arena, shopper)["points"] == -3000


def test_constraint_keeps_the_points_where_the_lock_is_forgotten(
    crowd: DatabaseUrls, arena: Arena, shopper: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    using = give(arena, shopper, SubsidyKind.POINTS, 3000)
    unlock(monkeypatch, spending, "_LOCK_LOTS")
    _meet_after_reading(monkeypatch, "lock_lots")

    ends = buy_two_products_at_once(crowd, arena, shopper, **using)

    [error] = raised(ends)
    assert "ck_point_lots_value_kept" in str(error)
    arena.assert_sound(arena.start)


def test_points_are_locked_where_the_shopper_is_not(
    crowd: DatabaseUrls, arena: Arena, shopper: Shopper
) -> None:
    using = give(arena, shopper, SubsidyKind.POINTS, 3000)

    ends = buy_two_products_at_once(crowd, arena, shopper, **using)

    assert sorted(end["points_fen"] for end in returned(ends)) == [0, 3000]
    arena.assert_sound(arena.start)


@pytest.mark.parametrize("place", ["alone", "group"])
def test_giving_back_and_spending_want_coupon_lots_and_wallet_in_the_same_order(
    arena: Arena, shopper: Shopper, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """A group that the shopper is in fails while it pays the next order by the same lots."""
    later = arena.start + DAY
    means = {
        **give(arena, shopper, SubsidyKind.COUPON, 100),
        **give(arena, shopper, SubsidyKind.POINTS, 500),
        **give(arena, shopper, SubsidyKind.POINTS, 400),
        "use_wallet": True,
    }
    with transaction() as session:
        make_gift(session, shopper, SubsidyKind.CASH, 3000, at=arena.start)
    first = arena.open(shopper, arena.start, **means)
    assert first["state"] == "paid"
    again = give(arena, shopper, SubsidyKind.COUPON, 100) | {
        "use_points": True,
        "use_wallet": True,
    }
    give(arena, shopper, SubsidyKind.POINTS, 50)
    joined = arena.opened(arena.start + DAY / 2)
    pause = Pause()
    pause.after(monkeypatch, failing, "give_back_means")

    def settle() -> None:
        arena.settle(first["group_id"], later)

    def place_again() -> dict[str, Any]:
        if place == "alone":
            return arena.buy_alone(shopper, later - DAY / 4, **again)
        return arena.join(shopper, joined, later - DAY / 4, **again)

    ends = overtake(settle, place_again, pause)

    assert raised(ends) == []
    assert_books(arena)
    arena.assert_sound(later)


def test_failing_and_spending_at_once_lose_and_double_nothing(arena: Arena) -> None:
    """Many shoppers' groups fail while they spend what comes back."""
    shoppers, later = arena.shoppers(6), arena.start + DAY
    firsts = []
    for shopper in shoppers:
        means = give(arena, shopper, SubsidyKind.POINTS, 700) | {"use_wallet": True}
        with transaction() as session:
            make_gift(session, shopper, SubsidyKind.CASH, 2000, at=arena.start)
        firsts.append(arena.open(shopper, arena.start, **means))

    ends = race(
        [lambda f=first: arena.settle(f["group_id"], later) for first in firsts]
        + [
            lambda s=shopper: arena.buy_alone(s, later, use_points=True, use_wallet=True)
            for shopper in shoppers
        ]
    )

    assert raised(ends) == []
    assert_books(arena)
    arena.assert_sound(later)
