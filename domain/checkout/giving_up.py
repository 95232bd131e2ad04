"""Giving up an order: an unpaid one is released, a paid member leaves its open group."""

from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain import idempotency
from domain.database import transaction
from domain.idempotency import RequestKey
from domain.orders.errors import OrderNotCancellable, OrderNotFound
from domain.orders.queries import find_order
from domain.settlement.leaving import leave_group, may_leave
from domain.settlement.locking import lock_days_of, lock_groups, lock_orders
from domain.settlement.releasing import free_orders, start_release
from domain.states import OrderState

_FIND = text(
    """
    SELECT id, group_id FROM orders
    WHERE merchant_id = :merchant_id AND shopper_id = :shopper_id AND public_id = :order
    """
)


def give_up_order(
    shopper: tuple[int, int], order_id: str, key: RequestKey, *, at: datetime
) -> dict[str, Any]:
    """Give up an order (public id); returns its body as it then is. May be repeated with its key.

    Raises OrderNotFound, OrderNotCancellable, Busy, IdempotencyKeyReused.
    """
    with transaction() as session:
        done = idempotency.take(session, key)
        if done is not None:
            return done
        _give_up(session, shopper, order_id, at=at)
        body = find_order(session, shopper, order_id).to_json()
        idempotency.store(session, key, body, at=at)
        return body


def _give_up(session: Session, shopper: tuple[int, int], order_id: str, *, at: datetime) -> None:
    found = session.execute(
        _FIND, {"merchant_id": shopper[0], "shopper_id": shopper[1], "order": order_id}
    ).first()
    if found is None:
        raise OrderNotFound
    group_keys = [] if found.group_id is None else [(shopper[0], found.group_id)]
    groups = lock_groups(session, group_keys)
    lock_days_of(session, list(groups))
    [order] = lock_orders(session, [(shopper[0], found.id)])
    if order.state == OrderState.PLACED and order.release_reason is None:
        actor = f"shopper:{shopper[1]}"
        freed = start_release(session, [order], reason="cancelled", at=at, actor=actor)
        free_orders(session, freed, groups, at=at, actor=actor)
        return
    group = groups.get(group_keys[0]) if group_keys else None
    if group is None or not may_leave(group, order, at):
        raise OrderNotCancellable(state=order.state)
    leave_group(session, group, order, at=at)
