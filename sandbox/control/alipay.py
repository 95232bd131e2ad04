"""Alipay's side of the control API: accounts, login codes, trades, refunds, transfers, forgeries.

Withholding, releasing and listing notifications, and faults, are WeChat's: a seller's id stands
where a merchant number does.
"""

import time
from http import HTTPStatus
from sqlite3 import Connection, Row
from typing import Any

from flask import Blueprint

from sandbox.alipay import refunds as refunding
from sandbox.alipay import trades, transfers
from sandbox.alipay.accounts import AlipayAccount, downloads, mint_codes
from sandbox.alipay.errors import ApiError
from sandbox.alipay.forgeries import VARIANTS
from sandbox.alipay.notices import is_accepted, trade_notice
from sandbox.clock import parse_rfc3339, rfc3339
from sandbox.control.reading import Refused, body, page
from sandbox.courier import attempt
from sandbox.gateway import Gateway, current_gateway
from sandbox.posting import Poster
from sandbox.shapes import choice, flag, instant, integer, shape, text

_APP = text(32, characters="0-9A-Za-z_")
_ACCOUNT = shape({"app_id": _APP})
_FUNDS = shape({}, {"balance_fen": integer(-(10**15)), "is_unlimited": flag})
_CODES = shape(
    {"app_id": text(32)}, {"open_id": text(128, characters=r"0-9A-Za-z_\-"), "count": integer(1)}
)
_TRADE = shape({"out_trade_no": text(64)}, {"seller_id": text(32)})
_PAY = shape(
    {"out_trade_no": text(64)},
    {
        "seller_id": text(32),
        "paid_at": instant,
        "amount": integer(1),
        "open_id": text(128),
        "even_if_closed": flag,
    },
)
_CONSOLE = shape(
    {"out_trade_no": text(64)},
    {"seller_id": text(32), "amount": integer(1), "number": text(64)},
)
_END = shape(
    {
        "out_biz_no": text(64),
        "seller_id": text(32),
        "status": choice("SUCCESS", "DEALING", "FAIL", "REFUND"),
    },
    {"fail_reason": text(64)},
)
_SEND = shape(
    {},
    {
        "seller_id": text(32),
        "out_trade_no": text(64),
        "out_request_no": text(64),
        "variant": choice(*VARIANTS),
        "times": integer(1),
    },
)
_REFUNDS = (
    "SELECT r.*, t.out_trade_no, t.trade_no FROM alipay_refunds r"
    " JOIN alipay_trades t ON t.id = r.trade_id"
)
_ACCOUNTS = "SELECT rowid AS id, seller_id, app_id, balance_fen, is_unlimited FROM alipay_accounts"
_MOST_CODES = 10_000
_MOST_TIMES = 1000


def register(control: Blueprint) -> None:
    """Add this part's endpoints."""
    for path, view, method in (
        ("/accounts", open_account, "POST"),
        ("/accounts", list_accounts, "GET"),
        ("/accounts/<seller_id>", set_funds, "POST"),
        ("/accounts/<seller_id>", show_account, "GET"),
        ("/codes", mint, "POST"),
        ("/pay", pay_trade, "POST"),
        ("/fail", fail_trade, "POST"),
        ("/orders", list_trades, "GET"),
        ("/refunds", list_refunds, "GET"),
        ("/refunds/console", refund_at_console, "POST"),
        ("/transfers", list_transfers, "GET"),
        ("/transfers/end", end_transfer, "POST"),
        ("/callbacks/send", send, "POST"),
    ):
        control.add_url_rule(
            f"/alipay{path}", f"alipay_{view.__name__}", view_func=view, methods=[method]
        )


def open_account() -> dict[str, Any]:
    """Open an application's account, or return it again, with all a merchant would download."""
    return downloads(current_gateway().alipay_accounts.open(body(_ACCOUNT)["app_id"]))


def list_accounts() -> dict[str, Any]:
    """List the accounts with their funds, oldest first."""
    return _list(_ACCOUNTS, ("seller_id", "app_id"), _describe_account)


def _describe_account(row: Row) -> dict[str, Any]:
    return {
        "seller_id": row["seller_id"],
        "app_id": row["app_id"],
        "balance_fen": row["balance_fen"],
        "is_unlimited": bool(row["is_unlimited"]),
    }


def show_account(seller_id: str) -> dict[str, Any]:
    """Show an account's funds."""
    return _funds(current_gateway(), seller_id)


def set_funds(seller_id: str) -> dict[str, Any]:
    """Set the balance, or lift its limit."""
    given = {"balance_fen": None, "is_unlimited": None} | body(_FUNDS)
    gateway = current_gateway()
    with gateway.store.transaction() as db:
        db.execute(
            "UPDATE alipay_accounts SET balance_fen = ifnull(:balance_fen, balance_fen),"
            " is_unlimited = ifnull(:is_unlimited, is_unlimited) WHERE seller_id = :seller_id",
            given | {"seller_id": seller_id},
        )
    return _funds(gateway, seller_id)


