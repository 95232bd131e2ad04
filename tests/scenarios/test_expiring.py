"""Coupons, passes and points expire, once for each time they come back; their holders are told."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from domain.checkout.expiring import expire_due, warn_of_expiring
from domain.checkout.giving_up import give_up_order
from domain.checkout.looking import find_due
from domain.checkout.reacting import consume_facts
from domain.database import reading, transaction
from domain.notices.queries import NoticeView, list_notices
from domain.notices.writing import write_notices
from domain.terms import Limits, SubsidyKind
from jobs.reactions import REACTIONS
from launcher.addresses import DatabaseUrls
from tests.factories.instruments import make_coupon, make_gift
from tests.scenarios.purses import MIXES, assert_books, fill, holds
from tests.scenarios.stage import Stage, make_stage

pytestmark = pytest.mark.transactional

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)

Shopper = tuple[int, int]


@pytest.fixture
def stage(fresh_database: DatabaseUrls) -> Stage:
    return make_stage(limits=Limits(open_groups=50, participations_per_day=50))


@pytest.fixture
def shopper(stage: Stage) -> Shopper:
    return stage.shopper()


def give(
    shopper: Shopper, kind: SubsidyKind, value_fen: int, *, issued_at: datetime, days: int = 30
) -> None:
    with transaction() as session:
        if kind is SubsidyKind.POINTS:
            session.execute(
                text(
                    "UPDATE merchant_settings SET points_valid_days = :days WHERE merchant_id = :m"
                ),
                {"days": days, "m": shopper[0]},
            )
            make_gift(session, shopper, kind, value_fen, at=issued_at)
        else:
            make_coupon(session, shopper, value_fen, at=issued_at, valid_days=days, kind=kind)


KINDS = (SubsidyKind.COUPON, SubsidyKind.PASS, SubsidyKind.POINTS)


def posted(stage: Stage, kind: str) -> list[tuple[Any, ...]]:
    """List what was posted of a kind: (fen, from, to)."""
    return stage.rows(
        """
        SELECT max(e.amount_fen), max(a.kind) FILTER (WHERE e.amount_fen < 0),
            max(a.kind) FILTER (WHERE e.amount_fen > 0)
        FROM ledger_transactions t
        JOIN ledger_entries e ON e.merchant_id = t.merchant_id AND e.transaction_id = t.id
        JOIN ledger_accounts a ON a.merchant_id = e.merchant_id AND a.id = e.account_id
        WHERE t.kind = :v GROUP BY t.id ORDER BY t.id
        """,
        kind,
    )


def lot(stage: Stage) -> tuple[Any, ...]:
    [row] = stage.rows("SELECT left_fen, spent_fen, expired_fen FROM point_lots")
    return row


def leave(stage: Stage, shopper: Shopper, order: dict[str, Any], at: datetime) -> None:
    give_up_order(shopper, order["id"], stage.basket(shopper).key, at=at)


def test_coupon_and_pass_expire_into_breakage(stage: Stage, shopper: Shopper) -> None:
    give(shopper, SubsidyKind.COUPON, 500, issued_at=stage.start)
    give(shopper, SubsidyKind.PASS, 2500, issued_at=stage.start)

    assert expire_due(at=stage.start + 30 * DAY) == 2

    assert holds(stage, shopper)["instruments"] == [
        ("coupon", 500, "expired"),
        ("pass", 2500, "expired"),
    ]
    assert sorted(posted(stage, "instrument.expired")) == [
        (500, "coupons_payable", "breakage"),
        (2500, "passes_payable", "breakage"),
    ]
    assert_books(stage)


def test_points_expire_as_far_as_they_are_left(stage: Stage, shopper: Shopper) -> None:
    give(shopper, SubsidyKind.POINTS, 2500, issued_at=stage.start, days=10)
    stage.open(shopper, stage.start, use_points=True)

    assert expire_due(at=stage.start + 10 * DAY) == 1

    assert lot(stage) == (0, 1990, 510)
    assert posted(stage, "points.expired") == [(510, "points_payable", "breakage")]
    assert_books(stage)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_expires_before_its_instant_and_nothing_twice(
    stage: Stage, shopper: Shopper, kind: SubsidyKind
) -> None:
    give(shopper, kind, 500, issued_at=stage.start)

    assert expire_due(at=stage.start + 30 * DAY - SECOND) == 0
    assert expire_due(at=stage.start + 30 * DAY) == 1
    assert expire_due(at=stage.start + 31 * DAY) == 0


def test_reserved_and_spent_instruments_do_not_expire(stage: Stage, shopper: Shopper) -> None:
    stage.open(shopper, stage.start, **fill(stage, shopper, MIXES["coupon"], stage.start))
    other = stage.shopper()
    stage.open(other, stage.start, **fill(stage, other, MIXES["pass"], stage.start))

    assert expire_due(at=stage.start + 60 * DAY) == 0

    assert [state for *_, state in holds(stage, shopper)["instruments"]] == ["reserved"]
    assert [state for *_, state in holds(stage, other)["instruments"]] == ["spent"]


def test_coupon_that_comes_back_too_late_expires_then(stage: Stage, shopper: Shopper) -> None:
    using = fill(stage, shopper, MIXES["coupon"], stage.start, valid_days=1)
    order = stage.open(shopper, stage.start + DAY - MINUTE, **using)
    stage.pay(order, stage.start + DAY - MINUTE)
    assert expire_due(at=stage.start + DAY) == 0
    leave(stage, shopper, order, stage.start + DAY + MINUTE)

    assert expire_due(at=stage.start + DAY + MINUTE) == 1

    assert posted(stage, "instrument.expired") == [(500, "coupons_payable", "breakage")]
    assert_books(stage)


def test_points_that_come_back_too_late_expire_each_time_anew(
    stage: Stage, shopper: Shopper
) -> None:
    """A lot of 2,500 expires at day 10; two orders hold 900 and 600 of it till after that."""
    give(shopper, SubsidyKind.POINTS, 2500, issued_at=stage.start, days=10)
    late = stage.start + 10 * DAY - MINUTE
    orders = []
    for value in (1090, 1390):
        give(shopper, SubsidyKind.COUPON, value, issued_at=stage.start)
        coupon = stage.one("SELECT public_id FROM instruments WHERE value_fen = :v", value)
        orders.append(stage.open(shopper, late, use_points=True, coupon_id=coupon))
    assert [order["points_fen"] for order in orders] == [900, 600]
    assert expire_due(at=late + MINUTE) == 1
    assert lot(stage) == (0, 1500, 1000)

    for number, order in enumerate(orders, 1):
        leave(stage, shopper, order, late + (1 + number) * MINUTE)
        assert expire_due(at=late + (1 + number) * MINUTE) == 1

    assert lot(stage) == (0, 0, 2500)
    assert posted(stage, "points.expired") == [(1000, "points_payable", "breakage")]
    assert posted(stage, "points.return_expired") == [
        (900, "points_payable", "breakage"),
        (600, "points_payable", "breakage"),
    ]
    assert_books(stage)


def test_uses_that_come_back_together_expire_together(stage: Stage, shopper: Shopper) -> None:
    give(shopper, SubsidyKind.POINTS, 3000, issued_at=stage.start, days=10)
    late = stage.start + 10 * DAY - MINUTE
    orders = [stage.open(shopper, late, use_points=True)]
    give(shopper, SubsidyKind.COUPON, 1490, issued_at=stage.start)
    coupon = stage.one("SELECT public_id FROM instruments")
    orders.append(stage.open(shopper, late, use_points=True, coupon_id=coupon))
    expire_due(at=late + MINUTE)
    for order in orders:
        leave(stage, shopper, order, late + 2 * MINUTE)

    assert expire_due(at=late + 2 * MINUTE) == 1

    assert lot(stage) == (0, 0, 3000)
    assert posted(stage, "points.return_expired") == [(2490, "points_payable", "breakage")]


def test_points_of_a_failed_group_live_on_are_spent_in_part_and_expire_again(
    stage: Stage, shopper: Shopper
) -> None:
    give(shopper, SubsidyKind.POINTS, 2500, issued_at=stage.start, days=10)
    late = stage.start + 10 * DAY - MINUTE
    order = stage.open(shopper, late, use_points=True)
    deadline = stage.group(order["group_id"])["deadline_at"]
    assert expire_due(at=late + MINUTE) == 1
    stage.settle(order["group_id"], deadline)
    assert lot(stage) == (1990, 0, 510)
    assert expire_due(at=deadline + 7 * DAY - SECOND) == 0
    give(shopper, SubsidyKind.COUPON, 1000, issued_at=deadline)
    coupon = stage.one("SELECT public_id FROM instruments")
    stage.open(shopper, deadline, use_points=True, coupon_id=coupon)

    assert expire_due(at=deadline + 7 * DAY) == 1

    assert lot(stage) == (0, 990, 1510)
    assert posted(stage, "points.return_expired") == [(1000, "points_payable", "breakage")]
    assert_books(stage)


def test_many_expire_in_chunks(stage: Stage, shopper: Shopper) -> None:
    for _ in range(5):
        give(shopper, SubsidyKind.COUPON, 500, issued_at=stage.start)
        give(shopper, SubsidyKind.POINTS, 500, issued_at=stage.start)

    done = [expire_due(at=stage.start + 30 * DAY, limit=2) for _ in range(4)]

    assert done == [4, 4, 2, 0]
    assert_books(stage)


def found(at: datetime) -> set[str]:
    return find_due([], at=at) & {"expiries", "warnings"}


@pytest.mark.parametrize("kind", KINDS)
def test_looking_finds_what_is_due_and_nothing_else(
    stage: Stage, shopper: Shopper, kind: SubsidyKind
) -> None:
    give(shopper, kind, 500, issued_at=stage.start)

    assert found(stage.start + 27 * DAY - SECOND) == set()
    assert found(stage.start + 27 * DAY) == {"warnings"}
    warn_of_expiring(at=stage.start + 27 * DAY)
    assert found(stage.start + 30 * DAY - SECOND) == set()
    assert found(stage.start + 30 * DAY) == {"expiries"}
    expire_due(at=stage.start + 30 * DAY)
    assert found(stage.start + 31 * DAY) == set()


def notices(shopper: Shopper, at: datetime) -> list[NoticeView]:
    """Return what a shopper was told, but for the gifts that made it."""
    consume_facts("notify", REACTIONS["notify"], at=at)
    with reading() as session:
        found = list_notices(session, shopper, below_id=None, limit=10)
    return [notice for notice in found if notice.key != "gift.issued"]


@pytest.mark.parametrize(
    ("kind", "english", "chinese"),
    [
        (SubsidyKind.COUPON, "coupon of 5 yuan", "5 元优惠券"),
        (SubsidyKind.PASS, "free order (one, of up to 5 yuan)", "免单资格（可抵一单，最高 5 元）"),
        (SubsidyKind.POINTS, "500 of your points (worth 5 yuan)", "500 积分（价值 5 元）"),
    ],
)
def test_holder_is_told_three_days_ahead_once(
    stage: Stage, shopper: Shopper, kind: SubsidyKind, english: str, chinese: str
) -> None:
    noon = stage.start.replace(hour=4, minute=0, second=0)
    give(shopper, kind, 500, issued_at=noon)
    assert warn_of_expiring(at=noon + 27 * DAY - SECOND) == 0

    assert [warn_of_expiring(at=noon + days * DAY) for days in (27, 28, 29)] == [1, 0, 0]

    [notice] = notices(shopper, noon + 27 * DAY)
    assert notice.key == f"{kind.value}.expiring"
    assert notice.parameters["amount_fen"] == 500
    end = noon + 30 * DAY
    assert notice.parameters["expires_at"] == f"{end:%Y-%m-%dT%H:%M:%SZ}"
    assert english in notice.text("en")
    assert f"{end:%Y-%m-%d} 12:00" in notice.text("en")
    assert chinese in notice.text("zh")


def test_fact_consumed_again_tells_nothing_again(stage: Stage, shopper: Shopper) -> None:
    give(shopper, SubsidyKind.COUPON, 500, issued_at=stage.start)
    at = stage.start + 28 * DAY
    warn_of_expiring(at=at)
    assert len(notices(shopper, at)) == 1
    fact = (stage.merchant_id, stage.one("SELECT id FROM facts WHERE kind = 'coupon.expiring'"))

    with transaction() as session:
        write_notices(session, [fact], at=at)

    assert len(notices(shopper, at)) == 1


def test_nobody_is_told_of_what_is_used_up_or_over(stage: Stage, shopper: Shopper) -> None:
    stage.open(shopper, stage.start, **fill(stage, shopper, MIXES["all four"], stage.start))
    give(stage.shopper(), SubsidyKind.COUPON, 500, issued_at=stage.start - 31 * DAY)

    assert warn_of_expiring(at=stage.start + 363 * DAY) == 0


def test_points_spent_before_the_notice_is_written_are_not_told_of(
    stage: Stage, shopper: Shopper
) -> None:
    give(shopper, SubsidyKind.POINTS, 500, issued_at=stage.start, days=10)
    at = stage.start + 8 * DAY
    warn_of_expiring(at=at)
    stage.open(shopper, at, use_points=True)

    assert notices(shopper, at) == []
