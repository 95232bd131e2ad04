"""An invite is a seat of the group paid through my share: of the join, or the last one opened."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.auditing.running import audit
from domain.checkout.commands import JoinGroup
from domain.checkout.giving_up import give_up_order
from domain.checkout.joining import join_group
from domain.database import transaction
from domain.groups.errors import ShareNeeded
from domain.idempotency import RequestKey
from domain.settlement.applying_payments import Applied
from domain.terms import Levers, RewardRule, SubsidyKind, SubsidyRule
from tests.factories.campaigns import make_campaign
from tests.scenarios.stage import MINUTE, Stage, make_stage
from tests.scenarios.test_rewards import opened_by, referrals, reward, rewards, shared, visited

pytestmark = pytest.mark.transactional

DAY = timedelta(days=1)
RULE = SubsidyRule(SubsidyKind.CASH, 300, invite_fen=500, invites_most=3)
REWARD = RewardRule(formed_fen=500, failed_fen=200, threshold_fen=1500, valid_days=30)
SHARES = (
    "SELECT o.share_source, h.shopper_id FROM orders o"
    " LEFT JOIN shares h ON h.id = o.share_id WHERE o.public_id = :v"
)

Shopper = tuple[int, int]


@pytest.fixture
def stage(fresh_database: object) -> Stage:
    return selling(make_stage())


def selling(stage: Stage, **values: Any) -> Stage:
    with transaction() as session:
        made = make_campaign(
            session, stage.merchant_id, group_size=5, subsidy=RULE, reward=REWARD, **values
        )
    return replace(stage, campaign=made)


def joined(stage: Stage, shopper: Shopper, group: str, **values: Any) -> dict[str, Any]:
    """Join a minute after the start, and pay."""
    order = stage.join(shopper, group, stage.start + MINUTE, **values)
    assert stage.pay(order, stage.start + MINUTE) is Applied.SEATED
    return order


def led_and_shared(stage: Stage) -> tuple[Shopper, str, str]:
    """Open a group; returns its leader, its id, and the token of the leader's share."""
    leader = stage.shopper()
    group = opened_by(stage, leader, stage.start)
    return leader, group, shared(stage, leader, group, stage.start)


def granted(stage: Stage, shopper: Shopper) -> tuple[int, list[dict[str, Any]]]:
    [(amount, parts)] = stage.rows(
        "SELECT amount_fen, parts FROM grants WHERE shopper_id = :v", shopper[1]
    )
    return amount, [part for part in parts if part["kind"] == "invites"]


def failed(stage: Stage, group: str) -> None:
    stage.settle(group, stage.start + DAY)
    reward(stage, stage.start + DAY)


def invites(count: int) -> list[dict[str, Any]]:
    return [{"kind": "invites", "count": count, "amount_fen": 500 * count}]


def test_friend_who_opened_the_share_counts_without_its_token(stage: Stage) -> None:
    leader, group, token = led_and_shared(stage)
    friend = stage.shopper()
    visited(friend, token, stage.start)

    order = joined(stage, friend, group)
    failed(stage, group)

    assert granted(stage, leader) == (800, invites(1))
    assert stage.rows(SHARES, order["id"]) == [("visit", leader[1])]
    assert [(r[0], r[1], r[3]) for r in rewards(stage)] == [(leader[1], friend[1], 200)]


def test_friend_who_registered_by_the_share_counts_without_its_token(stage: Stage) -> None:
    leader, group, token = led_and_shared(stage)
    share_id = stage.one("SELECT id FROM shares WHERE token = :v", token)
    friend = stage.shopper(came_by_share_id=share_id)

    order = joined(stage, friend, group)
    failed(stage, group)

    assert stage.rows(SHARES, order["id"]) == [("registration", leader[1])]
    assert granted(stage, leader) == (800, invites(1))
    assert [(r[0], r[1], r[3]) for r in rewards(stage)] == [(leader[1], friend[1], 200)]


def test_last_share_of_this_group_counts(stage: Stage) -> None:
    leader, group, first = led_and_shared(stage)
    second_sharer = stage.shopper()
    second = shared(stage, second_sharer, group, stage.start)
    elsewhere = led_and_shared(stage)[2]
    friend = stage.shopper()
    for number, token in enumerate((second, first, second, elsewhere)):
        visited(friend, token, stage.start + number * timedelta(seconds=5))

    order = joined(stage, friend, group)
    failed(stage, group)

    assert stage.rows(SHARES, order["id"]) == [("visit", second_sharer[1])]
    assert granted(stage, leader) == (300, [])
    assert referrals(stage) == [(friend[1], second_sharer[1])]


def test_token_of_the_join_is_before_what_was_opened(stage: Stage) -> None:
    leader, group, opened = led_and_shared(stage)
    sharer = stage.shopper()
    told = shared(stage, sharer, group, stage.start)
    friend = stage.shopper()
    visited(friend, opened, stage.start)

    order = joined(stage, friend, group, share_token=told)
    failed(stage, group)

    assert stage.rows(SHARES, order["id"]) == [("token", sharer[1])]
    assert granted(stage, leader) == (300, [])


