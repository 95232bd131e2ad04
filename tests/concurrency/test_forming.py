"""A group forms once, at the moment its last seat is paid."""

from typing import Any

import pytest
from sqlalchemy.orm import Session

from domain.settlement import applying_payments, taking
from domain.settlement.applying_payments import Applied
from domain.settlement.locking import LockedGroup, LockedOrder
from launcher.addresses import DatabaseUrls
from tests.concurrency.arena import MINUTE, Arena, make_arena
from tests.concurrency.racing import Meeting, race, unlock_functions

pytestmark = pytest.mark.transactional


@pytest.fixture
def arena(crowd: DatabaseUrls) -> Arena:
    return make_arena(group_size=3)


def two_last_payments(arena: Arena) -> tuple[str, list[str]]:
    """Return a group with two held seats left, and the numbers of their payments."""
    group_id = arena.opened(arena.start)
    orders = [arena.join(shopper, group_id, arena.start) for shopper in arena.shoppers(2)]
    return group_id, [arena.add_payment(order, arena.start) for order in orders]


def pay_at_once(arena: Arena, numbers: list[str]) -> list[Any]:
    at = arena.start + MINUTE
    return race([lambda n=number: arena.succeed(n, at) for number in numbers])


def assert_formed_once(arena: Arena, group_id: str) -> None:
    group = arena.group(group_id)
    assert (group["state"], group["taken"], group["paid_seats"]) == ("formed", 3, 3)
    assert arena.states(group_id) == [("fulfilling", "taken")] * 3
    assert arena.one("SELECT count(*) FROM facts WHERE kind = 'group.formed'") == 1
    assert arena.one("SELECT count(*) FROM ledger_transactions WHERE kind = 'order.sold'") == 3
    assert arena.one("SELECT count(*) FROM grants") == 0
    assert arena.one("SELECT count(*) FROM refunds") == 0
    assert arena.one("SELECT sum(cap_fen) FROM orders") == 0


@pytest.mark.parametrize("meeting", [False, True])
def test_two_last_payments_form_the_group_once(
    arena: Arena, monkeypatch: pytest.MonkeyPatch, meeting: bool
) -> None:
    group_id, numbers = two_last_payments(arena)
    if meeting:
        Meeting(2, seconds=0.5).after(monkeypatch, applying_payments, "_judge")

    ends = pay_at_once(arena, numbers)

    assert ends == [Applied.SEATED, Applied.SEATED]
    assert_formed_once(arena, group_id)
    arena.settle(group_id, arena.group(group_id)["deadline_at"])
    assert_formed_once(arena, group_id)
    arena.assert_sound(arena.start + MINUTE)


def test_full_group_is_never_formed_where_each_payment_counts_what_it_read(
    crowd: DatabaseUrls, arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    group_id, numbers = two_last_payments(arena)
    unlock_functions(crowd, "lock_seat")
    pay_order = taking.pay_order

    def count_what_was_read(
        session: Session, order: LockedOrder, *, group: LockedGroup, **how: Any
    ) -> int:
        pay_order(session, order, group=group, **how)
        return group.taken + 1

    monkeypatch.setattr(taking, "pay_order", count_what_was_read)
    Meeting(2).after(monkeypatch, applying_payments, "_judge")

    ends = pay_at_once(arena, numbers)

    assert ends == [Applied.SEATED, Applied.SEATED]
    group = arena.group(group_id)
    assert (group["state"], group["taken"]) == ("open", 3)
