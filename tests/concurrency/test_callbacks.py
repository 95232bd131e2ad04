"""Equal callbacks at once are applied once."""

from collections import Counter
from datetime import timedelta

import pytest

from domain.database import transaction
from domain.settlement import applying_payments
from domain.settlement.applying_payments import Applied
from domain.settlement.applying_refunds import move_refund
from domain.states import RefundState
from launcher.addresses import DatabaseUrls
from tests.concurrency.arena import DAY, MINUTE, Arena, make_arena, raised
from tests.concurrency.racing import Meeting, as_owner, race, unlock_functions

pytestmark = pytest.mark.transactional

RECEIVED = (
    "SELECT count(*) FROM ledger_transactions t JOIN payments p ON p.id = t.ref_id"
    " WHERE t.kind = 'payment.received' AND p.public_id = :v"
)


@pytest.fixture
def arena(crowd: DatabaseUrls) -> Arena:
    return make_arena(group_size=5)


def hear_at_once(arena: Arena, number: str, callbacks: int) -> list[object]:
    at = arena.start + MINUTE
    return race([lambda: arena.succeed(number, at)] * callbacks)


def an_unpaid_seat(arena: Arena) -> tuple[str, str]:
    """Return a group, and the number of the payment of a seat that is held in it."""
    group_id = arena.opened(arena.start)
    order = arena.join(arena.shopper(), group_id, arena.start)
    return group_id, arena.add_payment(order, arena.start)


def test_fifty_equal_callbacks_are_applied_once(arena: Arena) -> None:
    group_id, number = an_unpaid_seat(arena)

    ends = hear_at_once(arena, number, 50)

    assert Counter(ends) == {Applied.SEATED: 1, Applied.REPEATED: 49}
    assert arena.one(RECEIVED, number) == 1
    group = arena.group(group_id)
    assert (group["taken"], group["held"]) == (2, 0)
    arena.assert_sound(arena.start + MINUTE)


def test_fifty_equal_callbacks_of_the_opening_payment_open_the_group_once(arena: Arena) -> None:
    order = arena.open(arena.shopper(), arena.start)
    number = arena.add_payment(order, arena.start)

    ends = hear_at_once(arena, number, 50)

    assert Counter(ends) == {Applied.SEATED: 1, Applied.REPEATED: 49}
    inner = arena.group(order["group_id"])["id"]
    assert arena.one("SELECT count(*) FROM work_rows WHERE kind = 'settle_group'") == 1
    assert arena.rows(
        "SELECT reason FROM campaign_movements WHERE group_id = :v ORDER BY id", inner
    ) == [("pending",), ("opened",)]
    arena.assert_sound(arena.start + MINUTE)


def test_fifty_equal_callbacks_of_late_money_request_one_refund(arena: Arena) -> None:
    group_id, number = an_unpaid_seat(arena)
    deadline = arena.group(group_id)["deadline_at"]
    arena.settle(group_id, deadline)

    ends = race([lambda: arena.succeed(number, deadline, at=deadline + MINUTE)] * 50)

    assert Counter(ends) == {Applied.REFUNDED: 1, Applied.REPEATED: 49}
    assert arena.one("SELECT count(*) FROM refunds WHERE purpose = 'late'") == 1
    arena.assert_sound(deadline + MINUTE)


def test_equal_callbacks_are_applied_each_without_locks_and_constraints(
    crowd: DatabaseUrls, arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    group_id, number = an_unpaid_seat(arena)
    unlock_functions(crowd, "lock_seat", "lock_payment")
    as_owner(
        crowd,
        "ALTER TABLE groups DROP CONSTRAINT ck_groups_seats_kept",
        "ALTER TABLE ledger_transactions"
        " DROP CONSTRAINT uq_ledger_transactions_merchant_id_kind_ref_id",
    )
    Meeting(3).after(monkeypatch, applying_payments, "_judge")

    ends = hear_at_once(arena, number, 3)

    assert ends == [Applied.SEATED] * 3
    assert arena.one(RECEIVED, number) == 3
    assert arena.group(group_id)["taken"] == 4


def test_constraint_keeps_the_ledger_where_the_locks_are_forgotten(
    crowd: DatabaseUrls, arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, number = an_unpaid_seat(arena)
    unlock_functions(crowd, "lock_seat", "lock_payment")
    Meeting(2).after(monkeypatch, applying_payments, "_judge")

    ends = hear_at_once(arena, number, 2)

    [error] = raised(ends)
    assert "uq_ledger_transactions_merchant_id_kind_ref_id" in str(error)
    assert arena.one(RECEIVED, number) == 1
    arena.assert_sound(arena.start + MINUTE)


def test_refund_whose_arrival_is_heard_before_its_acceptance_was_accepted_no_later(
    arena: Arena,
) -> None:
    """The callback's instant is taken when it comes in, the answer's when it is recorded."""
    group_id, at = arena.opened(arena.start), arena.start + 2 * DAY
    arena.settle(group_id, at)
    [(refund_id, order_id)] = arena.rows("SELECT id, order_id FROM refunds")
    for state, seconds in ((RefundState.SENDING, 0), (RefundState.ACCEPTED, 2)):
        with transaction() as session:
            move_refund(
                session,
                (arena.merchant_id, refund_id),
                order_id,
                state,
                at=at + timedelta(seconds=seconds),
                actor="test",
            )

    arrived_at = at + timedelta(seconds=1)
    with transaction() as session:
        move_refund(
            session,
            (arena.merchant_id, refund_id),
            order_id,
            RefundState.ARRIVED,
            at=arrived_at,
            actor="test",
        )

    assert arena.rows("SELECT accepted_at, arrived_at FROM refunds") == [(arrived_at, arrived_at)]
