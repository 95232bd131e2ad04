"""Rows are locked in one order everywhere: who waits for whom never closes a circle."""

from dataclasses import replace
from typing import Any

import pytest

from domain.checkout.settling import fold_campaigns
from domain.database import transaction
from domain.ledger import balances, posting
from domain.orders.rules import RELEASING_LIMIT
from domain.settlement.applying_payments import Applied
from domain.settlement.releasing import find_overdue_releases, free_overdue
from domain.terms import Limits
from launcher.addresses import DatabaseUrls
from tests.concurrency.arena import Arena, make_arena, raised
from tests.concurrency.racing import Pause, overtake, race
from tests.factories.campaigns import make_campaign

pytestmark = pytest.mark.transactional

LIMITS = Limits(open_groups=20, participations_per_day=20)


@pytest.fixture
def arena(crowd: DatabaseUrls) -> Arena:
    return make_arena(limits=LIMITS)


def test_prepaid_last_seat_and_a_payment_fill_two_groups_of_the_same_shoppers_at_once(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two shoppers are in two groups together; both groups fill at once."""
    early, late = arena.shoppers(2)
    arena.earn(late, 5000)
    with transaction() as session:
        pairs = replace(
            arena,
            campaign=make_campaign(session, arena.merchant_id, limits=LIMITS, group_size=2),
        )
    pair = pairs.open(early, arena.start)
    pairs.pay(pair, arena.start)
    filling = arena.open(early, arena.start)
    arena.pay(filling, arena.start)
    arena.pay(arena.join(late, filling["group_id"], arena.start), arena.start)
    third = arena.join(arena.shopper(), filling["group_id"], arena.start)
    last = arena.add_payment(third, arena.start)
    pause = Pause()
    pause.after(monkeypatch, balances, "locked_wallet_balance")

    ends = overtake(
        lambda: pairs.join(late, pair["group_id"], arena.start, use_wallet=True),
        lambda: arena.succeed(last, arena.start),
        pause,
    )

    assert raised(ends) == []
    assert arena.group(pair["group_id"])["state"] == "formed"
    assert arena.group(filling["group_id"])["state"] == "formed"


def test_buying_alone_and_being_freed_want_stock_and_wallet_in_the_same_order(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An order whose payment is being closed is held no more: its shopper may buy again."""
    shopper = arena.shopper()
    arena.earn(shopper, 1000)
    order = arena.buy_alone(shopper, arena.start, use_wallet=True)
    number = arena.add_payment(order, arena.start)
    arena.leave(shopper, order, arena.start)
    overdue = arena.start + RELEASING_LIMIT
    arena.ask(number, overdue)
    pause = Pause()
    pause.after(monkeypatch, posting, "post")

    def free() -> None:
        with transaction() as session:
            free_overdue(session, find_overdue_releases(session, at=overdue, limit=1), at=overdue)

    ends = overtake(
        free,
        lambda: arena.buy_alone(shopper, arena.start, use_wallet=True),
        pause,
    )

    assert raised(ends) == []


def test_folds_at_once_of_many_campaigns_do_not_wait_for_each_other_in_circles(
    arena: Arena,
) -> None:
    with transaction() as session:
        others = [
            replace(arena, campaign=make_campaign(session, arena.merchant_id)) for _ in range(12)
        ]
    for _ in range(3):
        for other in others:
            order = other.open(other.shopper(), arena.start)
            assert other.pay(order, arena.start) is Applied.SEATED
        ends: list[Any] = race([lambda: fold_campaigns(at=arena.start)] * 4)
        assert raised(ends) == []
        assert sum(ends) == len(others)
