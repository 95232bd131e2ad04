"""Taking a seat: the order is paid; a pending group opens, a full one forms."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb
from sqlalchemy import text
from sqlalchemy.orm import Session

from domain import outbox, work
from domain.database import one_row
from domain.ledger import posting
from domain.orders.rules import OPENING_MARGIN
from domain.risk.rules import Outcome, judge_pay
from domain.settlement.forming import form_group
from domain.settlement.locking import Key, LockedGroup, LockedOrder
from domain.settlement.movements import Movement, record_movements
from domain.settlement.moving import move_groups
from domain.settlement.receiving import RECEIVED, Receipt
from domain.settlement.spending import spend_instrument
from domain.states import GroupState, OrderState, SeatState
from domain.terms import Terms

SETTLE_GROUP = "settle_group"
_SEATED_STATES = (GroupState.PENDING, GroupState.OPEN, GroupState.CLOSING, GroupState.FROZEN)

_PAID = """
    judged AS (
        INSERT INTO risk_decisions
            (merchant_id, occurred_at, point, shopper_id, order_id, outcome, fired, inputs)
        VALUES (%(merchant_id)s, %(at)s, 'pay', %(shopper_id)s, %(order_id)s, %(judged)s,
            %(fired)s, %(inputs)s)
    ), paid AS (
        UPDATE orders o SET state = 'paid',
            seat_state = CASE WHEN o.group_id IS NOT NULL THEN 'taken' END,
            paid_at = %(paid_at)s, moved_at = %(at)s, moved_by = %(actor)s,
            risk_outcome = %(risk)s,
            is_first_paid = NOT EXISTS (
                SELECT 1 FROM orders e
                WHERE e.merchant_id = o.merchant_id AND e.shopper_id = o.shopper_id
                    AND e.paid_at IS NOT NULL AND e.id <> o.id),
            is_new_paid = NOT EXISTS (
                SELECT 1 FROM orders e
                WHERE e.merchant_id = o.merchant_id AND e.shopper_id = o.shopper_id
                    AND e.paid_at IS NOT NULL AND e.left_at IS NULL AND e.id <> o.id)
        WHERE o.merchant_id = %(merchant_id)s AND o.id = %(order_id)s
    ), closing AS (
        UPDATE payments SET state = 'closing', moved_at = %(at)s, moved_by = %(actor)s
        WHERE merchant_id = %(merchant_id)s AND order_id = %(order_id)s AND id <> %(payment_id)s
            AND state IN ('created', 'pending', 'unknown')
        RETURNING id
    ), hastened AS (
        UPDATE work_rows w SET due_at = least(w.due_at, %(at)s) FROM closing
        WHERE w.merchant_id = %(merchant_id)s AND w.kind = 'drive_payment'
            AND w.subject_id = closing.id AND w.state <> 'done'
    )"""
_COUNTED = """
    counted AS (
        UPDATE groups SET taken = taken + 1, held = held - %(was_held)s,
            releasing = releasing - %(was_releasing)s, version = version + 1,
            leader_id = coalesce(leader_id, %(shopper_id)s)
        WHERE merchant_id = %(merchant_id)s AND id = %(group_id)s
        RETURNING taken
    )"""
_ENTRIES = "(SELECT count(*) FROM entries)"
_TAKEN = "(SELECT taken FROM counted)"
_PAY = {
    (True, True): f"WITH {RECEIVED}, {_PAID}, {_COUNTED}"
    f" SELECT {_ENTRIES} AS entries, {_TAKEN} AS taken",
    (True, False): f"WITH {RECEIVED}, {_PAID} SELECT {_ENTRIES} AS entries, NULL AS taken",
    (False, True): f"WITH {_PAID}, {_COUNTED} SELECT NULL AS entries, {_TAKEN} AS taken",
    (False, False): f"WITH {_PAID} SELECT NULL AS entries, NULL AS taken",
}
"""Whether a gateway's payment comes in, and whether the group's counters move, to the statement."""
_TERMS = text(
    "SELECT terms FROM rule_versions WHERE merchant_id = :merchant_id AND id = :rule_version_id"
)
_OPEN = text(
    """
    UPDATE groups SET opened_at = :opened_at, deadline_at = :deadline_at, leader_id = :leader_id
    WHERE merchant_id = :merchant_id AND id = :id
    """
)
_GROUP_FIELDS = ", ".join(f"(l.team).{name} AS group_{name}" for name in LockedGroup._fields)
_SEATED_FIELDS = {
    "flag": "l.flag",
    "payment_id": "l.seated_payment_id",
    "left_fen": "l.seated_fen",
}
_ORDER_FIELDS = ", ".join(
    f"{_SEATED_FIELDS.get(name, f'(l.placed).{name}')} AS order_{name}"
    for name in LockedOrder._fields
)
_LOCK_SEAT = f"""
    SELECT {_GROUP_FIELDS}, {_ORDER_FIELDS}
    FROM lock_seat(%(merchant_id)s, %(order_id)s, %(paid_at)s) l
