"""Taking a seat: the order is paid; a pending group opens, a full one forms."""

from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain import work
from domain.orders.rules import OPENING_MARGIN
from domain.risk.recording import Judged, record_decisions
from domain.risk.rules import Outcome, judge_pay
from domain.settlement.forming import form_group
from domain.settlement.locking import (
    Key,
    LockedGroup,
    LockedOrder,
    lock_days_of,
    lock_groups,
    lock_members,
    lock_orders,
)
from domain.settlement.movements import Movement, record_movements
from domain.settlement.moving import count_seats, move_groups
from domain.settlement.releasing import close_payments
from domain.states import GroupState, OrderState, SeatState
from domain.terms import Terms

SETTLE_GROUP = "settle_group"
_SEATED_STATES = (GroupState.PENDING, GroupState.OPEN, GroupState.CLOSING, GroupState.FROZEN)

_TAKE = text(
    """
    UPDATE orders o SET state = 'paid',
        seat_state = CASE WHEN o.group_id IS NOT NULL THEN 'taken' END,
        paid_at = :paid_at, moved_at = :at, moved_by = :actor, risk_outcome = :risk,
        is_first_paid = NOT EXISTS (
            SELECT 1 FROM orders e
            WHERE e.merchant_id = o.merchant_id AND e.shopper_id = o.shopper_id
                AND e.paid_at IS NOT NULL AND e.id <> o.id)
    WHERE o.merchant_id = :merchant_id AND o.id = :id
    """
)
_TERMS = text(
    "SELECT terms FROM rule_versions WHERE merchant_id = :merchant_id AND id = :rule_version_id"
)
_OPEN = text(
    """
    UPDATE groups SET opened_at = :opened_at, deadline_at = :deadline_at, leader_id = :leader_id
    WHERE merchant_id = :merchant_id AND id = :id
    """
)
_LEAD = text(
    """
    UPDATE groups SET leader_id = :leader_id
    WHERE merchant_id = :merchant_id AND id = :id AND leader_id IS NULL
    """
)


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


def lock_for_payment(
    session: Session, order: Key, group: Key | None, *, paid_at: datetime
) -> tuple[LockedGroup | None, LockedOrder]:
    """Lock what a payment may change: the group, its members' days, the order.

    Days change only where the payment may fill the group, or comes too late for its seat.
    """
    locked_group = None
    if group is not None:
        locked_group = lock_groups(session, [group])[group]
        may_fill = locked_group.taken + 1 >= locked_group.size
        is_late = locked_group.cut is not None and paid_at >= locked_group.cut
        if may_fill or is_late or locked_group.state != GroupState.OPEN:
            lock_days_of(session, [group])
    return locked_group, lock_orders(session, [order])[0]


def mark_paid(
    session: Session, order: LockedOrder, *, paid_at: datetime, at: datetime, actor: str
) -> None:
    """Move a locked placed order to paid and its seat to taken; judges the payment."""
    decision = judge_pay(flag=order.flag, risk_at_join=order.risk_outcome)
    record_decisions(
        session,
        [Judged(order.merchant_id, order.shopper_id, order.id, decision)],
        point="pay",
        at=at,
    )
    risk = decision.outcome if decision.outcome is not Outcome.BLOCK else Outcome.REVIEW
    session.execute(
        _TAKE,
        {
            "merchant_id": order.merchant_id,
            "id": order.id,
            "paid_at": paid_at,
            "at": at,
            "actor": actor,
            "risk": risk.value,
        },
    )


def take_seat(
    session: Session,
    group: LockedGroup,
    order: LockedOrder,
    *,
    deadline_at: datetime | None,
    paid_at: datetime,
    at: datetime,
    actor: str,
) -> None:
    """Take the seat of a locked order paid in time; opens a pending group, forms a full one.

    `deadline_at` is the group's, or the one it gets by opening.
    """
    mark_paid(session, order, paid_at=paid_at, at=at, actor=actor)
    was_held = order.seat_state == SeatState.HELD
    counted = count_seats(session, {group.key: (1, -1 if was_held else 0, 0 if was_held else -1)})[
        group.key
    ]
    if group.state == GroupState.PENDING:
        _open(session, group, order, deadline_at, paid_at=paid_at, at=at, actor=actor)
    elif group.leader_id is None:
        session.execute(
            _LEAD,
            {"merchant_id": group.merchant_id, "id": group.id, "leader_id": order.shopper_id},
        )
    close_payments(session, [order.key], at=at, actor=actor)
    if counted[1] == group.size:
        members = [m for m in lock_members(session, [group.key]) if m.state == OrderState.PAID]
        form_group(session, group, members, at=at)


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


def take_prepaid_seat(session: Session, order_key: Key, group_key: Key, *, at: datetime) -> str:
    """Take the seat of an order that was just placed with nothing payable; returns its new state.

    Raises ValueError if the seat cannot be taken: the caller has checked in this transaction.
    """
    group, order = lock_for_payment(session, order_key, group_key, paid_at=at)
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
        deadline_at=deadline_at,
        paid_at=at,
        at=at,
        actor=f"shopper:{order.shopper_id}",
    )
    return OrderState.FULFILLING if group.taken + 1 == group.size else OrderState.PAID
