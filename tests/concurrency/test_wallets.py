"""A wallet is spent once: never below zero."""

from dataclasses import replace
from typing import Any

import pytest

from domain.database import transaction
from domain.ledger import balances
from domain.orders.errors import UnpaidHoldExists
from launcher.addresses import DatabaseUrls
from tests.concurrency.arena import Arena, Shopper, make_arena, raised, returned
from tests.concurrency.racing import Meeting, as_owner, race, rewrite_function, unlock
from tests.factories.campaigns import make_campaign

pytestmark = pytest.mark.transactional


@pytest.fixture
def arena(crowd: DatabaseUrls) -> Arena:
    return make_arena()


@pytest.fixture
def rich(arena: Arena) -> Shopper:
    """A shopper with 4,000 fen; the product costs 3,000 alone."""
    shopper = arena.shopper()
    arena.earn(shopper, 4000)
    return shopper


def spend_on_two_products_at_once(crowd: DatabaseUrls, arena: Arena, shopper: Shopper) -> list[Any]:
    """Stock is one row per variant: buyers of one variant would queue there.

    One shopper's buying queues at the shopper and its new day: that lock is left out, the day is
    made before.
    """
    arena.leave(shopper, arena.buy_alone(shopper, arena.start), arena.start)
    rewrite_function(crowd, "lock_shopper", "FOR NO KEY UPDATE", "")
    with transaction() as session:
        other = replace(arena, campaign=make_campaign(session, arena.merchant_id))
    return race(
        [lambda a=a: a.buy_alone(shopper, a.start, use_wallet=True) for a in (arena, other)]
    )


def spend_at_once(arena: Arena, shopper: Shopper, times: int) -> list[Any]:
    return race([lambda: arena.buy_alone(shopper, arena.start, use_wallet=True)] * times)


def spent(arena: Arena, shopper: Shopper) -> list[int]:
    found = arena.rows(
        "SELECT wallet_fen FROM orders WHERE shopper_id = :v AND group_id IS NULL"
        " AND wallet_fen > 0 ORDER BY id",
        shopper[1],
    )
    return sorted(row[0] for row in found)


@pytest.mark.parametrize("times", [2, 30])
def test_wallet_is_spent_to_its_last_fen_and_no_further(
    arena: Arena, rich: Shopper, times: int
) -> None:
    ends = spend_at_once(arena, rich, times)

    assert len(returned(ends)) == 2
    assert {type(error) for error in raised(ends)} <= {UnpaidHoldExists}
    assert arena.wallet(rich[1]) == 0
    assert spent(arena, rich) == [1000, 3000]
    arena.assert_sound(arena.start)


def test_wallet_is_overdrawn_without_lock_and_constraint(
    crowd: DatabaseUrls, arena: Arena, rich: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlock(monkeypatch, balances, "_LOCKED")
    as_owner(
        crowd, "ALTER TABLE ledger_accounts DROP CONSTRAINT ck_ledger_accounts_balance_fen_positive"
    )
    Meeting(2).after(monkeypatch, balances, "locked_wallet_balance")

    ends = spend_on_two_products_at_once(crowd, arena, rich)

    assert raised(ends) == []
    assert arena.wallet(rich[1]) == -2000


def test_constraint_keeps_the_wallet_where_the_lock_is_forgotten(
    crowd: DatabaseUrls, arena: Arena, rich: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlock(monkeypatch, balances, "_LOCKED")
    Meeting(2).after(monkeypatch, balances, "locked_wallet_balance")

    ends = spend_on_two_products_at_once(crowd, arena, rich)

    [error] = raised(ends)
    assert "ck_ledger_accounts_balance_fen_positive" in str(error)
    arena.assert_sound(arena.start)
