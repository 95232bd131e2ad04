"""The book of flows, for audits."""

from sqlite3 import Row
from typing import Any

from flask import Blueprint

from sandbox.clock import rfc3339
from sandbox.control.reading import page
from sandbox.gateway import current_gateway

_FILTERS = ("mchid", "account", "kind", "number", "gateway_no")


def register(control: Blueprint) -> None:
    """Add this part's endpoints."""
    control.add_url_rule("/flows", view_func=list_flows, methods=["GET"])


def list_flows() -> dict[str, Any]:
    """List what moved, in the order it was booked, with the balance after each."""
    with current_gateway().store.snapshot() as db:
        rows, following = page(db, "SELECT * FROM flows", _FILTERS)
    return {"items": [describe(row) for row in rows], "next": following}


def describe(flow: Row) -> dict[str, Any]:
    """Write one flow of the book; `fen` is negative for what went."""
    names = ("mchid", "account", "kind", "number", "gateway_no", "fen", "balance_fen", "memo")
    return {name: flow[name] for name in names} | {"at": rfc3339(flow["at"])}
