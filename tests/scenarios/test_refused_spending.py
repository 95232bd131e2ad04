"""An order whose means are wrong is refused with a clear code, and consumes nothing."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from domain.checkout.buying_alone import buy_alone
from domain.checkout.commands import BuyAlone
from domain.database import transaction
from domain.errors import DomainError
from domain.instruments.errors import (
    CouponBelowThreshold,
    CouponNotFound,
    InstrumentExpired,
    InstrumentNotUsable,
    MeansConflict,
    PassNotFound,
    PassTooSmall,
)
from domain.points.errors import NotForPoints, TooFewPoints
from domain.terms import SubsidyKind
from tests.factories.instruments import make_coupon, make_gift
from tests.scenarios.purses import assert_books, holds
from tests.scenarios.stage import Stage, make_stage

pytestmark = pytest.mark.transactional

DAY = timedelta(days=1)
NOBODYS = "0" * 20

Shopper = tuple[int, int]
Giving = Callable[[Stage, Shopper], dict[str, Any]]


@pytest.fixture
def stage(database: object) -> Stage:
    return make_stage()


def given(stage: Stage, shopper: Shopper, value_fen: int, **values: Any) -> str:
    with transaction() as session:
        return make_coupon(session, shopper, value_fen, **{"at": stage.start, **values})


def coupon(value_fen: int = 500, **values: Any) -> Giving:
    return lambda stage, me: {"coupon_id": given(stage, me, value_fen, **values)}


def free_pass(value_fen: int = 5000, **values: Any) -> Giving:
    return lambda stage, me: {
        "pass_id": given(stage, me, value_fen, kind=SubsidyKind.PASS, **values)
    }


def both(*givings: Giving, **using: Any) -> Giving:
    return lambda stage, me: (
        using | {key: value for giving in givings for key, value in giving(stage, me).items()}
    )


def of_somebody_else(giving: Giving) -> Giving:
    return lambda stage, _: giving(stage, stage.shopper())


def of_another_merchant(giving: Giving) -> Giving:
    def give(stage: Stage, _: Shopper) -> dict[str, Any]:
        elsewhere = make_stage()
        return giving(elsewhere, elsewhere.shopper())

    return give


def of_the_other_kind(giving: Giving) -> Giving:
    def give(stage: Stage, me: Shopper) -> dict[str, Any]:
        [(key, value)] = giving(stage, me).items()
        return {"pass_id" if key == "coupon_id" else "coupon_id": value}

    return give


def spent_already(giving: Giving) -> Giving:
    def give(stage: Stage, me: Shopper) -> dict[str, Any]:
        using = giving(stage, me)
        order = stage.open(me, stage.start, **using)
        assert order["state"] == "paid"
        return using

    return give


def old(giving: Callable[..., Giving]) -> Giving:
    """Give what expires at the very instant of the order."""
    return lambda stage, me: giving(at=stage.start - 30 * DAY)(stage, me)


@dataclass(frozen=True)
class Refusal:
    giving: Giving
    error: type[DomainError]
    details: dict[str, Any] = field(default_factory=dict)


SEAT_FEN = 1990
REFUSALS = {
    "no coupon": Refusal(lambda *_: {"coupon_id": NOBODYS}, CouponNotFound),
    "no pass": Refusal(lambda *_: {"pass_id": NOBODYS}, PassNotFound),
    "somebody else's coupon": Refusal(of_somebody_else(coupon()), CouponNotFound),
    "somebody else's pass": Refusal(of_somebody_else(free_pass()), PassNotFound),
    "another merchant's coupon": Refusal(of_another_merchant(coupon()), CouponNotFound),
    "another merchant's pass": Refusal(of_another_merchant(free_pass()), PassNotFound),
    "a coupon as a pass": Refusal(of_the_other_kind(coupon()), PassNotFound),
    "a pass as a coupon": Refusal(of_the_other_kind(free_pass()), CouponNotFound),
    "an expired coupon": Refusal(old(coupon), InstrumentExpired),
    "an expired pass": Refusal(old(free_pass), InstrumentExpired),
    "a spent coupon": Refusal(spent_already(coupon(5000)), InstrumentNotUsable, {"state": "spent"}),
    "a spent pass": Refusal(spent_already(free_pass()), InstrumentNotUsable, {"state": "spent"}),
    "an order below the threshold": Refusal(
        coupon(500, threshold_fen=3001), CouponBelowThreshold, {"threshold_fen": 3001}
    ),
    "a pass too small": Refusal(free_pass(1989), PassTooSmall, {"value_fen": 1989}),
    "a pass and a coupon": Refusal(both(free_pass(), coupon()), MeansConflict),
    "a pass and points": Refusal(both(free_pass(), use_points=True), MeansConflict),
    "a pass and the wallet": Refusal(both(free_pass(), use_wallet=True), MeansConflict),
}


def open_one(stage: Stage, shopper: Shopper, using: dict[str, Any]) -> None:
    stage.open(shopper, stage.start, **using)


def join_one(stage: Stage, shopper: Shopper, using: dict[str, Any]) -> None:
    group_id = stage.one(
        "SELECT public_id FROM groups WHERE campaign_id = :v ORDER BY id LIMIT 1", stage.campaign.id
    )
    stage.join(shopper, group_id, stage.start, **using)


def buy_one(stage: Stage, shopper: Shopper, using: dict[str, Any]) -> None:
    buy_alone(BuyAlone(stage.basket(shopper, **using)), at=stage.start)


def consumed(stage: Stage, shopper: Shopper) -> list[Any]:
    """Everything that an order may consume."""
    return [
        holds(stage, shopper),
        *(
            stage.rows(statement, stage.merchant_id)
            for statement in (
                "SELECT count(*) FROM orders WHERE merchant_id = :v",
                "SELECT id, taken, held, releasing FROM groups WHERE merchant_id = :v ORDER BY id",
                "SELECT id, committed_fen, stock_committed FROM campaigns"
                " WHERE merchant_id = :v ORDER BY id",
                "SELECT id, stock_units FROM variants WHERE merchant_id = :v ORDER BY id",
                "SELECT count(*), sum(participations) FROM shopper_days WHERE merchant_id = :v",
                "SELECT count(*) FROM ledger_transactions WHERE merchant_id = :v",
                "SELECT count(*) FROM idempotency_keys WHERE merchant_id = :v",
                "SELECT count(*) FROM point_uses WHERE merchant_id = :v",
            )
        ),
    ]


@pytest.mark.parametrize("place", [open_one, join_one, buy_one])
@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_refused_order_consumes_nothing(
    stage: Stage, refusal: Refusal, place: Callable[..., None]
) -> None:
    stage.opened(stage.start)
    shopper = stage.shopper()
    with transaction() as session:
        for kind in (SubsidyKind.POINTS, SubsidyKind.CASH):
            make_gift(session, shopper, kind, 700, at=stage.start)
    using = refusal.giving(stage, shopper)
    before = consumed(stage, shopper)

    with pytest.raises(refusal.error) as refused:
        place(stage, shopper, using)

    assert refused.value.details == refusal.details
    assert consumed(stage, shopper) == before
    assert_books(stage)


def test_coupon_that_is_reserved_for_another_order_is_refused(stage: Stage) -> None:
    """The other order is releasing: its shopper may order again, its coupon is not free yet."""
    shopper = stage.shopper()
    using = coupon()(stage, shopper)
    stage.add_payment(stage.open(shopper, stage.start, **using), stage.start)
    stage.expire(stage.start + timedelta(minutes=5))
    before = consumed(stage, shopper)

    with pytest.raises(InstrumentNotUsable) as refused:
        stage.open(shopper, stage.start + timedelta(minutes=5), **using)

    assert refused.value.details == {"state": "reserved"}
    assert consumed(stage, shopper) == before


def test_threshold_is_of_the_price_and_includes_it(stage: Stage) -> None:
    shopper = stage.shopper()

    order = stage.open(shopper, stage.start, **coupon(500, threshold_fen=SEAT_FEN)(stage, shopper))

    assert order["instrument_fen"] == 500


def test_key_of_a_refused_order_may_be_used_for_the_next(stage: Stage) -> None:
    shopper = stage.shopper()
    basket = stage.basket(shopper, coupon_id=NOBODYS)
    with pytest.raises(CouponNotFound):
        buy_alone(BuyAlone(basket), at=stage.start)

    order = buy_alone(BuyAlone(replace(basket, coupon_id=None)), at=stage.start)

    assert order["payable_fen"] == 3000


POINTS_REFUSALS = {
    "no points price": (None, {}, NotForPoints, {"field": "for_points"}),
    "one fen short": (701, {}, TooFewPoints, {"left_fen": 700}),
    "points with the wallet": (700, {"use_wallet": True}, MeansConflict, {}),
    "points twice": (700, {"use_points": True}, MeansConflict, {}),
    "points with a coupon": (700, {"coupon_id": NOBODYS}, MeansConflict, {}),
    "points with a pass": (700, {"pass_id": NOBODYS}, MeansConflict, {}),
}


@pytest.mark.parametrize(
    ("points_price_fen", "using", "error", "details"), POINTS_REFUSALS.values(), ids=POINTS_REFUSALS
)
def test_refused_order_for_points_consumes_nothing(
    stage: Stage,
    points_price_fen: int | None,
    using: dict[str, Any],
    error: type[DomainError],
    details: dict[str, Any],
) -> None:
    shopper = stage.shopper()
    with transaction() as session:
        make_gift(session, shopper, SubsidyKind.POINTS, 700, at=stage.start)
        session.merge(stage.campaign.variant).points_price_fen = points_price_fen
    before = consumed(stage, shopper)

    with pytest.raises(error) as refused:
        buy_alone(BuyAlone(stage.basket(shopper, **using), for_points=True), at=stage.start)

    assert refused.value.details == details
    assert consumed(stage, shopper) == before
