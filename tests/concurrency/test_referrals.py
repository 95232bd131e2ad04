"""Two groups rewarded at once: a circle of referrers is never closed."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from domain.auditing.running import audit
from domain.checkout.settling import reward_due_groups
from domain.database import transaction
from domain.settlement import rewarding
from domain.terms import RewardRule
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


def test_circle_is_closed_where_referrals_are_not_locked(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first, second), over = brought_by_each_other(arena)
    rewrite(monkeypatch, rewarding, "_LOCK_REFERRALS", "pg_advisory_xact_lock(:number)", ":number")
    Meeting(2).after(monkeypatch, rewarding, "_without_circles")

    reward_at_once(over)

    assert set(arena.rows(BOUND)) == {(first[1], second[1]), (second[1], first[1])}
    assert audit(at=over).violated == ("referrals.bound-truly",)
