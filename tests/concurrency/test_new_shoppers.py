"""Whoever left a first group is new still; the extra for new shoppers is given once in a life."""

import pytest

from domain.auditing.running import audit
from domain.checkout.settling import fold_campaigns
from domain.terms import SubsidyKind, SubsidyRule
from launcher.addresses import DatabaseUrls
from tests.concurrency.arena import DAY, MINUTE, Arena, Shopper, make_arena
from tests.concurrency.racing import Meeting, rewrite_function
from tests.concurrency.test_first_payments import LOCK_SHOPPER, pay_twice_at_once

pytestmark = pytest.mark.transactional

RULE = SubsidyRule(SubsidyKind.CASH, 1000, new_shopper_fen=200)
AMOUNTS = "SELECT amount_fen FROM grants WHERE shopper_id = :v ORDER BY id"
QUOTED = "SELECT quote_fen FROM orders WHERE shopper_id = :v ORDER BY id"


@pytest.fixture
def arena(crowd: DatabaseUrls) -> Arena:
    return make_arena(group_size=5, subsidy=RULE)


def quotes(arena: Arena, shopper: Shopper) -> list[int]:
    return [row[0] for row in arena.rows(QUOTED, shopper[1])]


def amounts(arena: Arena, shopper_id: int) -> list[int]:
    return [row[0] for row in arena.rows(AMOUNTS, shopper_id)]


def enter(arena: Arena, shopper: Shopper, *, minute: int = 0) -> str:
    at = arena.start + minute * MINUTE
    order = arena.open(shopper, at)
    arena.pay(order, at)
    group_id: str = order["group_id"]
    return group_id


def test_whoever_left_a_first_group_is_new_in_the_next(arena: Arena) -> None:
    shopper = arena.shopper()
    left = arena.open(shopper, arena.start)
    arena.pay(left, arena.start)
    arena.leave(shopper, left, arena.start + MINUTE)

    stayed = enter(arena, shopper, minute=2)
    third = enter(arena, shopper, minute=3)
    for group_id in (stayed, third):
        arena.settle(group_id, arena.start + 2 * DAY)

    assert quotes(arena, shopper) == [1200, 1200, 1000]
    assert amounts(arena, shopper[1]) == [1200, 1000]
    arena.assert_sound(arena.start + 2 * DAY)


def test_whoever_lost_once_is_not_new(arena: Arena) -> None:
    shopper = arena.shopper()
    arena.settle(enter(arena, shopper), arena.start + DAY)

    again = arena.open(shopper, arena.start + DAY)

    assert again["quote"]["most_fen"] == 1000
    assert amounts(arena, shopper[1]) == [1200]


def test_extra_that_was_promised_is_due_where_the_earlier_order_was_left_after_it(
    arena: Arena,
) -> None:
    """Both were promised it: the first turned out paid after the second had been placed."""
    shopper = arena.shopper()
    early = arena.join(shopper, arena.opened(arena.start), arena.start)
    number = arena.add_payment(early, arena.start)
    later = arena.start + 10 * MINUTE
    arena.expire(later)
    stayed = arena.join(shopper, arena.opened(later), later)
    arena.succeed(number, arena.start, at=later)
    arena.pay(stayed, later)

    arena.leave(shopper, early, later + MINUTE)
    arena.settle(stayed["group_id"], later + DAY)

    assert quotes(arena, shopper) == [1200, 1200]
    assert amounts(arena, shopper[1]) == [1200]
    arena.assert_sound(later + DAY)


def fail_all(arena: Arena) -> None:
    for (group_id,) in arena.rows("SELECT public_id FROM groups WHERE state = 'open'"):
        arena.settle(group_id, arena.start + 2 * DAY)


def test_one_of_two_groups_entered_at_once_brings_the_extra(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    payer = pay_twice_at_once(arena, monkeypatch, Meeting(2, seconds=0.5))

    fail_all(arena)

    assert sorted(amounts(arena, payer)) == [1000, 1200]
    arena.assert_sound(arena.start + 2 * DAY)


def test_both_bring_it_where_the_shopper_is_not_locked_and_the_audit_says_so(
    crowd: DatabaseUrls, arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    rewrite_function(crowd, "lock_seat", LOCK_SHOPPER, LOCK_SHOPPER.partition(" FOR ")[0])
    payer = pay_twice_at_once(arena, monkeypatch, Meeting(2))

    fail_all(arena)

    assert amounts(arena, payer) == [1200, 1200]
    fold_campaigns(at=arena.start + 2 * DAY)
    assert "grants.extra-once" in audit(at=arena.start + 2 * DAY).to_text()
