"""Coupons, passes, points and wallets pay orders, and come back from those that come to nothing."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from domain.checkout.buying_alone import buy_alone
from domain.checkout.commands import BuyAlone
from domain.checkout.giving_up import give_up_order
from domain.database import transaction
from domain.settlement.applying_payments import Applied
from domain.settlement.releasing import find_overdue_releases, free_overdue
from domain.terms import Limits, SubsidyKind
from launcher.addresses import DatabaseUrls
from tests.concurrency.arena import assert_sound
from tests.factories.campaigns import make_campaign
from tests.factories.instruments import make_coupon, make_gift
from tests.factories.products import make_product, make_variant
from tests.scenarios.purses import MIXES, UNPAID, Mix, assert_books, fill, holds, returns
from tests.scenarios.stage import Stage, make_stage

pytestmark = pytest.mark.transactional

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
SEAT_HOLD = 5 * MINUTE
ALONE_HOLD = 15 * MINUTE

Shopper = tuple[int, int]
Place = Callable[..., dict[str, Any]]


def make_shop() -> Stage:
    """Build a stage whose product costs 1,990 fen in a group and alone, or 1,990 in points."""
    stage = make_stage()
    with transaction() as session:
        product = make_product(session, stage.merchant_id)
        variants = (make_variant(session, product, list_price_fen=1990),)
        variants[0].points_price_fen = 1990
        session.flush()
        made = make_campaign(
            session,
            stage.merchant_id,
            product=product,
            variants=variants,
            limits=Limits(participations_per_day=50, open_groups=50),
        )
    return replace(stage, campaign=made)


@pytest.fixture
def stage(database: object) -> Stage:
    return make_shop()


def open_one(stage: Stage, shopper: Shopper, **using: Any) -> dict[str, Any]:
    return stage.open(shopper, stage.start, **using)


def join_one(stage: Stage, shopper: Shopper, **using: Any) -> dict[str, Any]:
    return stage.join(shopper, stage.opened(stage.start), stage.start, **using)


def join_last(stage: Stage, shopper: Shopper, **using: Any) -> dict[str, Any]:
    group_id = stage.opened(stage.start)
    stage.joined(group_id, stage.start)
    return stage.join(shopper, group_id, stage.start, **using)


def buy_one(stage: Stage, shopper: Shopper, **using: Any) -> dict[str, Any]:
    return buy_alone(BuyAlone(stage.basket(shopper, **using)), at=stage.start)


def buy_for_points(stage: Stage, shopper: Shopper, **using: Any) -> dict[str, Any]:
    return buy_alone(BuyAlone(stage.basket(shopper, **using), for_points=True), at=stage.start)


PLACES = {"open": open_one, "join": join_one, "last": join_last, "alone": buy_one}
SEATS = {name: place for name, place in PLACES.items() if name != "alone"}


def split(order: dict[str, Any]) -> tuple[int, ...]:
    return tuple(order[f"{part}_fen"] for part in ("instrument", "points", "wallet", "payable"))


def order_of(stage: Stage, order: dict[str, Any]) -> tuple[Any, ...]:
    [row] = stage.rows("SELECT state, seat_state FROM orders WHERE public_id = :v", order["id"])
    return row


def give_up(stage: Stage, shopper: Shopper, order: dict[str, Any], at: datetime) -> None:
    give_up_order(shopper, order["id"], stage.basket(shopper).key, at=at)


def settle(stage: Stage, order: dict[str, Any]) -> None:
    stage.settle(order["group_id"], stage.group(order["group_id"])["deadline_at"])


def free(stage: Stage, at: datetime) -> None:
    with transaction() as session:
        free_overdue(session, find_overdue_releases(session, at=at, limit=500), at=at)


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("mix", MIXES.values(), ids=MIXES)
def test_means_pay_in_their_order_and_are_gone(stage: Stage, mix: Mix, place: Place) -> None:
    shopper = stage.shopper()
    using = fill(stage, shopper, mix, stage.start)

    order = place(stage, shopper, **using)

    assert split(order) == mix.split
    state = "spent" if mix.is_prepaid else "reserved"
    assert holds(stage, shopper) == {
        "instruments": [
            (kind, value, state)
            for kind, value in (("coupon", mix.coupon_fen), ("pass", mix.pass_fen))
            if value
        ],
        "points": mix.points_fen - mix.split[1],
        "wallet": mix.wallet_fen - mix.split[2],
    }
    assert_books(stage)


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("mix", UNPAID.values(), ids=UNPAID)
def test_instrument_is_spent_once_the_rest_is_paid(stage: Stage, mix: Mix, place: Place) -> None:
    shopper = stage.shopper()
    order = place(stage, shopper, **fill(stage, shopper, mix, stage.start))

    assert stage.pay(order, stage.start) is Applied.SEATED

    assert {state for _, _, state in holds(stage, shopper)["instruments"]} <= {"spent"}
    assert order_of(stage, order)[0] in {"paid", "fulfilling"}
    assert_books(stage)


PREPAID = {name: mix for name, mix in MIXES.items() if mix.is_prepaid}


@pytest.mark.parametrize("mix", PREPAID.values(), ids=PREPAID)
def test_prepaid_leader_opens_its_group_at_once(stage: Stage, mix: Mix) -> None:
    shopper = stage.shopper()

    order = open_one(stage, shopper, **fill(stage, shopper, mix, stage.start))

    group = stage.group(order["group_id"])
    assert (order["state"], order["seat_state"]) == order_of(stage, order) == ("paid", "taken")
    assert (group["state"], group["taken"], group["held"]) == ("open", 1, 0)
    assert (group["leader_id"], group["deadline_at"]) == (shopper[1], stage.start + DAY)


@pytest.mark.parametrize("mix", PREPAID.values(), ids=PREPAID)
def test_prepaid_last_seat_forms_the_group_at_once(stage: Stage, mix: Mix) -> None:
    shopper = stage.shopper()

    order = join_last(stage, shopper, **fill(stage, shopper, mix, stage.start))

    assert order["state"] == order_of(stage, order)[0] == "fulfilling"
    assert stage.group(order["group_id"])["state"] == "formed"


@pytest.mark.parametrize("mix", PREPAID.values(), ids=PREPAID)
def test_prepaid_product_is_sold_at_once(stage: Stage, mix: Mix) -> None:
    shopper = stage.shopper()

    order = buy_one(stage, shopper, **fill(stage, shopper, mix, stage.start))

    assert order["state"] == order_of(stage, order)[0] == "fulfilling"


def lapse(stage: Stage, shopper: Shopper, order: dict[str, Any]) -> None:
    stage.expire(stage.start + ALONE_HOLD)
    stage.expire(stage.start + ALONE_HOLD)


def cancel(stage: Stage, shopper: Shopper, order: dict[str, Any]) -> None:
    give_up(stage, shopper, order, stage.start + MINUTE)
    stage.expire(stage.start + ALONE_HOLD)


def lapse_and_pay_late(stage: Stage, shopper: Shopper, order: dict[str, Any]) -> None:
    number = stage.add_payment(order, stage.start)
    stage.expire(stage.start + ALONE_HOLD)
    assert order_of(stage, order)[0] == "placed"
    free(stage, stage.start + 2 * ALONE_HOLD)
    free(stage, stage.start + 2 * ALONE_HOLD)
    for _ in range(2):
        stage.succeed(
            number,
            stage.start + MINUTE,
            at=stage.start + 3 * ALONE_HOLD,
            amount_fen=order["payable_fen"],
        )


UNPAID_ENDS = {
    "the hold ends": lapse,
    "it is cancelled": cancel,
    "it is paid too late": lapse_and_pay_late,
}


@pytest.mark.parametrize("end", UNPAID_ENDS.values(), ids=UNPAID_ENDS)
@pytest.mark.parametrize("place", [join_one, buy_one], ids=["join", "alone"])
@pytest.mark.parametrize("mix", UNPAID.values(), ids=UNPAID)
def test_unpaid_order_gives_each_means_back_once(
    stage: Stage, mix: Mix, place: Place, end: Callable[..., None]
) -> None:
    shopper = stage.shopper()
    using = fill(stage, shopper, mix, stage.start)
    before = holds(stage, shopper)
    order = place(stage, shopper, **using)

    end(stage, shopper, order)

    assert order_of(stage, order)[0] in {"expired", "cancelled"}
    assert holds(stage, shopper) == before
    assert [(kind, fen) for kind, fen, _, _ in returns(stage, order)] == owed_back(mix)
    assert_books(stage)


def owed_back(mix: Mix) -> list[tuple[str, int]]:
    """Say what the ledger is to give back of a mix."""
    kind, value = ("pass", mix.pass_fen) if mix.pass_fen else ("coupon", mix.coupon_fen)
    owed = {
        f"{kind}.returned": mix.split[0],
        f"{kind}.rest_returned": value - mix.split[0],
        "points.returned": mix.split[1],
        "wallet.returned": mix.split[2],
    }
    return sorted((posted, fen) for posted, fen in owed.items() if fen)


def leave(stage: Stage, shopper: Shopper, order: dict[str, Any]) -> None:
    give_up(stage, shopper, order, stage.start + MINUTE)


def fail(stage: Stage, shopper: Shopper, order: dict[str, Any]) -> None:
    settle(stage, order)
    settle(stage, order)


@pytest.mark.parametrize("end", [leave, fail])
@pytest.mark.parametrize("place", [open_one, join_one], ids=["open", "join"])
@pytest.mark.parametrize("mix", MIXES.values(), ids=MIXES)
def test_seat_without_a_product_gives_each_means_back_once(
    stage: Stage, mix: Mix, place: Place, end: Callable[..., None]
) -> None:
    shopper = stage.shopper()
    using = fill(stage, shopper, mix, stage.start)
    before = holds(stage, shopper)
    order = place(stage, shopper, **using)
    if not mix.is_prepaid:
        stage.pay(order, stage.start)

    end(stage, shopper, order)

    after = holds(stage, shopper)
    granted = 0 if end is leave else min(1000, mix.split[2] + mix.split[3])
    assert after == before | {"wallet": before["wallet"] + granted}
    assert [(kind, fen) for kind, fen, _, _ in returns(stage, order)] == owed_back(mix)
    assert order_of(stage, order)[0] == (
        "refunded" if mix.is_prepaid or not mix.split[3] else "refunding"
    )
    assert_books(stage)


def test_member_learned_late_of_a_failed_group_gets_each_means_back_once(stage: Stage) -> None:
    mix, shopper = MIXES["all four"], stage.shopper()
    using = fill(stage, shopper, mix, stage.start)
    before = holds(stage, shopper)
    group_id = stage.opened(stage.start)
    deadline = stage.start + DAY
    order = stage.join(shopper, group_id, deadline - 2 * MINUTE, **using)
    number = stage.add_payment(order, deadline - 2 * MINUTE)
    stage.settle(group_id, deadline)
    assert holds(stage, shopper)["instruments"] == [("coupon", 500, "reserved")]

    for _ in range(2):
        stage.succeed(number, deadline - MINUTE, at=deadline + MINUTE, amount_fen=390)

    granted = 390 + 800
    assert holds(stage, shopper) == before | {"wallet": 800 + min(1000, granted)}
    assert [(kind, fen) for kind, fen, _, _ in returns(stage, order)] == owed_back(mix)
    assert_books(stage)


def breakage(stage: Stage) -> int:
    found: int = stage.one(
        "SELECT sum(e.amount_fen)::bigint FROM ledger_entries e JOIN ledger_accounts a"
        " ON a.merchant_id = e.merchant_id AND a.id = e.account_id"
        " WHERE a.kind = 'breakage' AND a.merchant_id = :v",
        stage.merchant_id,
    )
    return found


def test_rest_of_a_coupon_is_lost_and_comes_back_with_it(stage: Stage) -> None:
    shopper = stage.shopper()
    order = open_one(
        stage, shopper, **fill(stage, shopper, Mix((1990, 0, 0, 0), 3000), stage.start)
    )
    assert breakage(stage) == 1010

    settle(stage, order)

    assert returns(stage, order) == [
        ("coupon.rest_returned", 1010, "breakage", "coupons_payable"),
        ("coupon.returned", 1990, "order_deposits", "coupons_payable"),
    ]
    assert breakage(stage) == 0


def expiry(stage: Stage, shopper: Shopper) -> datetime:
    found: datetime = stage.one(
        "SELECT expires_at FROM instruments WHERE shopper_id = :v", shopper[1]
    )
    return found


@pytest.mark.parametrize(
    ("name", "end", "valid_days", "left"),
    [
        ("coupon", lapse, 2, 2 * DAY),
        ("coupon", leave, 2, 2 * DAY),
        ("coupon", fail, 2, 8 * DAY),
        ("coupon", fail, 30, 30 * DAY),
        ("pass", leave, 2, 2 * DAY),
        ("pass", fail, 2, 8 * DAY),
        ("pass", fail, 30, 30 * DAY),
    ],
)
def test_instrument_lives_on_for_a_week_where_the_group_failed(
    stage: Stage, name: str, end: Callable[..., None], valid_days: int, left: timedelta
) -> None:
    mix = MIXES[name]
    shopper = stage.shopper()
    order = open_one(
        stage, shopper, **fill(stage, shopper, mix, stage.start, valid_days=valid_days)
    )
    if not mix.is_prepaid and end is not lapse:
        stage.pay(order, stage.start)

    end(stage, shopper, order)

    assert expiry(stage, shopper) == stage.start + left


def test_coupon_that_expired_while_it_was_used_comes_back_expired(stage: Stage) -> None:
    shopper = stage.shopper()
    with transaction() as session:
        coupon = make_coupon(session, shopper, 500, at=stage.start - 4 * DAY, valid_days=4)
    order = stage.open(shopper, stage.start - MINUTE, coupon_id=coupon)
    stage.pay(order, stage.start - MINUTE)

    give_up(stage, shopper, order, stage.start + 20 * 60 * MINUTE)

    assert holds(stage, shopper)["instruments"] == [("coupon", 500, "issued")]
    assert expiry(stage, shopper) == stage.start


def test_points_come_back_into_the_lots_they_were_of(stage: Stage) -> None:
    shopper = stage.shopper()
    with transaction() as session:
        for value, days_ago in ((500, 3), (400, 1), (300, 2)):
            make_gift(session, shopper, SubsidyKind.POINTS, value, at=stage.start - days_ago * DAY)
    lots = "SELECT value_fen, left_fen, spent_fen FROM point_lots WHERE shopper_id = :v ORDER BY id"

    order = open_one(stage, shopper, use_points=True)

    assert order["points_fen"] == 1200
    give_up(stage, shopper, order, stage.start)
    assert stage.rows(lots, shopper[1]) == [(500, 500, 0), (400, 400, 0), (300, 300, 0)]
    with transaction() as session:
        make_coupon(session, shopper, 1390, at=stage.start)
    coupon = stage.one("SELECT public_id FROM instruments WHERE shopper_id = :v", shopper[1])
    open_one(stage, shopper, use_points=True, coupon_id=coupon)
    assert stage.rows(lots, shopper[1]) == [(500, 0, 500), (400, 400, 0), (300, 200, 100)]


def test_only_whole_points_are_spent(stage: Stage) -> None:
    shopper = stage.shopper()
    with transaction() as session:
        make_gift(session, shopper, SubsidyKind.POINTS, 350, at=stage.start)
        session.execute(
            text("UPDATE merchant_settings SET points_per_yuan = 1 WHERE merchant_id = :m"),
            {"m": stage.merchant_id},
        )

    order = open_one(stage, shopper, use_points=True)

    assert split(order) == (0, 300, 0, 1690)
    assert holds(stage, shopper)["points"] == 50


def test_expired_points_are_not_spent(stage: Stage) -> None:
    shopper = stage.shopper()
    with transaction() as session:
        make_gift(session, shopper, SubsidyKind.POINTS, 300, at=stage.start - 365 * DAY)

    order = open_one(stage, shopper, use_points=True)

    assert split(order) == (0, 0, 0, 1990)


def test_product_is_bought_by_points_alone(stage: Stage) -> None:
    shopper = stage.shopper()
    fill(stage, shopper, Mix((0, 1990, 0, 0), points_fen=2000, wallet_fen=500), stage.start)

    order = buy_for_points(stage, shopper)

    assert (order["price_fen"], order["state"]) == (1990, "fulfilling")
    assert split(order) == (0, 1990, 0, 0)
    assert holds(stage, shopper) == {"instruments": [], "points": 10, "wallet": 500}
    assert_books(stage)


def test_coupon_s_loop_through_failing_groups_gains_nothing(stage: Stage) -> None:
    shopper = stage.shopper()
    using = fill(stage, shopper, Mix((1990, 0, 0, 0), coupon_fen=1990), stage.start)
    before = holds(stage, shopper)

    for _ in range(3):
        order = open_one(stage, shopper, **using)
        settle(stage, order)

    assert order["quote"]["most_fen"] == 0
    assert holds(stage, shopper) == before
    assert (
        stage.rows("SELECT state, amount_fen FROM grants WHERE shopper_id = :v", shopper[1])
        == [("zero", 0)] * 3
    )


@pytest.mark.parametrize(
    ("mix", "most"),
    [
        (Mix((1500, 0, 0, 490), coupon_fen=1500), 490),
        (Mix((0, 1500, 0, 490), points_fen=1500), 490),
        (Mix((1500, 0, 490, 0), coupon_fen=1500, wallet_fen=490), 490),
        (Mix((500, 0, 0, 1490), coupon_fen=500), 1000),
        (Mix((1990, 0, 0, 0), pass_fen=1990), 0),
    ],
)
def test_subsidy_is_no_more_than_was_paid_in_money(stage: Stage, mix: Mix, most: int) -> None:
    shopper = stage.shopper()
    using = fill(stage, shopper, mix, stage.start)
    before = holds(stage, shopper)
    order = open_one(stage, shopper, **using)
    if not mix.is_prepaid:
        stage.pay(order, stage.start)

    settle(stage, order)

    assert order["quote"]["most_fen"] == most
    assert holds(stage, shopper) == before | {"wallet": before["wallet"] + most}


def test_audit_is_clean_after_every_mix_and_end(fresh_database: DatabaseUrls) -> None:
    stage = make_shop()
    for mix in MIXES.values():
        for place in (*SEATS.values(), buy_one):
            for end in (None, *UNPAID_ENDS.values(), leave, fail):
                play(stage, mix, place, end)

    assert_sound(stage.start + 2 * DAY)


def play(stage: Stage, mix: Mix, place: Place, end: Callable[..., None] | None) -> None:
    """Play an order to an end it may come to; others are left out."""
    is_unpaid_end = end in UNPAID_ENDS.values()
    if (is_unpaid_end and mix.is_prepaid) or (
        end in {leave, fail} and place in {join_last, buy_one}
    ):
        return
    shopper = stage.shopper()
    order = place(stage, shopper, **fill(stage, shopper, mix, stage.start))
    if not (mix.is_prepaid or is_unpaid_end):
        stage.pay(order, stage.start)
    if end is not None:
        end(stage, shopper, order)
