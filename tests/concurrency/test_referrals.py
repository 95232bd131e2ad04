"""Groups rewarded, and joined by friends, at once: no circle closes, and no invite is lost."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from domain.auditing.running import audit
from domain.checkout.commands import JoinGroup
from domain.checkout.joining import join_group
from domain.checkout.settling import reward_due_groups
from domain.database import transaction
from domain.settlement import rewarding
from domain.terms import RewardRule, SubsidyKind, SubsidyRule
from launcher.addresses import DatabaseUrls
from tests.concurrency.arena import DAY, MINUTE, Arena, Shopper, make_arena, raised
from tests.concurrency.racing import Meeting, race, rewrite
from tests.factories.campaigns import make_campaign
from tests.scenarios.test_rewards import opened_by, shared, visited

pytestmark = pytest.mark.transactional

RULE = RewardRule(formed_fen=500, failed_fen=300, threshold_fen=1500, valid_days=30)
BOUND = "SELECT shopper_id, referrer_id FROM referrals ORDER BY id"


@pytest.fixture
def arena(crowd: DatabaseUrls) -> Arena:
    plain = make_arena()
    with transaction() as session:
        pairs = make_campaign(session, plain.merchant_id, group_size=2, reward=RULE)
    return replace(plain, campaign=pairs)


def brought_by_each_other(arena: Arena) -> tuple[list[Shopper], datetime]:
    """Two shoppers who each came by the other's share, and whose first groups have both failed."""
    pair = arena.shoppers(2)
    seed = opened_by(arena, arena.shopper(), arena.start)
    tokens = [shared(arena, shopper, seed, arena.start) for shopper in pair]
    for shopper, token in zip(pair, reversed(tokens), strict=True):
        visited(shopper, token, arena.start)
    groups = [opened_by(arena, shopper, arena.start + MINUTE) for shopper in pair]
    over = arena.start + DAY + 2 * MINUTE
    for group in groups:
        arena.settle(group, over)
    return pair, over


def reward_at_once(over: datetime) -> None:
    ends: list[Any] = race([lambda: reward_due_groups(at=over, limit=1) for _ in range(2)])
    assert raised(ends) == []


def test_two_who_brought_each_other_are_bound_in_one_direction(arena: Arena) -> None:
    (first, second), over = brought_by_each_other(arena)

    reward_at_once(over)

    [(shopper, referrer)] = arena.rows(BOUND)
    assert {shopper, referrer} == {first[1], second[1]}
    arena.assert_sound(over)


def test_friends_who_join_at_once_are_all_invites_of_the_sharer(arena: Arena) -> None:
    """Each presses twice; none of them repeats the token of the share that they have opened."""
    rule = SubsidyRule(SubsidyKind.CASH, 300, invite_fen=200, invites_most=5)
    with transaction() as session:
        made = make_campaign(session, arena.merchant_id, group_size=6, subsidy=rule)
    inviting = replace(arena, campaign=made)
    leader, friends = inviting.shopper(), inviting.shoppers(4)
    group = opened_by(inviting, leader, arena.start)
    token = shared(inviting, leader, group, arena.start)
    for friend in friends:
        visited(friend, token, arena.start)
    commands = [JoinGroup(inviting.basket(friend), group) for friend in friends]

    ends: list[Any] = race(
        [lambda c=c: join_group(c, at=arena.start + MINUTE) for c in (*commands, *commands)]
    )
    orders = {end["id"]: end for end in ends if isinstance(end, dict)}
    for order in orders.values():
        inviting.pay(order, arena.start + MINUTE)
    inviting.settle(group, arena.start + DAY)

    assert len(orders) == 4
    assert arena.rows("SELECT amount_fen FROM grants WHERE shopper_id = :v", leader[1]) == [(1100,)]
    arena.assert_sound(arena.start + DAY)


def test_circle_is_closed_where_referrals_are_not_locked(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first, second), over = brought_by_each_other(arena)
    rewrite(monkeypatch, rewarding, "_LOCK_REFERRALS", "pg_advisory_xact_lock(:number)", ":number")
    Meeting(2).after(monkeypatch, rewarding, "_without_circles")

    reward_at_once(over)

    assert set(arena.rows(BOUND)) == {(first[1], second[1]), (second[1], first[1])}
    assert audit(at=over).violated == ("referrals.bound-truly",)
