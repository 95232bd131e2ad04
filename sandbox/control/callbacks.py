"""Callbacks: withheld, released, repeated, forged, listed."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from sqlite3 import Connection, Row
from typing import Any

from flask import Blueprint

from sandbox.accounts import Account
from sandbox.clock import rfc3339
from sandbox.control.reading import Refused, body, find_order, page
from sandbox.courier import attempt
from sandbox.gateway import current_gateway
from sandbox.posting import Poster
from sandbox.shapes import choice, flag, integer, shape, text
from sandbox.wechat.forgeries import VARIANTS
from sandbox.wechat.notices import payment_notice

_WHICH = shape({}, {"mchid": text(32), "out_trade_no": text(32), "event_type": text(64)})
_SEND = shape(
    {},
    {
        "mchid": text(32),
        "out_trade_no": text(32),
        "out_refund_no": text(64),
        "out_bill_no": text(32),
        "variant": choice(*VARIANTS),
        "times": integer(1),
        "parallel": flag,
    },
)
_MATCH = (
    "mchid = ifnull(:mchid, mchid) AND out_trade_no = ifnull(:out_trade_no, out_trade_no)"
    " AND event_type = ifnull(:event_type, event_type)"
)
_FILTERS = ("mchid", "out_trade_no", "out_refund_no", "out_bill_no", "event_type", "state")
_NUMBERS = ("out_trade_no", "out_refund_no", "out_bill_no")
_MOST_TIMES = 1000


def register(control: Blueprint) -> None:
    """Add this part's endpoints."""
    control.add_url_rule("/callbacks", view_func=list_callbacks, methods=["GET"])
    control.add_url_rule("/callbacks/withhold", view_func=withhold, methods=["POST"])
    control.add_url_rule("/callbacks/release", view_func=release, methods=["POST"])
    control.add_url_rule("/callbacks/send", view_func=send, methods=["POST"])


def _which() -> dict[str, Any]:
    return {"mchid": None, "out_trade_no": None, "event_type": None} | body(_WHICH)


def withhold() -> dict[str, int]:
    """Keep back callbacks, those to come too; nothing named is everything."""
    which = _which()
    with current_gateway().store.transaction() as db:
        db.execute(
            "INSERT INTO holds (mchid, out_trade_no, event_type)"
            " VALUES (:mchid, :out_trade_no, :event_type)",
            which,
        )
        held = db.execute(
            "UPDATE callbacks SET is_held = 1"  # noqa: S608
            f" WHERE state = 'pending' AND is_held = 0 AND {_MATCH}",
            which,
        ).rowcount
    return {"withheld": held}


def release() -> dict[str, int]:
    """Let go what is kept back and matches, and end the holds that name no more than that."""
    which = _which()
    gateway = current_gateway()
    with gateway.store.transaction() as db:
        db.execute(
            "DELETE FROM holds WHERE mchid IS ifnull(:mchid, mchid)"
            " AND out_trade_no IS ifnull(:out_trade_no, out_trade_no)"
            " AND event_type IS ifnull(:event_type, event_type)",
            which,
        )
        released = db.execute(
            f"UPDATE callbacks SET is_held = 0, due_at = min(due_at, :now)"  # noqa: S608
            f" WHERE is_held = 1 AND {_MATCH}",
            which | {"now": gateway.clock.now()},
        ).rowcount
    gateway.courier.wake()
    return {"released": released}


def list_callbacks() -> dict[str, Any]:
    """List callbacks, oldest first."""
    with current_gateway().store.snapshot() as db:
        rows, following = page(db, "SELECT * FROM callbacks", _FILTERS)
    return {"items": [describe(row) for row in rows], "next": following}


def describe(row: Row) -> dict[str, Any]:
    """Write one callback of the record."""
    delivered_at = row["delivered_at"]
    return {
        "event_id": row["event_id"],
        "mchid": row["mchid"],
        "event_type": row["event_type"],
        "out_trade_no": row["out_trade_no"],
        "out_refund_no": row["out_refund_no"],
        "out_bill_no": row["out_bill_no"],
        "url": row["url"],
        "state": row["state"],
        "is_withheld": bool(row["is_held"]),
        "attempts": row["attempts"],
        "created_at": rfc3339(row["created_at"]),
        "due_at": rfc3339(row["due_at"]),
        "delivered_at": None if delivered_at is None else rfc3339(delivered_at),
        "last_status": row["last_status"],
        "last_error": row["last_error"],
    }


def send() -> dict[str, Any]:
    """Send a callback now, outside its ladder: again, many times, or as one of the forgeries."""
    given: dict[str, Any] = {"variant": "genuine", "times": 1, "parallel": False} | body(_SEND)
    gateway = current_gateway()
    with gateway.store.snapshot() as db:
        notice = _notice(db, given, gateway.clock.now())
    account = gateway.accounts.find(notice["mchid"])
    if account is None:
        raise Refused(f"no account {notice['mchid']}", HTTPStatus.NOT_FOUND)
    times = min(given["times"], _MOST_TIMES)
    workers = min(times, 32) if given["parallel"] else 1
    with ThreadPoolExecutor(workers) as pool:
        deliveries = list(
            pool.map(lambda _: _send(account, notice, given["variant"]), range(times))
        )
    return {"deliveries": deliveries}


def _notice(db: Connection, given: Mapping[str, Any], now: float) -> Row | dict[str, Any]:
    """Find the callback to send; one for an unpaid order is made up, for forgeries only."""
    named = [name for name in _NUMBERS if name in given]
    if len(named) != 1:
        raise Refused(
            "name one of out_trade_no, out_refund_no, out_bill_no", HTTPStatus.BAD_REQUEST
        )
    (column,) = named
    row = db.execute(
        f"SELECT * FROM callbacks WHERE {column} = ? AND mchid = ifnull(?, mchid)"  # noqa: S608
        " AND (original_type = 'refund') = ? ORDER BY id DESC LIMIT 1",
        (given[column], given.get("mchid"), column == "out_refund_no"),
    ).fetchone()
    if isinstance(row, Row):
        return row
    if column != "out_trade_no" or given["variant"] in {"genuine", "wrong_amount"}:
        raise Refused("there is no such callback", HTTPStatus.NOT_FOUND)
    return payment_notice(_as_if_paid(find_order(db, given), now), now)


def _as_if_paid(order: Row, now: float) -> dict[str, Any]:
    return {
        **order,
        "state": "SUCCESS",
        "transaction_id": "4200000000000000000000000000",
        "paid_fen": order["total_fen"],
        "payer_openid": order["openid"],
        "success_at": now,
    }


def _send(account: Account, notice: Row | dict[str, Any], variant: str) -> dict[str, Any]:
    headers, content = VARIANTS[variant][1](account, notice)
    poster = Poster()
    try:
        status, error = attempt(poster, notice["url"], headers, content)
    finally:
        poster.close()
    return {"status": status, "error": error}
