"""A product bought alone is held within the same limits as a seat: stock is not for the taking."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.checkout.buying_alone import buy_alone
from domain.checkout.commands import BuyAlone
from domain.checkout.errors import StockExhausted
from domain.checkout.giving_up import give_up_order
from domain.database import transaction
from domain.errors import DomainError
from domain.orders.errors import ExpiredHoldLimitReached, JoinBlocked, UnpaidHoldExists
from domain.settlement.applying_payments import Applied
from domain.settlement.releasing import Candidate, free_overdue, record_closed
from tests.factories.campaigns import make_campaign
from tests.factories.products import make_product, make_variant
from tests.scenarios.stage import Stage, make_stage

pytestmark = pytest.mark.transactional

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
HELD = 15 * MINUTE

Shopper = tuple[int, int]


@pytest.fixture
def stage(database: object) -> Stage:
    return make_stage()


def buy(stage: Stage, shopper: Shopper, at: datetime, **values: Any) -> dict[str, Any]:
    return buy_alone(BuyAlone(stage.basket(shopper, **values)), at=at)


def selling(stage: Stage, **variant: Any) -> Stage:
    """Return the stage with another product on it."""
    with transaction() as session:
        product = make_product(session, stage.merchant_id)
        variants = (make_variant(session, product, **variant),)
        made = make_campaign(session, stage.merchant_id, product=product, variants=variants)
    return replace(stage, campaign=made)


def give_up(stage: Stage, shopper: Shopper, order: dict[str, Any], at: datetime) -> None:
    give_up_order(shopper, order["id"], stage.basket(shopper).key, at=at)


def stock(stage: Stage) -> int:
    found: int = stage.one(
        "SELECT stock_units FROM variants WHERE id = :v", stage.campaign.variant.id
    )
    return found


def decisions(stage: Stage, shopper: Shopper) -> list[tuple[Any, ...]]:
    return stage.rows(
        "SELECT point, outcome, order_id IS NOT NULL, fired, inputs FROM risk_decisions"
        " WHERE shopper_id = :v ORDER BY id",
        shopper[1],
    )


def days(stage: Stage, shopper: Shopper) -> list[tuple[Any, ...]]:
    return stage.rows(
        "SELECT participations, expired_holds FROM shopper_days"
        " WHERE shopper_id = :v ORDER BY on_day",
        shopper[1],
    )


def test_second_unpaid_order_is_refused_and_takes_no_stock(stage: Stage) -> None:
    shopper = stage.shopper()
    buy(stage, shopper, stage.start)

    with pytest.raises(UnpaidHoldExists):
        buy(stage, shopper, stage.start + MINUTE)

    assert stock(stage) == 99
    assert stage.one("SELECT count(*) FROM orders WHERE shopper_id = :v", shopper[1]) == 1


def test_unpaid_seat_refuses_an_order_alone(stage: Stage) -> None:
    shopper = stage.shopper()
    stage.open(shopper, stage.start)

    with pytest.raises(UnpaidHoldExists):
        buy(stage, shopper, stage.start)


def test_unpaid_order_alone_refuses_a_seat(stage: Stage) -> None:
    group_id, shopper = stage.opened(stage.start), stage.shopper()
    buy(stage, shopper, stage.start)

    with pytest.raises(UnpaidHoldExists):
        stage.open(shopper, stage.start)
    with pytest.raises(UnpaidHoldExists):
        stage.join(shopper, group_id, stage.start)


def pay(stage: Stage, shopper: Shopper, order: dict[str, Any]) -> None:
    assert stage.pay(order, stage.start + MINUTE) is Applied.SEATED


def cancel(stage: Stage, shopper: Shopper, order: dict[str, Any]) -> None:
    give_up(stage, shopper, order, stage.start + MINUTE)


def cancel_while_a_payment_is_open(stage: Stage, shopper: Shopper, order: dict[str, Any]) -> None:
    stage.add_payment(order, stage.start)
    give_up(stage, shopper, order, stage.start + MINUTE)


def expire(stage: Stage, shopper: Shopper, order: dict[str, Any]) -> None:
    stage.expire(stage.start + HELD)


@pytest.mark.parametrize("end", [pay, cancel, cancel_while_a_payment_is_open, expire])
def test_shopper_may_buy_again_once_an_order_is_held_no_more(
    stage: Stage, end: Callable[[Stage, Shopper, dict[str, Any]], None]
) -> None:
    shopper = stage.shopper()
    end(stage, shopper, buy(stage, shopper, stage.start))

    again = buy(stage, shopper, stage.start + HELD)

    assert again["state"] == "placed"


def test_order_paid_from_the_wallet_is_refused_beside_an_unpaid_one(stage: Stage) -> None:
    shopper = stage.shopper()
    lost = stage.open(shopper, stage.start)
    stage.pay(lost, stage.start)
    stage.settle(lost["group_id"], stage.start + DAY)
    cheap = selling(stage, list_price_fen=900)
    buy(stage, shopper, stage.start + DAY)

    with pytest.raises(UnpaidHoldExists):
        buy(cheap, shopper, stage.start + DAY, use_wallet=True)

    assert stage.wallet(shopper[1]) == 1000


def test_same_key_gets_the_first_answer_beside_the_unpaid_order(stage: Stage) -> None:
    command = BuyAlone(stage.basket(stage.shopper()))

    first = buy_alone(command, at=stage.start)

    assert buy_alone(command, at=stage.start + MINUTE) == first


def test_blocked_shopper_is_refused_with_a_class_of_reason(stage: Stage) -> None:
    shopper = stage.shopper(flag="block")

    with pytest.raises(JoinBlocked) as refused:
        buy(stage, shopper, stage.start)

    assert refused.value.details == {"reason_class": "account"}
    assert stock(stage) == 100
    assert decisions(stage, shopper) == [
        (
            "join",
            "block",
            False,
            [{"rule": "flagged_account", "outcome": "block"}],
            {"flag": "block", "has_unpaid_hold": False},
        )
    ]


def test_refusal_for_an_unpaid_order_is_recorded(stage: Stage) -> None:
    shopper = stage.shopper()
    buy(stage, shopper, stage.start)

    with pytest.raises(UnpaidHoldExists):
        buy(stage, shopper, stage.start)

    allowed, refused = decisions(stage, shopper)
    assert allowed == ("join", "allow", True, [], {"flag": None, "has_unpaid_hold": False})
    assert refused[:4] == (
        "join",
        "block",
        False,
        [{"rule": "one_hold_at_a_time", "outcome": "block"}],
    )


def test_shopper_under_review_may_buy_and_the_review_is_kept(stage: Stage) -> None:
    shopper = stage.shopper(flag="review")

    buy(stage, shopper, stage.start)

    assert [row[:3] for row in decisions(stage, shopper)] == [("join", "review", True)]
    assert stage.rows("SELECT risk_outcome FROM orders WHERE shopper_id = :v", shopper[1]) == [
        ("review",)
    ]


def test_unpaid_expiry_is_counted_and_takes_part_in_nothing(stage: Stage) -> None:
    shopper = stage.shopper()
    buy(stage, shopper, stage.start)
    assert days(stage, shopper) == [(0, 0)]

    stage.expire(stage.start + HELD)

    assert days(stage, shopper) == [(0, 1)]
    assert stock(stage) == 100


def test_order_given_up_is_not_counted(stage: Stage) -> None:
    shopper = stage.shopper()

    give_up(stage, shopper, buy(stage, shopper, stage.start), stage.start + MINUTE)

    assert days(stage, shopper) == [(0, 0)]


def be_closed(stage: Stage, number: str, at: datetime) -> None:
    [(payment_id, order_id)] = stage.rows(
        "SELECT id, order_id FROM payments WHERE public_id = :v", number
    )
    with transaction() as session:
        candidate = Candidate(stage.merchant_id, order_id, None)
        record_closed(session, candidate, payment_id, at=at)


def be_overdue(stage: Stage, number: str, at: datetime) -> None:
    [(order_id,)] = stage.rows("SELECT order_id FROM payments WHERE public_id = :v", number)
    with transaction() as session:
        free_overdue(session, [Candidate(stage.merchant_id, order_id, None)], at=at)


@pytest.mark.parametrize("end", [be_closed, be_overdue])
def test_expiry_is_counted_when_its_payment_is_over(
    stage: Stage, end: Callable[[Stage, str, datetime], None]
) -> None:
    shopper = stage.shopper()
    number = stage.add_payment(buy(stage, shopper, stage.start), stage.start)
    stage.expire(stage.start + HELD)
    assert days(stage, shopper) == [(0, 0)]

    end(stage, number, stage.start + 2 * HELD)

    assert days(stage, shopper) == [(0, 1)]


def test_ten_expired_orders_a_day_refuse_the_next_one_and_a_seat(stage: Stage) -> None:
    shopper = stage.shopper()
    at = stage.start.replace(hour=4, minute=0, second=0) + DAY
    for _ in range(10):
        buy(stage, shopper, at)
        at += HELD
        stage.expire(at)

    for refused in (lambda: buy(stage, shopper, at), lambda: stage.open(shopper, at)):
        with pytest.raises(ExpiredHoldLimitReached) as reached:
            refused()
        assert reached.value.details == {"limit": 10}

    assert buy(stage, shopper, at + DAY)["state"] == "placed"


def test_one_shopper_cannot_take_all_stock_unpaid(stage: Stage) -> None:
    shopper, taken = stage.shopper(), 0
    for _ in range(50):
        try:
            buy(stage, shopper, stage.start)
        except DomainError:
            continue
        taken += 1

    assert (taken, stock(stage)) == (1, 99)


def test_stock_that_is_used_up_is_told(stage: Stage) -> None:
    few = selling(stage, stock_units=1)
    buy(few, few.shopper(), few.start)

    with pytest.raises(StockExhausted):
        buy(few, few.shopper(), few.start)
