"""Refunds at Alipay: done at once, once per request number, until the trade is empty."""

import time
from sqlite3 import Connection, Row
from typing import Any

from sandbox.alipay.accounts import AlipayAccount, move_funds
from sandbox.alipay.errors import failed
from sandbox.alipay.forms import check, read_yuan, write_instant, write_yuan, yuan
from sandbox.alipay.notices import refund_notice, send_if_wanted
from sandbox.alipay.trades import CLOSED, PAID, UNPAID, find_by_id, find_named, misfit
from sandbox.shapes import choice, list_of, shape, text

_OPTIONS = ("refund_detail_item_list", "gmt_refund_pay", "deposit_back_info")
_REFUND = shape(
    {"refund_amount": yuan(1)},
    {
        "out_trade_no": text(64),
        "trade_no": text(64),
        "out_request_no": text(64),
        "refund_reason": text(256),
        "query_options": list_of(choice(*_OPTIONS), maximum=8),
    },
)
_QUERY = shape(
    {"out_request_no": text(64)},
    {
        "out_trade_no": text(64),
        "trade_no": text(64),
        "query_options": list_of(choice(*_OPTIONS), maximum=8),
    },
)


def refund(db: Connection, account: AlipayAccount, content: Any, now: float) -> dict[str, Any]:
    """Give money back; the same request again changes no funds. Raises ApiError."""
    check(_REFUND, content, misfit)
    trade = find_named(db, account, content, now)
    fen = read_yuan(content["refund_amount"])
    number = content.get("out_request_no", trade["out_trade_no"])
    known = _find(db, trade, number)
    if known is not None:
        if known["refund_fen"] != fen:
            raise failed("ACQ.DISCORDANT_REPEAT_REQUEST", "不一致的请求")
        return _answer(db, trade, known, has_moved=False)
    _refuse(db, trade, fen)
    if not move_funds(db, account.seller_id, -fen):
        raise failed("ACQ.SELLER_BALANCE_NOT_ENOUGH", "卖家余额不足")
    return _answer(db, trade, _insert(db, trade, number, fen, now), has_moved=True)


def refund_at_console(
    db: Connection, account: AlipayAccount, trade: Row, fen: int, now: float, *, number: str
) -> Row:
    """Refund as the seller's staff do at Alipay's own console. Raises ApiError.

    Without a `number` the notification and the bill tell none.
    """
    _refuse(db, trade, fen)
    if not move_funds(db, account.seller_id, -fen):
        raise failed("ACQ.SELLER_BALANCE_NOT_ENOUGH", "卖家余额不足")
    return _insert(db, trade, number, fen, now)


def _refuse(db: Connection, trade: Row, fen: int) -> None:
    if trade["status"] == UNPAID or trade["paid_at"] is None:
        raise failed("ACQ.TRADE_STATUS_ERROR", "交易状态不合法")
    if refunded_fen(db, trade) + fen > trade["paid_fen"]:
        raise failed("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "退款金额超限")


def _insert(db: Connection, trade: Row, number: str, fen: int, now: float) -> Row:
    db.execute(
        "INSERT INTO alipay_refunds (trade_id, seller_id, out_request_no, refund_fen, refunded_at)"
        " VALUES (?, ?, ?, ?, ?)",
        (trade["id"], trade["seller_id"], number, fen, now),
    )
    total = refunded_fen(db, trade)
    is_empty = total == trade["paid_fen"]
    db.execute(
        "UPDATE alipay_trades SET status = ?, closed_at = ? WHERE id = ?",
        (CLOSED if is_empty else PAID, now if is_empty else None, trade["id"]),
    )
    row = _find(db, trade, number)
    if row is None:
        raise LookupError(number)
    notice = refund_notice(
        find_by_id(db, trade["id"]), row, refunded_fen=total, now=now, real_now=time.time()
    )
    send_if_wanted(db, notice)
    return row


def _answer(db: Connection, trade: Row, row: Row, *, has_moved: bool) -> dict[str, Any]:
    """Describe a refund as requests do: `refund_fee` is all of the trade's refunds so far."""
    return {
        "trade_no": trade["trade_no"],
        "out_trade_no": trade["out_trade_no"],
        "buyer_open_id": trade["payer_open_id"],
        "buyer_logon_id": "138****0000",
        "fund_change": "Y" if has_moved else "N",
        "refund_fee": write_yuan(refunded_fen(db, trade)),
        "send_back_fee": write_yuan(row["refund_fen"] if has_moved else 0),
        "gmt_refund_pay": write_instant(row["refunded_at"]),
    }


def refunded_fen(db: Connection, trade: Row) -> int:
    """Add up what was refunded of a trade."""
    row = db.execute(
        "SELECT ifnull(sum(refund_fen), 0) AS fen FROM alipay_refunds WHERE trade_id = ?",
        (trade["id"],),
    ).fetchone()
    return int(row["fen"])


def _find(db: Connection, trade: Row, number: str) -> Row | None:
    row = db.execute(
        "SELECT * FROM alipay_refunds WHERE trade_id = ? AND out_request_no = ?",
        (trade["id"], number),
    ).fetchone()
    return row if isinstance(row, Row) else None


def query(db: Connection, account: AlipayAccount, content: Any, now: float) -> dict[str, Any]:
    """Describe a refund; one that is not there is a success without fields. Raises ApiError."""
    check(_QUERY, content, misfit)
    trade = find_named(db, account, content, now)
    row = _find(db, trade, content["out_request_no"])
    if row is None:
        return {}
    answer = {
        "trade_no": trade["trade_no"],
        "out_trade_no": trade["out_trade_no"],
        "out_request_no": row["out_request_no"],
        "total_amount": write_yuan(trade["paid_fen"]),
        "refund_amount": write_yuan(row["refund_fen"]),
        "refund_status": "REFUND_SUCCESS",
    }
    if "gmt_refund_pay" in content.get("query_options", ()):
        answer["gmt_refund_pay"] = write_instant(row["refunded_at"])
    return answer