@pytest.mark.parametrize("told", ["of another group", "unknown", "one's own"])
def test_token_that_is_no_share_of_this_group_leaves_what_was_opened(
    stage: Stage, told: str
) -> None:
    leader, group, opened = led_and_shared(stage)
    friend = stage.shopper()
    tokens = {
        "of another group": led_and_shared(stage)[2],
        "unknown": "a" * 20,
        "one's own": shared(stage, friend, group, stage.start),
    }
    visited(friend, opened, stage.start)

    order = joined(stage, friend, group, share_token=tokens[told])
    failed(stage, group)

    assert stage.rows(SHARES, order["id"]) == [("visit", leader[1])]
    assert granted(stage, leader) == (800, invites(1))


def test_nobody_invites_themselves(stage: Stage) -> None:
    leader, group, _ = led_and_shared(stage)
    friend = stage.shopper()
    own = shared(stage, friend, group, stage.start)
    visited(friend, own, stage.start)

    order = joined(stage, friend, group, share_token=own)
    failed(stage, group)

    assert stage.rows(SHARES, order["id"]) == [(None, None)]
    assert granted(stage, leader) == (300, [])
    assert granted(stage, friend) == (300, [])
    assert rewards(stage) == []


def test_share_of_another_group_brings_a_referral_and_no_extra(stage: Stage) -> None:
    leader, group, _ = led_and_shared(stage)
    sharer, _, token = led_and_shared(stage)
    friend = stage.shopper()

    order = joined(stage, friend, group, share_token=token)
    failed(stage, group)

    assert stage.rows(SHARES, order["id"]) == [("token", sharer[1])]
    assert granted(stage, leader) == (300, [])
    assert referrals(stage) == [(friend[1], sharer[1])]


def test_who_left_and_came_back_counts_once(stage: Stage) -> None:
    leader, group, token = led_and_shared(stage)
    friend = stage.shopper()
    visited(friend, token, stage.start)
    first = joined(stage, friend, group)
    key = RequestKey.of(friend[0], f"shopper:{friend[1]}", "leave", first["id"])
    give_up_order(friend, first["id"], key, at=stage.start + MINUTE)

    again = joined(stage, friend, group)
    failed(stage, group)

    assert stage.rows(SHARES, again["id"]) == [("visit", leader[1])]
    assert granted(stage, leader) == (800, invites(1))


def test_group_without_a_pool_lets_in_who_opened_its_share(stage: Stage) -> None:
    closed = selling(stage, levers=Levers(is_pool_open=False))
    leader, group, token = led_and_shared(closed)
    friend, stranger = closed.shopper(), closed.shopper()
    visited(friend, token, closed.start)

    joined(closed, friend, group)
    with pytest.raises(ShareNeeded):
        joined(closed, stranger, group)
    failed(closed, group)

    assert granted(closed, leader) == (800, invites(1))


def test_repeated_join_keeps_the_share_it_was_placed_with(stage: Stage) -> None:
    leader, group, first = led_and_shared(stage)
    second = shared(stage, stage.shopper(), group, stage.start)
    friend = stage.shopper()
    visited(friend, first, stage.start)
    command = JoinGroup(stage.basket(friend), group)

    order = join_group(command, at=stage.start + MINUTE)
    visited(friend, second, stage.start + MINUTE)
    again = join_group(command, at=stage.start + 2 * MINUTE)

    assert again == order
    assert stage.rows(SHARES, order["id"]) == [("visit", leader[1])]
    report = audit(at=stage.start + 2 * MINUTE)
    assert report.is_ok, report.to_text()


def test_quote_says_what_is_certain(stage: Stage) -> None:
    """With nobody invited the least comes; with everybody the most."""
    leader, group, token = led_and_shared(stage)
    friends = [stage.shopper() for _ in range(3)]
    quotes = [joined(stage, friend, group, share_token=token)["quote"] for friend in friends]

    failed(stage, group)

    assert {(q["least_fen"], q["most_fen"], q["is_certain"]) for q in quotes} == {
        (300, 1800, False)
    }
    assert granted(stage, friends[0]) == (300, [])
    assert granted(stage, leader) == (1800, invites(3))


def test_consolation_is_the_least_where_few_may_pay(stage: Stage) -> None:
    lonely = selling(stage, levers=Levers(full_from_seats=2, consolation_fen=100))
    leader = lonely.shopper()
    order = lonely.open(leader, lonely.start)
    lonely.pay(order, lonely.start)

    failed(lonely, order["group_id"])

    assert (order["quote"]["least_fen"], order["quote"]["most_fen"]) == (100, 1800)
    assert granted(lonely, leader) == (100, [])
