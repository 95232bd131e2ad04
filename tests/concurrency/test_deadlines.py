"""A payment at the deadline: before it a member, at it or after it refunded; never both."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.database import transaction
from domain.settlement import applying_payments, locking
from domain.settlement.failing import settle_groups
from domain.terms import Limits
from launcher.addresses import DatabaseUrls
from tests.concurrency.arena import DAY, MILLISECOND, MINUTE, Arena, Shopper, make_arena, raised
from tests.concurrency.racing import Pause, as_owner, overtake, race, unlock, unlock_functions

pytestmark = pytest.mark.transactional

GROUPS = 50
PAYERS = 4
GROUPS_AT_ONCE = 5
NO_TIME = timedelta(0)
OFFSETS = (-MILLISECOND, NO_TIME, MILLISECOND)
OUTCOME = """
    SELECT g.state, o.state, o.seat_state,
        (SELECT count(*) FROM grants s WHERE s.order_id = o.id) AS grants,
        (SELECT string_agg(r.purpose, ' ') FROM refunds r WHERE r.order_id = o.id) AS refunds
    FROM orders o JOIN groups g ON g.id = o.group_id WHERE o.public_id = :v
"""
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
MEMBER_OF_FORMED = ("formed", "fulfilling", "taken", 0, None)
MEMBER_OF_FAILED = ("failed", "refunding", "released", 1, "failed")
LATE = ("failed", "expired", "released", 0, "late")


@dataclass(frozen=True)
class Round:
    """A held seat, and when its payment succeeds: before its group's deadline, or not."""

    order_id: str
    number: str
    offset: timedelta


@pytest.fixture
def arena(crowd: DatabaseUrls) -> Arena:
    return make_arena(
        group_size=PAYERS + 1, limits=Limits(open_groups=1000, participations_per_day=1000)
    )


def opened_by(arena: Arena, leader: Shopper) -> str:
    order = arena.open(leader, arena.start)
    arena.pay(order, arena.start)
    group_id: str = order["group_id"]
    return group_id


def hold(arena: Arena, group_id: str, payer: Shopper, offset: timedelta) -> Round:
    at = arena.start + DAY - 2 * MINUTE
    order = arena.join(payer, group_id, at)
    return Round(order["id"], arena.add_payment(order, at), offset)


def settle(groups: list[tuple[int, int]], at: datetime) -> None:
    with transaction() as session:
        settle_groups(session, groups, at=at)


def test_two_hundred_payments_race_with_settlement_without_deadlock(arena: Arena) -> None:
    """The same people lead, so that all want the same rows; half the groups may yet form."""
    leaders = arena.shoppers(4)
    groups = [opened_by(arena, leaders[n % len(leaders)]) for n in range(GROUPS)]
    keys = [arena.group_key(group) for group in groups]
    rounds = [
        [
            hold(arena, group, payer, OFFSETS[(n % 2) * k % 3])
            for k, payer in enumerate(arena.shoppers(PAYERS))
        ]
        for n, group in enumerate(groups)
    ]
    deadline = arena.start + DAY

    for n in range(0, GROUPS, GROUPS_AT_ONCE):
        paid = [one for of_group in rounds[n : n + GROUPS_AT_ONCE] for one in of_group]
        calls: list[Callable[[], Any]] = [
            lambda r=one: arena.succeed(r.number, deadline + r.offset, at=deadline + MINUTE)
            for one in reversed(paid)
        ]
        for middle in (7, 14):
            calls.insert(middle, lambda n=n: settle(keys[n : n + GROUPS_AT_ONCE], deadline))
        ends = race(calls)
        assert raised(ends) == []
    settle(keys, deadline + 3 * MINUTE)

    for one in itertools.chain.from_iterable(rounds):
        outcomes = (LATE,) if one.offset >= NO_TIME else (MEMBER_OF_FORMED, MEMBER_OF_FAILED)
        assert arena.rows(OUTCOME, one.order_id)[0] in outcomes
    assert arena.one(DEADLOCKS) == 0
    arena.assert_sound(deadline + 3 * MINUTE)


def settle_while_paying(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, ...]:
    """Let the deadline come between the judgement of a payment and its seat."""
    group_id = opened_by(arena, arena.shopper())
    one = hold(arena, group_id, arena.shopper(), -MILLISECOND)
    deadline = arena.start + DAY
    pause = Pause()
    pause.after(monkeypatch, applying_payments, "_judge")

    ends = overtake(
        lambda: arena.succeed(one.number, deadline - MILLISECOND, at=deadline + MINUTE),
        lambda: settle([arena.group_key(group_id)], deadline),
        pause,
    )

    assert raised(ends) == []
    return arena.rows(OUTCOME, one.order_id)[0]


def test_payment_that_settlement_finds_being_judged_makes_a_member(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settle_while_paying(arena, monkeypatch) == MEMBER_OF_FAILED
    arena.assert_sound(arena.start + 2 * DAY)


def test_payment_that_settlement_finds_being_judged_is_neither_without_locks(
    crowd: DatabaseUrls, arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_owner(crowd, "ALTER TABLE groups DROP CONSTRAINT ck_groups_seats_kept")
    unlock(monkeypatch, locking, "_GROUPS", "_DAYS_OF_GROUPS", "_ORDERS", "_MEMBERS")
    unlock_functions(crowd, "lock_seat", "lock_payment")

    outcome = settle_while_paying(arena, monkeypatch)

    assert outcome == ("failed", "paid", "taken", 0, None)
