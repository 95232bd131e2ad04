"""A promise is kept, or was never made: where rules, caps and ends of campaigns meet."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from domain.auditing.running import audit
from domain.checkout.commands import OpenGroup
from domain.checkout.expiring import warn_of_expiring
from domain.checkout.opening import open_group
from domain.checkout.settling import reward_due_groups, settle_due_groups
from domain.clock import day_start, shanghai_day
from domain.database import transaction
from domain.groups.errors import GroupNotOpen, TooLateToJoin
from domain.idempotency import IdempotencyKeyReused
from domain.orders.errors import OrderNotCancellable
from domain.settlement.applying_payments import Applied
from domain.settlement.clawing_back import ClawBack, claw_back
from domain.settlement.issuing import Source
from domain.subsidies.errors import NothingToClawBack
from domain.terms import Levers, RewardRule, SubsidyKind, SubsidyRule
from launcher.addresses import DatabaseUrls
from tests.concurrency.arena import make_arena
from tests.factories.campaigns import make_campaign
from tests.factories.instruments import make_coupon, make_gift
from tests.scenarios.stage import MINUTE, Stage, make_stage
from tests.scenarios.test_rewards import opened_by, shared

pytestmark = pytest.mark.transactional

DAY = timedelta(days=1)
PROGRAMME = text(
    "INSERT INTO external_programmes"
    " (merchant_id, public_id, name, delivery, points_per_yuan, created_at)"
    " VALUES (:m, 'brand', '品牌', 'export', :per_yuan, :at) RETURNING id"
)
GRANTS = "SELECT quote_fen, amount_fen FROM grants ORDER BY id"


def with_campaign(stage: Stage, **campaign: Any) -> Stage:
    with transaction() as session:
        made = make_campaign(session, stage.merchant_id, **campaign)
    return replace(stage, campaign=made)


def seated(stage: Stage, order: dict[str, Any]) -> dict[str, Any]:
    assert stage.pay(order, stage.start) is Applied.SEATED
    return order


def brand(stage: Stage, per_yuan: int) -> int:
    with transaction() as session:
        values = {"m": stage.merchant_id, "per_yuan": per_yuan, "at": stage.start}
        found: int = session.execute(PROGRAMME, values).scalar_one()
        return found


def test_brands_points_are_promised_in_whole_ones(fresh_database: DatabaseUrls) -> None:
    """What a cap leaves is half a point: it is none, and the group fails as any other."""
    stage = make_stage(daily_subsidy_cap_fen=1050)
    rule = SubsidyRule(SubsidyKind.EXTERNAL_POINTS, 1000, programme_id=brand(stage, 1))
    stage = with_campaign(stage, subsidy=replace(rule, point_fen=100))
    capped = stage.shopper()
    seated(stage, stage.open(capped, stage.start))
    other = seated(stage, stage.open(stage.shopper(), stage.start))
    second = seated(stage, stage.join(capped, other["group_id"], stage.start))

    settle_due_groups(at=stage.start + DAY)

    assert second["quote"]["most_fen"] == 0
    assert stage.rows("SELECT DISTINCT state FROM groups") == [("failed",)]
    assert stage.rows(GRANTS) == [(1000, 1000), (1000, 1000), (0, 0)]
    assert stage.one("SELECT count(*) FROM refunds") == 3
    assert stage.rows("SELECT DISTINCT points FROM external_issues") == [(10,)]
    assert audit(at=stage.start + DAY).violated == ()


def test_leader_of_a_group_that_the_campaign_cuts_short_is_told(
    fresh_database: DatabaseUrls,
) -> None:
    """A seat is to be paid an hour before the deadline; the campaign ends in 40 minutes."""
    stage = make_stage()
    levers = Levers(least_paid_seconds=3600)
    stage = with_campaign(stage, levers=levers, ends_at=stage.start + 40 * MINUTE)
    order = seated(stage, stage.open(stage.shopper(), stage.start))

    settle_due_groups(at=stage.start + 41 * MINUTE)

    assert order["quote"]["most_fen"] == 0
    assert order["quote"]["parts"][-1]["by"] == "paid_late"
    assert stage.rows(GRANTS) == [(0, 0)]
    assert audit(at=stage.start + 41 * MINUTE).violated == ()


def test_who_joined_in_time_and_paid_minutes_later_gets_what_was_promised(
    fresh_database: DatabaseUrls,
) -> None:
    stage = with_campaign(make_stage(), levers=Levers(least_paid_seconds=3600))
    group_id = stage.opened(stage.start)
    at = stage.start + DAY - timedelta(minutes=61)
    order = stage.join(stage.shopper(), group_id, at)
    stage.pay(order, at + 4 * MINUTE)

    settle_due_groups(at=stage.start + DAY)

    assert stage.rows(GRANTS) == [(1000, 1000), (1000, 1000)]
    assert audit(at=stage.start + DAY).violated == ()


def test_an_invitee_under_review_earns_its_inviter_nothing(fresh_database: DatabaseUrls) -> None:
    stage = make_stage()
    stage = with_campaign(
        stage,
        reward=RewardRule(formed_fen=500, failed_fen=300),
        subsidy=SubsidyRule(SubsidyKind.CASH, 500, invite_fen=200, invites_most=2),
    )
    inviter, invitee, honest = stage.shopper(), stage.shopper(), stage.shopper()
    with transaction() as session:
        session.execute(
            text("UPDATE shoppers SET flag = 'review' WHERE id = :id"), {"id": invitee[1]}
        )
    group_id = opened_by(stage, inviter, stage.start)
    token = shared(stage, inviter, group_id, stage.start)
    seated(stage, stage.join(invitee, group_id, stage.start, share_token=token))

    settle_due_groups(at=stage.start + DAY)
    reward_due_groups(at=stage.start + DAY)

    assert stage.wallet(inviter[1]) == 500
    assert stage.rows("SELECT amount_fen FROM rewards") == []
    assert stage.one("SELECT state FROM grants WHERE shopper_id = :v", invitee[1]) == "held"
    assert honest
    assert audit(at=stage.start + DAY).violated == ()


def gift_of(stage: Stage, shopper: tuple[int, int], kind: SubsidyKind, fen: int) -> int:
    with transaction() as session:
        make_gift(session, shopper, kind, fen, at=stage.start)
    found: int = stage.one("SELECT max(id) FROM gifts")
    return found


def take_back(stage: Stage, gift_id: int, most: int | None = None) -> int:
    wanted = ClawBack(Source.GIFT, (stage.merchant_id, gift_id), "误发", most)
    with transaction() as session:
        return claw_back(session, wanted, at=stage.start, actor="staff:1")


def test_what_came_later_is_not_taken_for_what_is_spent(fresh_database: DatabaseUrls) -> None:
    stage = make_stage()
    shopper = stage.shopper()
    first = gift_of(stage, shopper, SubsidyKind.CASH, 1990)
    stage.open(shopper, stage.start, use_wallet=True)
    second = gift_of(stage, shopper, SubsidyKind.CASH, 1000)

    with pytest.raises(NothingToClawBack):
        take_back(stage, first)

    assert take_back(stage, second, 400) == 400
    assert take_back(stage, second) == 600
    assert stage.wallet(shopper[1]) == 0
    assert audit(at=stage.start).violated == ()


def test_points_are_taken_back_as_whole_ones(fresh_database: DatabaseUrls) -> None:
    stage = make_stage()
    with transaction() as session:
        session.execute(text("UPDATE merchant_settings SET points_per_yuan = 1"))
    gift_id = gift_of(stage, stage.shopper(), SubsidyKind.POINTS, 400)

    assert take_back(stage, gift_id, 150) == 100
    with pytest.raises(NothingToClawBack):
        take_back(stage, gift_id, 99)
    assert stage.one("SELECT left_fen FROM point_lots") == 300


def test_a_coupon_that_came_back_is_warned_of_again(fresh_database: DatabaseUrls) -> None:
    stage = make_stage()
    shopper = stage.shopper()
    with transaction() as session:
        make_coupon(session, shopper, 500, at=stage.start, valid_days=2)
    assert warn_of_expiring(at=stage.start) == 1
    coupon = stage.one("SELECT public_id FROM instruments")
    order = stage.open(shopper, stage.start, coupon_id=coupon)
    stage.pay(order, stage.start)
    stage.settle(order["group_id"], stage.start + DAY)

    assert warn_of_expiring(at=stage.start + 6 * DAY) == 1


@pytest.mark.parametrize(("fen", "days"), [(5000, 0), (1990, 7)], ids=["some", "all"])
def test_points_that_came_back_live_a_week_more_if_they_are_all_of_their_lot(
    fresh_database: DatabaseUrls, fen: int, days: int
) -> None:
    """Others in the lot are not kept alive by them."""
    stage = make_stage()
    shopper = stage.shopper()
    gift_of(stage, shopper, SubsidyKind.POINTS, fen)
    failed_at = stage.start + DAY
    soon = failed_at + timedelta(hours=1)
    with transaction() as session:
        session.execute(text("UPDATE point_lots SET expires_at = :at"), {"at": soon})
    order = stage.open(shopper, stage.start, use_points=True)
    stage.settle(order["group_id"], failed_at)

    expires_at = failed_at + days * DAY if days else soon
    assert stage.rows("SELECT left_fen, expires_at FROM point_lots") == [(fen, expires_at)]


def test_nobody_joins_a_group_at_its_deadline_or_in_its_last_minute(
    fresh_database: DatabaseUrls,
) -> None:
    """Before it is settled: the clock decides, not the state."""
    stage = make_stage()
    group_id = stage.opened(stage.start)
    deadline = stage.group(group_id)["deadline_at"]

    stage.join(stage.shopper(), group_id, deadline - timedelta(seconds=60))
    with pytest.raises(TooLateToJoin):
        stage.join(stage.shopper(), group_id, deadline - timedelta(seconds=59))
    with pytest.raises(GroupNotOpen):
        stage.join(stage.shopper(), group_id, deadline)


def test_nobody_leaves_a_group_whose_deadline_has_come(fresh_database: DatabaseUrls) -> None:
    arena = make_arena()
    shopper = arena.shopper()
    order = arena.open(shopper, arena.start)
    arena.pay(order, arena.start)
    deadline = arena.group(order["group_id"])["deadline_at"]

    with pytest.raises(OrderNotCancellable):
        arena.leave(shopper, order, deadline)

    assert arena.group(order["group_id"])["state"] == "open"


def test_a_deadline_at_midnight_counts_for_the_day_that_ends(fresh_database: DatabaseUrls) -> None:
    stage = make_stage()
    midnight = day_start(shanghai_day(stage.start + timedelta(hours=2)) + DAY)
    stage = with_campaign(stage, life_seconds=7 * 86_400, ends_at=midnight)
    order = stage.open(stage.shopper(), stage.start)
    stage.pay(order, stage.start)

    joined = stage.join(stage.shopper(), order["group_id"], stage.start)

    assert stage.group(order["group_id"])["deadline_at"] == midnight
    assert joined["state"] == "placed"
    assert stage.rows("SELECT DISTINCT cap_on FROM orders") == [
        (shanghai_day(midnight) - timedelta(days=1),)
    ]


def test_a_key_of_another_request_is_refused(fresh_database: DatabaseUrls) -> None:
    stage = make_stage()
    shopper = stage.shopper()
    basket = stage.basket(shopper)
    open_group(OpenGroup(basket, stage.campaign.public_id), at=stage.start)
    other = replace(basket, key=replace(basket.key, request_hash=b"another"))

    with pytest.raises(IdempotencyKeyReused):
        open_group(OpenGroup(other, stage.campaign.public_id), at=stage.start)
