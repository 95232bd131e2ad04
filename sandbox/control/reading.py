"""What the parts of the control API share: reading input, finding an order, paging."""

from collections.abc import Mapping
from http import HTTPStatus
from sqlite3 import Connection, Row
from typing import Any

from flask import request

from sandbox.shapes import Check, Misshapen, choice

PAGE = 200
MOST = 1000
_ORDERS = {"oldest": ("id > :after", "ASC", 0), "newest": ("id < :after", "DESC", 2**62)}


class Refused(Exception):
    """The request cannot be done; answered with this status."""

    def __init__(self, message: str, status: HTTPStatus = HTTPStatus.CONFLICT) -> None:
        self.message = message
        self.status = status
        super().__init__(message)


def body(expected: Check) -> dict[str, Any]:
    """Read and check the JSON body; no body is an empty object. Raises Misshapen."""
    given: Any = request.get_json(force=True, silent=True) if request.get_data() else {}
    expected(given, "")
    return dict(given)


def find_order(db: Connection, given: Mapping[str, Any]) -> Row:
    """Find an order by prepay_id, or by out_trade_no and, if needed, mchid. Raises Refused."""
    if ("prepay_id" in given) == ("out_trade_no" in given):
        raise Misshapen("body", "needs either prepay_id or out_trade_no")
    column = "prepay_id" if "prepay_id" in given else "out_trade_no"
    rows = db.execute(
        f"SELECT * FROM orders WHERE {column} = ? AND mchid = ifnull(?, mchid)",  # noqa: S608
        (given[column], given.get("mchid")),
    ).fetchall()
    return _only(rows, f"order {given[column]}")


def find_refund(db: Connection, given: Mapping[str, Any]) -> Row:
    """Find a refund by out_refund_no and, if needed, mchid. Raises Refused."""
    rows = db.execute(
        "SELECT * FROM refunds WHERE out_refund_no = ? AND mchid = ifnull(?, mchid)",
        (given["out_refund_no"], given.get("mchid")),
    ).fetchall()
    return _only(rows, f"refund {given['out_refund_no']}")


def find_transfer(db: Connection, given: Mapping[str, Any]) -> Row:
    """Find a transfer by out_bill_no and, if needed, mchid. Raises Refused."""
    rows = db.execute(
        "SELECT * FROM transfers WHERE out_bill_no = ? AND mchid = ifnull(?, mchid)",
        (given["out_bill_no"], given.get("mchid")),
    ).fetchall()
    return _only(rows, f"transfer {given['out_bill_no']}")


def _only(rows: list[Row], what: str) -> Row:
    if not rows:
        raise Refused(f"no {what}", HTTPStatus.NOT_FOUND)
    if len(rows) > 1:
        raise Refused(f"{what} exists at several merchants: name the mchid")
    return rows[0]


def page(db: Connection, select: str, filters: tuple[str, ...]) -> tuple[list[Row], str | None]:
    """Read one page of `select`, whose id column is `id`, oldest first unless `order` is newest.

    Filters, `after`, `limit` and `order` are query parameters. Returns the rows and the next
    cursor. Raises Misshapen.
    """
    unknown = set(request.args) - {*filters, "after", "limit", "order"}
    if unknown:
        raise Misshapen(sorted(unknown)[0], "is not a known parameter")
    given = {name: request.args[name] for name in filters if name in request.args}
    limit = min(_whole("limit", PAGE), MOST)
    order = request.args.get("order", "oldest")
    choice(*_ORDERS)(order, "order")
    beyond, direction, start = _ORDERS[order]
    conditions = " AND ".join([beyond, *(f"{name} = :{name}" for name in given)])
    rows = db.execute(
        f"SELECT * FROM ({select}) WHERE {conditions}"  # noqa: S608
        f" ORDER BY id {direction} LIMIT :limit",
        {**given, "after": _whole("after", start), "limit": limit + 1},
    ).fetchall()
    return rows[:limit], str(rows[limit - 1]["id"]) if len(rows) > limit else None


def _whole(name: str, default: int) -> int:
    value = request.args.get(name, str(default))
    if not value.isascii() or not value.isdigit():
        raise Misshapen(name, "must be a whole number")
    return int(value)
