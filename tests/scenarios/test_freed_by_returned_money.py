"""Money that goes back frees the seat it was for, if that is releasing; a held seat stays held."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from domain.database import transaction
from domain.settlement.applying_payments import Applied
from launcher.addresses import DatabaseUrls
from tests.concurrency.arena import MINUTE, Arena, make_arena
from tests.concurrency.conftest import crowd
from tests.concurrency.racing import race

__all__ = ["crowd"]

pytestmark = pytest.mark.transactional

HOLD = 5 * MINUTE
DRAWN = """
    SELECT o.state, o.seat_state, o.cap_fen, g.state, g.held + g.releasing, d.participations,
        d.expired_holds
    FROM orders o JOIN groups g ON g.id = o.group_id
    JOIN shopper_days d ON d.shopper_id = o.shopper_id AND d.on_day = o.placed_on
    WHERE o.public_id = :v
"""
COMMITTED = "SELECT committed_fen FROM campaigns"


@pytest.fixture
def arena(crowd: DatabaseUrls) -> Arena:
    return make_arena()


def wrong_money(
    arena: Arena, number: str, succeeded_at: datetime, *, at: datetime, fen: int
) -> Applied:
    """Let our own query find a payment of another amount."""
    return arena.succeed(number, succeeded_at, at=at, amount_fen=fen, is_confirmed=True)


@pytest.mark.parametrize("fen", [1989, 1991])
def test_wrong_amount_frees_a_releasing_seat_at_once(arena: Arena, fen: int) -> None:
    group_id = arena.opened(arena.start)
    order = arena.join(arena.shopper(), group_id, arena.start)
    number = arena.add_payment(order, arena.start)
    over = arena.start + HOLD
    assert arena.expire(over) == 1

    assert wrong_money(arena, number, arena.start, at=over, fen=fen) is Applied.REFUNDED

    assert arena.rows(DRAWN, order["id"]) == [("expired", "released", 0, "open", 0, 0, 1)]
    arena.assert_sound(over)


def test_wrong_amount_of_a_leader_abandons_its_group_and_gives_the_budget_back(
    arena: Arena,
) -> None:
    order = arena.open(arena.shopper(), arena.start)
    number = arena.add_payment(order, arena.start)
    over = arena.start + HOLD
    arena.expire(over)

    wrong_money(arena, number, arena.start, at=over, fen=1989)

    assert arena.group(order["group_id"])["state"] == "abandoned"
    arena.assert_sound(over)
    assert arena.one(COMMITTED) == 0


def test_wrong_amount_frees_what_was_to_be_bought_alone(arena: Arena) -> None:
    shopper = arena.shopper()
    order = arena.buy_alone(shopper, arena.start)
    number = arena.add_payment(order, arena.start)
    over = arena.start + 3 * HOLD
    arena.expire(over)

    wrong_money(arena, number, arena.start, at=over, fen=1)

    assert arena.one("SELECT state FROM orders WHERE public_id = :v", order["id"]) == "expired"
    arena.assert_sound(over)


def test_money_at_a_closed_payment_frees_a_releasing_seat_whose_last_payment_it_is(
    arena: Arena,
) -> None:
    """Freeing waits for a payment that can still succeed, and for none that cannot."""
    group_id = arena.opened(arena.start)
    order = arena.join(arena.shopper(), group_id, arena.start)
    first = arena.add_payment(order, arena.start, state="pending")
    with_both = two_payments(arena, order, first)
    over = arena.start + HOLD
    arena.expire(over)

    arena.succeed(first, arena.start, at=over)
    assert arena.rows(DRAWN, order["id"])[0][:2] == ("placed", "releasing")
    wrong_money(arena, with_both, arena.start, at=over, fen=1989)

    assert arena.rows(DRAWN, order["id"])[0][:2] == ("expired", "released")
    arena.assert_sound(over)


def two_payments(arena: Arena, order: dict[str, Any], first: str) -> str:
    """Close a first payment and add another; returns its number."""
    with transaction() as session:
        for state in ("closing", "closed"):
            session.execute(
                text("UPDATE payments SET state = :state WHERE public_id = :n"),
                {"state": state, "n": first},
            )
    return arena.add_payment(order, arena.start)


def test_wrong_amount_leaves_a_held_seat_which_may_be_paid_again(arena: Arena) -> None:
    group_id = arena.opened(arena.start)
    order = arena.join(arena.shopper(), group_id, arena.start)
    wrong_money(arena, arena.add_payment(order, arena.start), arena.start, at=arena.start, fen=1)

    assert arena.rows(DRAWN, order["id"])[0][:2] == ("placed", "held")
    assert arena.pay(order, arena.start + MINUTE) is Applied.SEATED
    arena.assert_sound(arena.start + MINUTE)


def test_wrong_amount_heard_twice_at_once_frees_the_seat_once(arena: Arena) -> None:
    group_id = arena.opened(arena.start)
    order = arena.join(arena.shopper(), group_id, arena.start)
    number = arena.add_payment(order, arena.start)
    over = arena.start + HOLD
    arena.expire(over)

    ends = race([lambda: wrong_money(arena, number, arena.start, at=over, fen=1989)] * 8)

    assert sorted(ends) == [Applied.REFUNDED] + [Applied.REPEATED] * 7
    assert arena.rows(DRAWN, order["id"]) == [("expired", "released", 0, "open", 0, 0, 1)]
    arena.assert_sound(over + timedelta(seconds=1))
