"""Refunds: ended by hand, and the record for audits."""

from sqlite3 import Row
from typing import Any

from flask import Blueprint

from sandbox.clock import rfc3339
from sandbox.control.reading import Refused, body, find_order, find_refund, page
from sandbox.gateway import current_gateway
from sandbox.shapes import choice, integer, shape, text
from sandbox.wechat import refunds as wechat_refunds
from sandbox.wechat.errors import ApiError
from sandbox.wechat.refunds import Unfinishable, finish

_END = shape(
    {"out_refund_no": text(64), "status": choice("SUCCESS", "ABNORMAL", "CLOSED")},
    {"mchid": text(32)},
)
_CONSOLE = shape(
    {}, {"out_trade_no": text(32), "mchid": text(32), "prepay_id": text(64), "amount": integer(1)}
)
_WITH_ORDER = (
    "SELECT refunds.*, orders.out_trade_no, orders.transaction_id, orders.paid_fen"
    " FROM refunds JOIN orders ON orders.id = refunds.order_id"
)
_FILTERS = ("mchid", "out_trade_no", "out_refund_no", "status")


def register(control: Blueprint) -> None:
    """Add this part's endpoints."""
    control.add_url_rule("/refunds/end", view_func=end_refund, methods=["POST"])
    control.add_url_rule("/refunds/console", view_func=refund_at_console, methods=["POST"])
    control.add_url_rule("/refunds", view_func=list_refunds, methods=["GET"])


def end_refund() -> dict[str, Any]:
    """End a PROCESSING refund now, or an ABNORMAL one later, with its callback."""
    given = body(_END)
    gateway = current_gateway()
    now = gateway.clock.now()
    with gateway.store.transaction() as db:
        refund = find_refund(db, given)
        try:
            finish(db, refund, given["status"], now, now)
        except Unfinishable as problem:
            raise Refused(str(problem)) from None
        ended = db.execute(f"{_WITH_ORDER} WHERE refunds.id = ?", (refund["id"],)).fetchone()
    gateway.courier.wake()
    return describe(ended)


def refund_at_console() -> dict[str, Any]:
    """Refund an order, or a part of it, at the merchant's console of the gateway."""
    given = body(_CONSOLE)
    gateway = current_gateway()
    now = gateway.clock.now()
    with gateway.store.transaction() as db:
        order = find_order(db, given)
        if order["paid_fen"] is None:
            raise Refused("the order is not paid")
        fen = given.get("amount", order["paid_fen"])
        try:
            made = wechat_refunds.refund_at_console(db, order, fen, now)
        except ApiError as problem:
            raise Refused(problem.message) from None
        row = db.execute(f"{_WITH_ORDER} WHERE refunds.id = ?", (made["id"],)).fetchone()
    gateway.courier.wake()
    return describe(row)


def list_refunds() -> dict[str, Any]:
    """List refunds, oldest first."""
    with current_gateway().store.snapshot() as db:
        rows, following = page(db, _WITH_ORDER, _FILTERS)
    return {"items": [describe(row) for row in rows], "next": following}


def describe(refund: Row) -> dict[str, Any]:
    """Write one refund of the record."""
    return {
        "mchid": refund["mchid"],
        "out_refund_no": refund["out_refund_no"],
        "refund_id": refund["refund_id"],
        "out_trade_no": refund["out_trade_no"],
        "transaction_id": refund["transaction_id"],
        "status": refund["status"],
        "refund_fen": refund["refund_fen"],
        "total_fen": refund["paid_fen"],
        "created_at": rfc3339(refund["created_at"]),
        "success_at": None if refund["success_at"] is None else rfc3339(refund["success_at"]),
    }
