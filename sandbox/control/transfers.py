"""Transfers to shoppers: moved on by hand, and the record for audits."""

from sqlite3 import Connection, Row
from typing import Any

from flask import Blueprint

from sandbox.clock import rfc3339
from sandbox.control.reading import Refused, body, find_transfer, page
from sandbox.gateway import current_gateway
from sandbox.shapes import Misshapen, choice, shape, text
from sandbox.wechat import flows
from sandbox.wechat import transfer_steps as transfers

_ACT = shape(
    {
        "out_bill_no": text(32),
        "action": choice("proceed", "confirm", "ignore", "expire", "fail"),
    },
    {"mchid": text(32), "reason": choice(*transfers.FAIL_REASONS)},
)
_FILTERS = ("mchid", "appid", "openid", "out_bill_no", "transfer_bill_no", "state")


def register(control: Blueprint) -> None:
    """Add this part's endpoints."""
    control.add_url_rule("/transfers/act", view_func=act, methods=["POST"])
    control.add_url_rule("/transfers", view_func=list_transfers, methods=["GET"])


def act() -> dict[str, Any]:
    """Let the shopper confirm a transfer or look away, let it expire, fail, or proceed if stuck."""
    given = body(_ACT)
    if given["action"] == "fail" and "reason" not in given:
        raise Misshapen("reason", "is required")
    gateway = current_gateway()
    now = gateway.clock.now()
    with gateway.store.transaction() as db:
        row = find_transfer(db, given)
        try:
            _move(db, row, given, now)
        except transfers.Unconfirmable as problem:
            raise Refused(str(problem)) from None
        moved = transfers.known(db, row["mchid"], row["out_bill_no"])
    gateway.courier.wake()
    return describe(moved)


def _move(db: Connection, row: Row, given: dict[str, Any], now: float) -> None:
    action = given["action"]
    closes_as = flows.settings_of(db, row["mchid"])["transfer_closes_as"]
    if action == "confirm":
        transfers.confirm(db, row, now)
    elif action == "fail":
        transfers.end(db, row, "FAIL", given["reason"], at=now, now=now)
    elif action == "expire":
        reason = "OVERDUE_CLOSE" if closes_as == "FAIL" else None
        transfers.end(db, row, closes_as, reason, at=now, now=now)
    elif action == "proceed":
        if row["state"] not in {"ACCEPTED", "PROCESSING"}:
            raise transfers.Unconfirmable(f"a {row['state']} transfer does not wait for that")
        transfers.await_shopper(db, row, now, closes_as)


def list_transfers() -> dict[str, Any]:
    """List transfers, oldest first."""
    with current_gateway().store.snapshot() as db:
        rows, following = page(db, "SELECT * FROM transfers", _FILTERS)
    return {"items": [describe(row) for row in rows], "next": following}


def describe(row: Row) -> dict[str, Any]:
    """Write one transfer of the record."""
    names = (
        "mchid",
        "appid",
        "out_bill_no",
        "transfer_bill_no",
        "openid",
        "state",
        "fail_reason",
        "transfer_fen",
        "remark",
        "account",
        "package_info",
        "notify_url",
    )
    return {name: row[name] for name in names} | {
        "created_at": rfc3339(row["created_at"]),
        "updated_at": rfc3339(row["updated_at"]),
        "due_at": None if row["due_at"] is None else rfc3339(row["due_at"]),
    }
