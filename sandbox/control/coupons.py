"""Stocks of coupons, as a merchant makes them on the gateway's pages, and what was sent of them."""

from http import HTTPStatus
from typing import Any

from flask import Blueprint

from sandbox.control.reading import Refused, body, page
from sandbox.gateway import current_gateway
from sandbox.shapes import integer, shape, text
from sandbox.wechat.coupons import describe

_STOCK = shape(
    {"mchid": text(32), "stock_id": text(20, characters="0-9"), "remaining": integer(0)},
    {"most_per_user": integer(1)},
)
_FILTERS = ("mchid", "stock_id", "openid", "out_request_no", "coupon_id")


def register(control: Blueprint) -> None:
    """Add this part's endpoints."""
    control.add_url_rule("/stocks", view_func=keep_stock, methods=["POST"])
    control.add_url_rule("/coupons", view_func=list_coupons, methods=["GET"])


def keep_stock() -> dict[str, Any]:
    """Make a stock of coupons, or change what is left of it."""
    given = {"most_per_user": 1} | body(_STOCK)
    gateway = current_gateway()
    if gateway.accounts.find(given["mchid"]) is None:
        raise Refused(f"no account {given['mchid']}", HTTPStatus.NOT_FOUND)
    with gateway.store.transaction() as db:
        db.execute(
            "INSERT OR REPLACE INTO stocks (mchid, stock_id, remaining, most_per_user)"
            " VALUES (:mchid, :stock_id, :remaining, :most_per_user)",
            given,
        )
    return given


def list_coupons() -> dict[str, Any]:
    """List the coupons that were sent, oldest first."""
    with current_gateway().store.snapshot() as db:
        rows, following = page(db, "SELECT * FROM coupons", _FILTERS)
    return {"items": [describe(row) for row in rows], "next": following}
