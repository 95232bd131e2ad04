"""Leaving an open group: full refund, no subsidy; the earliest paid member leads."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain import outbox
from domain.ledger import posting
from domain.settlement.locking import LockedGroup, LockedOrder
from domain.settlement.moving import count_seats, move_orders, move_orders_and_seats
from domain.settlement.refunding import cover_elsewhere, refund_of, request_refunds
from domain.settlement.releasing import end_empty_groups
from domain.settlement.spending import give_back_means
from domain.states import GroupState, OrderState, SeatState

_HAND_OVER = text(
    """
    WITH next AS (
        SELECT o.id, o.shopper_id FROM orders o
        WHERE o.merchant_id = :merchant_id AND o.group_id = :id AND o.state = 'paid'
        ORDER BY o.paid_at, o.id LIMIT 1
    )
    UPDATE groups g SET leader_id = (SELECT shopper_id FROM next)
    WHERE g.merchant_id = :merchant_id AND g.id = :id
    RETURNING (SELECT id FROM next) AS order_id, leader_id
    """
)
_LEFT = text("UPDATE orders SET left_at = :at WHERE merchant_id = :merchant_id AND id = :id")


def may_leave(group: LockedGroup, order: LockedOrder, at: datetime) -> bool:
    """Say whether a member may leave: paid, the group open, before its deadline by the clock."""
    return (
        order.state == OrderState.PAID
        and group.state == GroupState.OPEN
        and group.cut is not None
        and at < group.cut
    )


def leave_group(
    session: Session,
    group: LockedGroup,
    order: LockedOrder,
    *,
    at: datetime,
    actor: str | None = None,
) -> None:
    """Take a paid member out of a locked open group; everything it paid goes back by its means.

    What went back at the gateway's own console is not given twice; the order is refunded once that
    has arrived, too.
    """
    actor = actor or f"shopper:{order.shopper_id}"
    move_orders_and_seats(
        session, [order.key], OrderState.REFUNDING, SeatState.RELEASED, at=at, actor=actor
    )
    session.execute(_LEFT, {"merchant_id": order.merchant_id, "id": order.id, "at": at})
    refund = refund_of(order, "left")
    postings = request_refunds(session, [] if refund is None else [refund], at=at, actor=actor)
    postings += give_back_means(session, [order], at=at, actor=actor)
    if refund is None and order.payment_id is not None:
        postings += cover_elsewhere(session, [(order.merchant_id, order.payment_id)])
    posting.post(session, postings, at=at)
    if refund is None and order.payment_id is None:
        move_orders(session, [order.key], OrderState.REFUNDED, at=at, actor=actor)
    counted = count_seats(session, {group.key: (-1, 0, 0)})
    leader = session.execute(_HAND_OVER, {"merchant_id": group.merchant_id, "id": group.id}).one()
    if leader.order_id is not None and leader.leader_id != group.leader_id:
        told = outbox.NewFact(group.merchant_id, "order.led", leader.order_id)
        outbox.emit(session, [told], at=at)
    end_empty_groups(session, counted, {group.key: group}, at=at, actor=actor)