def _funds(gateway: Gateway, seller_id: str) -> dict[str, Any]:
    with gateway.store.snapshot() as db:
        row = db.execute(
            "SELECT seller_id, app_id, balance_fen, is_unlimited FROM alipay_accounts"
            " WHERE seller_id = ?",
            (seller_id,),
        ).fetchone()
    if row is None:
        raise Refused(f"no account {seller_id}", HTTPStatus.NOT_FOUND)
    return _describe_account(row)


def mint() -> dict[str, Any]:
    """Mint login codes: one, or `count` of them in `codes`."""
    given = body(_CODES)
    gateway = current_gateway()
    if gateway.alipay_accounts.find_app(given["app_id"]) is None:
        raise Refused(f"no app {given['app_id']}", HTTPStatus.NOT_FOUND)
    count = min(given.get("count", 1), _MOST_CODES)
    try:
        with gateway.store.transaction() as db:
            minted = mint_codes(db, given["app_id"], open_id=given.get("open_id"), count=count)
    except ValueError as problem:
        raise Refused(str(problem)) from None
    return {**minted[0], "codes": minted}


def pay_trade() -> dict[str, Any]:
    """Pay a trade whatever its expiry; the instant, amount and payer may be others."""
    given = body(_PAY)
    gateway = current_gateway()
    with gateway.store.transaction() as db:
        trade = _find(db, given)
        if trade["status"] == trades.CLOSED and not given.get("even_if_closed"):
            raise Refused("the trade is closed: say even_if_closed")
        try:
            paid = trades.pay(
                db,
                trade,
                gateway.clock.now(),
                open_id=given.get("open_id"),
                amount_fen=given.get("amount"),
                paid_at=parse_rfc3339(given["paid_at"]) if "paid_at" in given else None,
            )
        except trades.Unpayable as problem:
            raise Refused(str(problem)) from None
    gateway.courier.wake()
    return describe_trade(paid)


def fail_trade() -> dict[str, Any]:
    """Let an attempt to pay fail: the trade waits on, as at Alipay, and nobody is told."""
    given = body(_TRADE)
    with current_gateway().store.snapshot() as db:
        trade = _find(db, given)
    if trade["status"] != trades.UNPAID:
        raise Refused(f"the trade is {trade['status']}")
    return describe_trade(trade)


def _find(db: Connection, given: dict[str, Any]) -> Row:
    rows: list[Row] = db.execute(
        "SELECT * FROM alipay_trades WHERE out_trade_no = ? AND seller_id = ifnull(?, seller_id)",
        (given["out_trade_no"], given.get("seller_id")),
    ).fetchall()
    if not rows:
        raise Refused(f"no trade {given['out_trade_no']}", HTTPStatus.NOT_FOUND)
    if len(rows) > 1:
        raise Refused("the trade exists at several sellers: name the seller_id")
    return rows[0]


def list_trades() -> dict[str, Any]:
    """List trades, oldest first."""
    return _list("SELECT * FROM alipay_trades", ("seller_id", "out_trade_no", "status"))


def list_refunds() -> dict[str, Any]:
    """List refunds, oldest first."""
    return _list(_REFUNDS, ("seller_id", "out_trade_no", "out_request_no"), describe_refund)


def refund_at_console() -> dict[str, Any]:
    """Refund a trade, or a part of it, at Alipay's own console; `number` may be empty."""
    given = body(_CONSOLE)
    gateway = current_gateway()
    with gateway.store.transaction() as db:
        trade = _find(db, given)
        account = gateway.alipay_accounts.find(trade["seller_id"])
        if account is None or trade["paid_fen"] is None:
            raise Refused("the trade is not paid")
        try:
            made = refunding.refund_at_console(
                db,
                account,
                trade,
                given.get("amount", trade["paid_fen"]),
                gateway.clock.now(),
                number=given.get("number", ""),
            )
        except ApiError as problem:
            raise Refused(str(problem)) from None
        row = db.execute(f"{_REFUNDS} WHERE r.id = ?", (made["id"],)).fetchone()
    gateway.courier.wake()
    return describe_refund(row)


def list_transfers() -> dict[str, Any]:
    """List transfers, oldest first."""
    filters = ("seller_id", "out_biz_no", "status")
    return _list("SELECT * FROM alipay_transfers", filters, describe_transfer)


def _list(select: str, filters: tuple[str, ...], describe: Any = None) -> dict[str, Any]:
    with current_gateway().store.snapshot() as db:
        rows, following = page(db, select, filters)
    write = describe or describe_trade
    return {"items": [write(row) for row in rows], "next": following}


