"""Expiring races with spending, giving back and itself: each fen goes one way."""

from typing import Any

import pytest

from domain import clock
from domain.checkout import choosing_means
from domain.checkout.expiring import expire_due, warn_of_expiring
from domain.checkout.giving_up import give_up_order
from domain.database import transaction
from domain.settlement import expiring, leaving
from domain.terms import Limits, SubsidyKind
from launcher.addresses import DatabaseUrls
from tests.concurrency.arena import DAY, MINUTE, Arena, Shopper, make_arena, raised
from tests.concurrency.racing import Pause, overtake, race, rewrite
from tests.factories.instruments import make_coupon, make_gift
from tests.scenarios.purses import assert_books, holds

pytestmark = pytest.mark.transactional


@pytest.fixture
def arena(crowd: DatabaseUrls) -> Arena:
    return make_arena(
        limits=Limits(open_groups=50, participations_per_day=50),
        ends_at=clock.real_now() + 60 * DAY,
    )


@pytest.fixture
def shopper(arena: Arena) -> Shopper:
    """A shopper whose coupon and points expire in 30 days."""
    shopper = arena.shopper()
    with transaction() as session:
        for _ in range(20):
            make_coupon(session, shopper, 500, at=arena.start)
            make_gift(session, shopper, SubsidyKind.POINTS, 100, at=arena.start - 335 * DAY)
    return shopper


def expired_fen(arena: Arena) -> int:
    found: int = arena.one(
        "SELECT coalesce(sum(e.amount_fen), 0)::bigint FROM ledger_entries e JOIN ledger_accounts a"
        " ON a.merchant_id = e.merchant_id AND a.id = e.account_id WHERE a.kind = 'breakage'"
    )
    return found


def test_expiring_many_times_at_once_expires_once(arena: Arena, shopper: Shopper) -> None:
    at = arena.start + 30 * DAY

    ends: list[Any] = race([lambda: expire_due(at=at, limit=7)] * 12)

    assert raised(ends) == []
    assert sum(ends) + expire_due(at=at) == 40
    assert expired_fen(arena) == 20 * 500 + 20 * 100
    assert_books(arena)


def test_warning_many_times_at_once_warns_once(arena: Arena, shopper: Shopper) -> None:
    ends: list[Any] = race([lambda: warn_of_expiring(at=arena.start + 28 * DAY, limit=7)] * 12)

    assert raised(ends) == []
    assert sum(ends) + warn_of_expiring(at=arena.start + 28 * DAY) == 40
    assert arena.one("SELECT count(*) FROM facts WHERE kind LIKE '%.expiring'") == 40


def test_what_an_order_holds_locked_is_left_for_the_next_time(
    arena: Arena, shopper: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    pause = Pause()
    pause.after(monkeypatch, choosing_means, "lock_lots")
    coupon = arena.one("SELECT public_id FROM instruments ORDER BY id LIMIT 1")
    at = arena.start + 30 * DAY

    ends = overtake(
        lambda: arena.buy_alone(shopper, at - MINUTE, use_points=True, coupon_id=coupon),
        lambda: expire_due(at=at),
        pause,
    )

    assert ends[1] == 19
    assert (ends[0]["instrument_fen"], ends[0]["points_fen"]) == (500, 2000)
    assert expire_due(at=at) == 0
    assert_books(arena)


def test_points_given_back_while_their_lot_expires_expire_next(
    arena: Arena, shopper: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = arena.open(shopper, arena.start + 29 * DAY, use_points=True)
    at = arena.start + 30 * DAY
    expire_due(at=at)
    pause = Pause()
    pause.after(monkeypatch, leaving, "give_back_means")

    ends = overtake(
        lambda: give_up_order(shopper, order["id"], arena.basket(shopper).key, at=at - MINUTE),
        lambda: expire_due(at=at),
        pause,
    )

    assert raised(ends) == []
    assert ends[1] in {0, 20}
    assert ends[1] + expire_due(at=at) == 20
    assert holds(arena, shopper)["points"] == 0
    assert_books(arena)


def test_expiring_waits_for_an_order_where_it_does_not_skip(
    arena: Arena, shopper: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pair of skipping: it waits for whatever an order is waiting for."""
    for name in ("_EXPIRE_INSTRUMENTS", "_EXPIRE_LOTS"):
        rewrite(monkeypatch, expiring, name, " SKIP LOCKED", "")
    pause = Pause()
    pause.after(monkeypatch, choosing_means, "lock_lots")
    coupon = arena.one("SELECT public_id FROM instruments ORDER BY id LIMIT 1")
    at, order_at = arena.start + 30 * DAY, arena.start + 30 * DAY - MINUTE
    finished: list[str] = []

    def buy() -> None:
        arena.buy_alone(shopper, order_at, use_points=True, coupon_id=coupon)
        finished.append("bought")

    def expire() -> None:
        expire_due(at=at)
        finished.append("expired")

    assert raised(overtake(buy, expire, pause)) == []
    assert finished == ["bought", "expired"]
