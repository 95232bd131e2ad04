"""Referrals bind new shoppers to who brought them; their groups' ends reward that, once."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from domain.auditing.running import audit
from domain.checkout.giving_up import give_up_order
from domain.checkout.settling import fold_campaigns, reward_due_groups
from domain.database import transaction
from domain.idempotency import RequestKey
from domain.referrals.sharing import share_group
from domain.referrals.visiting import Visitor, visit_share
from domain.settlement.applying_payments import Applied
from domain.terms import RewardRule
from tests.factories.campaigns import make_campaign
from tests.scenarios.stage import MINUTE, Stage, make_stage

pytestmark = pytest.mark.transactional

DAY = timedelta(days=1)
RULE = RewardRule(formed_fen=500, failed_fen=300, threshold_fen=1500, valid_days=30)

Shopper = tuple[int, int]


@pytest.fixture
def stage(fresh_database: object) -> Stage:
    plain = make_stage()
    with transaction() as session:
        pairs = make_campaign(session, plain.merchant_id, group_size=2, reward=RULE)
    return replace(plain, campaign=pairs)


def opened_by(stage: Stage, leader: Shopper, at: datetime, **values: Any) -> str:
    order = stage.open(leader, at, **values)
    assert stage.pay(order, at) is Applied.SEATED
    group_id: str = order["group_id"]
    return group_id


def shared(stage: Stage, sharer: Shopper, group_id: str, at: datetime) -> str:
    with transaction() as session:
        return share_group(session, sharer, group_id, at=at).token


def visited(visitor: Shopper, token: str, at: datetime) -> None:
    with transaction() as session:
        visit_share(session, token, Visitor(visitor), at=at)


def rewards(stage: Stage) -> list[tuple[Any, ...]]:
    return stage.rows(
        "SELECT w.referrer_id, r.shopper_id, w.outcome, w.amount_fen, n.state, n.threshold_fen"
        " FROM rewards w JOIN referrals r ON r.id = w.referral_id"
        " JOIN instruments n ON n.source = 'reward' AND n.source_id = w.id ORDER BY w.id"
    )


def referrals(stage: Stage) -> list[tuple[Any, ...]]:
    return stage.rows("SELECT shopper_id, referrer_id FROM referrals ORDER BY id")


def reward(stage: Stage, at: datetime) -> None:
    while reward_due_groups(at=at):
        pass
    while fold_campaigns(at=at):
        pass
    report = audit(at=at)
    assert report.is_ok, report.to_text()


def budget(stage: Stage) -> tuple[int, int]:
    [(committed, spent)] = stage.rows(
        "SELECT committed_fen, spent_fen FROM campaigns WHERE id = :v", stage.campaign.id
    )
    return committed, spent


def test_formed_group_of_a_brought_shopper_rewards_its_referrer(stage: Stage) -> None:
    leader, friend = stage.shopper(), stage.shopper()
    group = opened_by(stage, leader, stage.start)
    token = shared(stage, leader, group, stage.start)
    stage.pay(stage.join(friend, group, stage.start, share_token=token), stage.start)
    before = budget(stage)

    reward(stage, stage.start + MINUTE)

    assert before == (2 * 1500, 0)
    assert rewards(stage) == [(leader[1], friend[1], "formed", 500, "issued", 1500)]
    assert budget(stage) == (0, 500)


def test_failed_group_of_a_brought_shopper_rewards_less(stage: Stage) -> None:
    sharer, friend = stage.shopper(), stage.shopper()
    token = shared(stage, sharer, opened_by(stage, sharer, stage.start), stage.start)
    visited(friend, token, stage.start)
    group = opened_by(stage, friend, stage.start + MINUTE)

    stage.settle(group, stage.start + DAY + MINUTE)
    reward(stage, stage.start + DAY + MINUTE)

    assert rewards(stage) == [(sharer[1], friend[1], "failed", 300, "issued", 1500)]


def test_invitee_is_worth_one_reward_for_life(stage: Stage) -> None:
    first, second, friend = (stage.shopper() for _ in range(3))
    for sharer in (first, second):
        group = opened_by(stage, sharer, stage.start)
        token = shared(stage, sharer, group, stage.start)
        stage.pay(stage.join(friend, group, stage.start, share_token=token), stage.start)

    reward(stage, stage.start + MINUTE)

    assert referrals(stage) == [(friend[1], first[1])]
    assert len(rewards(stage)) == 1


def test_last_share_visited_within_seven_days_binds(stage: Stage) -> None:
    sharers = [stage.shopper() for _ in range(3)]
    tokens = [shared(stage, s, opened_by(stage, s, stage.start), stage.start) for s in sharers]
    friend, late = stage.shopper(), stage.shopper()
    for number, token in enumerate(tokens[:2]):
        visited(friend, token, stage.start + number * MINUTE)
    visited(late, tokens[2], stage.start)
    at = stage.start + 7 * DAY + timedelta(seconds=1)

    opened = [opened_by(stage, friend, stage.start + DAY), opened_by(stage, late, at)]
    for group in opened:
        stage.settle(group, at + 2 * DAY)
    reward(stage, at + 2 * DAY)

    assert referrals(stage) == [(friend[1], sharers[1][1])]


def test_who_left_brought_nobody_anything(stage: Stage) -> None:
    leader, friend = stage.shopper(), stage.shopper()
    with transaction() as session:
        trios = make_campaign(session, stage.merchant_id, group_size=3, reward=RULE)
    trio = replace(stage, campaign=trios)
    group = opened_by(trio, leader, stage.start)
    token = shared(stage, leader, group, stage.start)
    order = trio.join(friend, group, stage.start, share_token=token)
    trio.pay(order, stage.start)
    key = RequestKey.of(friend[0], f"shopper:{friend[1]}", "leave", order["id"])
    give_up_order(friend, order["id"], key, at=stage.start + MINUTE)

    trio.settle(group, stage.start + DAY + MINUTE)
    reward(trio, stage.start + DAY + MINUTE)

    assert referrals(stage) == []
    assert budget(trio) == (0, 1000)


def test_circles_are_never_closed(stage: Stage) -> None:
    """A brings B, B brings C; then A's own first order came by C's share."""
    a, b, c = (stage.shopper() for _ in range(3))
    seed = opened_by(stage, stage.shopper(), stage.start)
    token = {s: shared(stage, s, seed, stage.start) for s in (a, b, c)}
    visited(b, token[a], stage.start)
    visited(c, token[b], stage.start)
    visited(a, token[c], stage.start)

    groups = [opened_by(stage, s, stage.start + MINUTE) for s in (b, c, a)]
    for group in groups:
        stage.settle(group, stage.start + DAY + 2 * MINUTE)
    reward(stage, stage.start + DAY + 2 * MINUTE)

    assert referrals(stage) == [(b[1], a[1]), (c[1], b[1])]


def test_flagged_referrer_is_bound_but_not_rewarded(stage: Stage) -> None:
    leader, friend = stage.shopper(), stage.shopper()
    group = opened_by(stage, leader, stage.start)
    token = shared(stage, leader, group, stage.start)
    stage.pay(stage.join(friend, group, stage.start, share_token=token), stage.start)
    with transaction() as session:
        session.execute(text("UPDATE shoppers SET flag = 'review' WHERE id = :i"), {"i": leader[1]})

    reward(stage, stage.start + MINUTE)

    assert referrals(stage) == [(friend[1], leader[1])]
    assert rewards(stage) == []
    assert budget(stage) == (0, 0)


def test_failed_group_waits_for_its_releasing_seats(stage: Stage) -> None:
    sharer, leader, friend = (stage.shopper() for _ in range(3))
    with transaction() as session:
        trios = make_campaign(session, stage.merchant_id, group_size=3, reward=RULE)
    trio = replace(stage, campaign=trios)
    group = opened_by(trio, leader, stage.start)
    token = shared(stage, sharer, group, stage.start)
    placed_at = stage.start + DAY - 2 * MINUTE
    order = trio.join(friend, group, placed_at, share_token=token)
    number = trio.add_payment(order, placed_at)

    trio.settle(group, stage.start + DAY)
    assert reward_due_groups(at=stage.start + DAY) == 1
    trio.succeed(number, placed_at, at=stage.start + DAY + MINUTE)
    reward(trio, stage.start + DAY + 2 * MINUTE)

    assert rewards(stage) == [(sharer[1], friend[1], "failed", 300, "issued", 1500)]
    assert budget(trio) == (0, 2 * 1000 + 300)
