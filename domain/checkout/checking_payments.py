"""Checking a payment at once: a client that was told "paid" need not wait for the callback.

The gateway is asked by the worker that asks anyway; this only makes its work due.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import text

from domain import work
from domain.database import transaction
from domain.orders.queries import find_order
from domain.settlement.releasing import DRIVE_PAYMENT

_OPEN = text(
    """
    SELECT p.id FROM payments p
    JOIN orders o ON o.merchant_id = p.merchant_id AND o.id = p.order_id
    WHERE p.merchant_id = :merchant_id AND o.public_id = :order
        AND p.state IN ('created', 'pending', 'unknown', 'closing')
    """
)


def check_payments(shopper: tuple[int, int], order_id: str, *, at: datetime) -> dict[str, Any]:
    """Have the open payments of an order (public id) asked for now; returns its body as it is.

    May be repeated: an answer that comes too early is no answer. Raises OrderNotFound.
    """
    with transaction() as session:
        body = find_order(session, shopper, order_id).to_json()
        found = session.execute(_OPEN, {"merchant_id": shopper[0], "order": order_id})
        payments = [(shopper[0], row.id) for row in found]
        work.hasten(session, DRIVE_PAYMENT, payments, due_at=at)
    return body