def describe_trade(row: Row) -> dict[str, Any]:
    """Write one trade of the record."""
    return {
        "seller_id": row["seller_id"],
        "app_id": row["app_id"],
        "out_trade_no": row["out_trade_no"],
        "trade_no": row["trade_no"],
        "status": row["status"],
        "total_fen": row["total_fen"],
        "paid_fen": row["paid_fen"],
        "buyer_open_id": row["buyer_open_id"],
        "payer_open_id": row["payer_open_id"],
        "notify_url": row["notify_url"],
        "created_at": _instant(row["created_at"]),
        "expires_at": _instant(row["expires_at"]),
        "paid_at": _instant(row["paid_at"]),
        "closed_at": _instant(row["closed_at"]),
    }


def describe_refund(row: Row) -> dict[str, Any]:
    """Write one refund of the record."""
    return {
        "seller_id": row["seller_id"],
        "out_trade_no": row["out_trade_no"],
        "trade_no": row["trade_no"],
        "out_request_no": row["out_request_no"],
        "refund_fen": row["refund_fen"],
        "refunded_at": _instant(row["refunded_at"]),
    }


def describe_transfer(row: Row) -> dict[str, Any]:
    """Write one transfer of the record."""
    return {
        "seller_id": row["seller_id"],
        "out_biz_no": row["out_biz_no"],
        "order_id": row["order_id"],
        "amount_fen": row["amount_fen"],
        "payee_open_id": row["payee_open_id"],
        "status": row["status"],
        "fail_reason": row["fail_reason"],
        "transferred_at": _instant(row["transferred_at"]),
    }


def _instant(at: float | None) -> str | None:
    return None if at is None else rfc3339(at)


def end_transfer() -> dict[str, Any]:
    """Change what became of a transfer: still dealing, failed, or returned."""
    given = body(_END)
    with current_gateway().store.transaction() as db:
        try:
            row = transfers.find(db, given["seller_id"], given["out_biz_no"])
            ended = transfers.end(db, row, given["status"], given.get("fail_reason"))
        except LookupError:
            raise Refused(f"no transfer {given['out_biz_no']}", HTTPStatus.NOT_FOUND) from None
        except transfers.Unfinishable as problem:
            raise Refused(str(problem)) from None
    return describe_transfer(ended)


def send() -> dict[str, Any]:
    """Send a notification now, outside its ladder: again, many times, or as a forgery."""
    given: dict[str, Any] = {"variant": "genuine", "times": 1} | body(_SEND)
    gateway = current_gateway()
    with gateway.store.snapshot() as db:
        notice = _notice(db, given, gateway.clock.now())
    account = gateway.alipay_accounts.find(notice["mchid"])
    if account is None:
        raise Refused(f"no account {notice['mchid']}", HTTPStatus.NOT_FOUND)
    times = min(given["times"], _MOST_TIMES)
    return {"deliveries": [_send(account, notice, given["variant"]) for _ in range(times)]}


def _notice(db: Connection, given: dict[str, Any], now: float) -> Row | dict[str, Any]:
    """Find the notification to send; one of an unpaid trade is made up, for forgeries only."""
    if ("out_request_no" in given) == ("out_trade_no" in given):
        raise Refused("name either out_trade_no or out_request_no", HTTPStatus.BAD_REQUEST)
    column = "out_refund_no" if "out_request_no" in given else "out_trade_no"
    row = db.execute(
        f"SELECT * FROM callbacks WHERE {column} = ? AND mchid = ifnull(?, mchid)"  # noqa: S608
        " AND (original_type = 'refund') = ? ORDER BY id DESC LIMIT 1",
        (
            given.get("out_request_no") or given.get("out_trade_no"),
            given.get("seller_id"),
            column == "out_refund_no",
        ),
    ).fetchone()
    if isinstance(row, Row):
        return row
    if column == "out_refund_no" or given["variant"] in {"genuine", "reordered", "wrong_amount"}:
        raise Refused("there is no such notification", HTTPStatus.NOT_FOUND)
    trade = _find(db, given)
    as_if_paid = {
        "status": trades.PAID,
        "paid_fen": trade["total_fen"],
        "paid_at": now,
        "closed_at": None,
    }
    return trade_notice({**trade, **as_if_paid}, now, time.time())


def _send(account: AlipayAccount, notice: Row | dict[str, Any], variant: str) -> dict[str, Any]:
    headers, content = VARIANTS[variant][1](account, notice)
    poster = Poster()
    try:
        status, error = attempt(poster, notice["url"], headers, content, is_accepted)
    finally:
        poster.close()
    return {"status": status, "error": error}
