"""Orders: paid or failed by hand, and the record for audits."""

from sqlite3 import Row
from typing import Any

from flask import Blueprint

from sandbox.clock import parse_rfc3339, rfc3339
from sandbox.control.reading import Refused, body, find_order, page
from sandbox.gateway import current_gateway
from sandbox.shapes import flag, instant, integer, shape, text
from sandbox.wechat.orders import Unpayable, find_by_id, pay

_NAMED = {"prepay_id": text(64), "out_trade_no": text(32), "mchid": text(32)}
_PAY = shape(
    {},
    _NAMED
    | {
        "success_time": instant,
        "amount": integer(1),
        "openid": text(128),
        "even_if_closed": flag,
    },
)
_FAIL = shape({}, _NAMED)
_FILTERS = ("mchid", "out_trade_no", "transaction_id", "state", "openid")


def register(control: Blueprint) -> None:
    """Add this part's endpoints."""
    control.add_url_rule("/pay", view_func=pay_order, methods=["POST"])
    control.add_url_rule("/fail", view_func=fail_order, methods=["POST"])
    control.add_url_rule("/orders", view_func=list_orders, methods=["GET"])


def pay_order() -> dict[str, Any]:
    """Pay an order whatever its expiry; the success time, amount and payer may be others."""
    given = body(_PAY)
    gateway = current_gateway()
    with gateway.store.transaction() as db:
        order = find_order(db, given)
        if order["state"] == "CLOSED" and not given.get("even_if_closed"):
            raise Refused("the order is closed: say even_if_closed")
        success_at = parse_rfc3339(given["success_time"]) if "success_time" in given else None
        try:
            paid = pay(
                db,
                order,
                gateway.clock.now(),
                openid=given.get("openid"),
                amount_fen=given.get("amount"),
                success_at=success_at,
            )
        except Unpayable as problem:
            raise Refused(str(problem)) from None
    gateway.courier.wake()
    return describe(paid)


def fail_order() -> dict[str, Any]:
    """Let an attempt to pay fail: the order stays NOTPAY, as at WeChat, and nobody is told."""
    given = body(_FAIL)
    with current_gateway().store.snapshot() as db:
        order = find_order(db, given)
        if order["state"] != "NOTPAY":
            raise Refused(f"the order is {order['state']}")
        return describe(find_by_id(db, order["id"]))


def list_orders() -> dict[str, Any]:
    """List orders, oldest first."""
    with current_gateway().store.snapshot() as db:
        rows, following = page(db, "SELECT * FROM orders", _FILTERS)
    return {"items": [describe(row) for row in rows], "next": following}


def describe(order: Row) -> dict[str, Any]:
    """Write one order of the record."""
    return {
        "mchid": order["mchid"],
        "appid": order["appid"],
        "out_trade_no": order["out_trade_no"],
        "prepay_id": order["prepay_id"],
        "state": order["state"],
        "total_fen": order["total_fen"],
        "paid_fen": order["paid_fen"],
        "openid": order["openid"],
        "payer_openid": order["payer_openid"],
        "transaction_id": order["transaction_id"],
        "notify_url": order["notify_url"],
        "created_at": _instant(order["created_at"]),
        "expires_at": _instant(order["expires_at"]),
        "success_at": _instant(order["success_at"]),
        "closed_at": _instant(order["closed_at"]),
    }


def _instant(at: float | None) -> str | None:
    return None if at is None else rfc3339(at)