"""  # noqa: S608 - constants only
_LOCK_PAYMENT = f"""
    SELECT {_GROUP_FIELDS}, {_ORDER_FIELDS},
        (l.payment).id AS id, (l.payment).state AS state, (l.payment).amount_fen AS amount_fen,
        (l.payment).created_at AS created_at, (l.payment).transaction_no AS transaction_no
    FROM lock_payment(%(merchant_id)s, %(account_id)s, %(number)s, %(paid_at)s) l
"""  # noqa: S608 - constants only


class LockedPayment(NamedTuple):
    """A locked payment; one that succeeded already is not locked."""

    id: int
    state: str
    amount_fen: int
    created_at: datetime
    transaction_no: str | None


def _read_seat(row: tuple[Any, ...]) -> tuple[LockedGroup | None, LockedOrder]:
    """Read group and order out of a row that begins with them."""
    groups = len(LockedGroup._fields)
    group = None if row[1] is None else LockedGroup(*row[:groups])
    return group, LockedOrder(*row[groups : groups + len(LockedOrder._fields)])


def may_take(group: LockedGroup, order: LockedOrder, paid_at: datetime) -> bool:
    """Say whether a payment of a placed order takes its seat: the seat is its own, and in time."""
    if order.seat_state not in (SeatState.HELD, SeatState.RELEASING):
        return False
    if group.state not in _SEATED_STATES:
        return False
    if group.state == GroupState.CLOSING and group.end_reason != "deadline":
        return False
    return group.cut is None or paid_at < group.cut


def opening_in_time(session: Session, group: LockedGroup, paid_at: datetime) -> datetime | None:
    """Return the deadline of a pending group whose leader paid, or None if that was too late."""
    terms = Terms.from_json(
        session.execute(
            _TERMS, {"merchant_id": group.merchant_id, "rule_version_id": group.rule_version_id}
        ).scalar_one()
    )
    if terms.ends_at - paid_at < OPENING_MARGIN:
        return None
    return min(paid_at + timedelta(seconds=terms.life_seconds), terms.ends_at)


def lock_payment(
    session: Session, account: Key, number: str, *, paid_at: datetime
) -> tuple[LockedPayment | None, LockedGroup | None, LockedOrder]:
    """Lock a payment, by its number at a gateway account, after what it may change.

    That is the group, the shopper, the order's day where the payment comes too late for its seat,
    the order. None if there is no such payment.
    """
    row = one_row(
        session,
        _LOCK_PAYMENT,
        {
            "merchant_id": account[0],
            "account_id": account[1],
            "number": number,
            "paid_at": paid_at,
        },
    )
    payment = LockedPayment(row.id, row.state, row.amount_fen, row.created_at, row.transaction_no)
    return None if payment.id is None else payment, *_read_seat(row)


def pay_order(
    session: Session,
    order: LockedOrder,
    *,
    group: LockedGroup | None,
    receipt: Receipt | None,
    paid_at: datetime,
    at: datetime,
    actor: str,
) -> int | None:
    """Move a locked placed order to paid and its seat to taken, judge it, close its other payments.

    `receipt` is what came for it, if its own means did not pay all. Counts the seat in `group`,
    whose first payer leads; returns its taken seats then.
    """
    decision = judge_pay(flag=order.flag, risk_at_join=order.risk_outcome)
    risk = decision.outcome if decision.outcome is not Outcome.BLOCK else Outcome.REVIEW
    was_held = order.seat_state == SeatState.HELD
    row = one_row(
        session,
        _PAY[receipt is not None, group is not None],
        {
            "payment_id": 0,
            **({} if receipt is None else receipt.values),
            "merchant_id": order.merchant_id,
            "order_id": order.id,
            "shopper_id": order.shopper_id,
            "group_id": order.group_id,
            "outcome": "seated",
            "paid_at": paid_at,
            "at": at,
            "actor": actor,
            "judged": decision.outcome.value,
            "fired": Jsonb(decision.fired),
            "inputs": Jsonb(decision.inputs),
            "risk": risk.value,
            "was_held": int(was_held),
            "was_releasing": int(not was_held),
        },
    )
    if receipt is not None:
        posting.check_entries(row.entries, of=1)
    spend_instrument(session, order, at=at, actor=actor)
    taken: int | None = row.taken
    return taken


def take_seat(
    session: Session,
    group: LockedGroup,
    order: LockedOrder,
    *,
    receipt: Receipt | None,
    deadline_at: datetime | None,
    paid_at: datetime,
    at: datetime,
    actor: str,
) -> None:
    """Take the seat of a locked order paid in time; opens a pending group, forms a full one.

    The first to pay leads a group whose leader has left.

    `deadline_at` is the group's, or the one it gets by opening.
    """
    taken = pay_order(
        session, order, group=group, receipt=receipt, paid_at=paid_at, at=at, actor=actor
    )
    if group.state == GroupState.PENDING:
        _open(session, group, order, deadline_at, paid_at=paid_at, at=at, actor=actor)
    elif group.leader_id is None:
        told = outbox.NewFact(group.merchant_id, "order.led", order.id)
        outbox.emit(session, [told], at=at)
    if taken == group.size:
        form_group(session, group, at=at)


def _open(
    session: Session,
    group: LockedGroup,
    order: LockedOrder,
    deadline_at: datetime | None,
    *,
    paid_at: datetime,
    at: datetime,
    actor: str,
) -> None:
    if deadline_at is None:
        raise ValueError("a group opens with a deadline")
    session.execute(
        _OPEN,
        {
            "merchant_id": group.merchant_id,
            "id": group.id,
            "opened_at": paid_at,
            "deadline_at": deadline_at,
            "leader_id": order.shopper_id,
        },
    )
    move_groups(session, [group.key], GroupState.OPEN, at=at, actor=actor)
    work.put(session, SETTLE_GROUP, [group.key], due_at=deadline_at)
    record_movements(
        session,
        [Movement(group.merchant_id, group.campaign_id, group.id, "opened", groups_opened=1)],
        at=at,
    )


def take_prepaid_seat(session: Session, order_key: Key, *, at: datetime) -> str:
    """Take the seat of an order that was just placed with nothing payable; returns its new state.

    Raises ValueError if the seat cannot be taken: the caller has checked in this transaction.
    """
    values = {"merchant_id": order_key[0], "order_id": order_key[1], "paid_at": at}
    group, order = _read_seat(one_row(session, _LOCK_SEAT, values))
    if group is None or not may_take(group, order, at):
        raise ValueError("the seat of a prepaid order must be free to take")
    deadline_at = (
        opening_in_time(session, group, at)
        if group.state == GroupState.PENDING
        else group.deadline_at
    )
    take_seat(
        session,
        group,
        order,
        receipt=None,
        deadline_at=deadline_at,
        paid_at=at,
        at=at,
        actor=f"shopper:{order.shopper_id}",
    )
    return OrderState.FULFILLING if group.taken + 1 == group.size else OrderState.PAID
