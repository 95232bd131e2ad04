"""Trades at Alipay: created, paid, asked for, closed, expired."""

import json
import secrets
import time
from sqlite3 import Connection, Row
from typing import Any

from sandbox.alipay.accounts import AlipayAccount, move_funds, owner_of
from sandbox.alipay.errors import ApiError, failed
from sandbox.alipay.forms import (
    check,
    instant,
    read_instant,
    read_yuan,
    write_instant,
    write_yuan,
    yuan,
)
from sandbox.alipay.notices import send_if_wanted, trade_notice
from sandbox.shapes import choice, shape, text
from sandbox.store import Store

NUMBER = text(64, characters="0-9A-Za-z_")
UNPAID, PAID, CLOSED = "WAIT_BUYER_PAY", "TRADE_SUCCESS", "TRADE_CLOSED"
DEFAULT_LIFE_SECONDS = 15 * 86400
_BATCH = 500

_CREATE = shape(
    {
        "out_trade_no": NUMBER,
        "total_amount": yuan(1),
        "subject": text(256, characters=r"^/=&"),
        "product_code": choice("JSAPI_PAY"),
        "op_app_id": text(32),
        "buyer_open_id": text(128),
    },
    {
        "body": text(128),
        "time_expire": instant,
        "timeout_express": text(6, characters="0-9mhdc"),
        "passback_params": text(512),
    },
)
_NAMED = shape({}, {"out_trade_no": text(64), "trade_no": text(64)})
_QUERY = shape({}, {"out_trade_no": text(64), "trade_no": text(64)})
_CLOSE = shape({}, {"out_trade_no": text(64), "trade_no": text(64), "operator_id": text(28)})
_MINUTES = {"m": 1, "h": 60, "d": 1440}


class Unpayable(Exception):
    """The shopper cannot pay this trade; the text says why."""


def misfit(message: str) -> ApiError:
    """Return the refusal of parameters that do not fit."""
    return failed("ACQ.INVALID_PARAMETER", message)


def create(
    db: Connection, account: AlipayAccount, content: Any, notify_url: str | None, now: float
) -> dict[str, Any]:
    """Create a trade, or return the unpaid one that is the same. Raises ApiError."""
    check(_CREATE, content, misfit)
    if content["op_app_id"] != account.app_id:
        raise failed("ACQ.ACCESS_FORBIDDEN", "op_app_id 与签约主体不一致")
    owner = owner_of(db, content["buyer_open_id"])
    if owner not in {None, account.app_id}:
        raise misfit("buyer_open_id 不属于该应用")
    request = _canonical(content, notify_url)
    trade = find(db, account, content["out_trade_no"], now)
    if trade is None:
        trade = _insert(db, account, content, notify_url, now)
    elif trade["status"] == CLOSED:
        raise failed("ACQ.TRADE_HAS_CLOSE", "交易已经关闭")
    elif trade["status"] != UNPAID:
        raise failed("ACQ.TRADE_HAS_SUCCESS", "交易已被支付")
    elif trade["request"] != request:
        raise failed("ACQ.CONTEXT_INCONSISTENT", "交易信息被篡改")
    return {"out_trade_no": trade["out_trade_no"], "trade_no": trade["trade_no"]}


def _canonical(content: dict[str, Any], notify_url: str | None) -> str:
    return json.dumps([content, notify_url], ensure_ascii=False, sort_keys=True)


def _insert(
    db: Connection,
    account: AlipayAccount,
    content: dict[str, Any],
    notify_url: str | None,
    now: float,
) -> Row:
    expires_at = _expiry(content, now)
    if expires_at <= now:
        raise misfit("time_expire 已过期")
    day = write_instant(now)[:10].replace("-", "")
    db.execute(
        "INSERT INTO alipay_trades (seller_id, app_id, out_trade_no, trade_no, request,"
        " notify_url, subject, total_fen, buyer_open_id, expires_at, status, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            account.seller_id,
            account.app_id,
            content["out_trade_no"],
            f"{day}22001{secrets.randbelow(10**15):015d}",
            _canonical(content, notify_url),
            notify_url,
            content["subject"],
            read_yuan(content["total_amount"]),
            content["buyer_open_id"],
            expires_at,
            UNPAID,
            now,
        ),
    )
    return _known(db, account.seller_id, content["out_trade_no"])


def _expiry(content: dict[str, Any], now: float) -> float:
    if "time_expire" in content:
        return read_instant(content["time_expire"])
    if "timeout_express" not in content:
        return now + DEFAULT_LIFE_SECONDS
    amount, unit = content["timeout_express"][:-1], content["timeout_express"][-1]
    if unit not in _MINUTES or not amount.isdigit():
        raise misfit("timeout_express")
    return now + int(amount) * _MINUTES[unit] * 60


def find(db: Connection, account: AlipayAccount, out_trade_no: str, now: float) -> Row | None:
    """Return a trade by the merchant's number; expired ones are closed first."""
    close_expired(db, now)
    return _one(db, "seller_id = ? AND out_trade_no = ?", (account.seller_id, out_trade_no))


def find_by_trade_no(db: Connection, trade_no: str, now: float) -> Row | None:
    """Return a trade by Alipay's number; expired ones are closed first."""
    close_expired(db, now)
    return _one(db, "trade_no = ?", (trade_no,))


def find_by_id(db: Connection, trade_id: int) -> Row:
    """Return a trade by the record's own id."""
    row = _one(db, "id = ?", (trade_id,))
    if row is None:
        raise LookupError(trade_id)
    return row


def _known(db: Connection, seller_id: str, out_trade_no: str) -> Row:
    row = _one(db, "seller_id = ? AND out_trade_no = ?", (seller_id, out_trade_no))
    if row is None:
        raise LookupError(out_trade_no)
    return row


def _one(db: Connection, condition: str, values: tuple[Any, ...]) -> Row | None:
    row = db.execute(f"SELECT * FROM alipay_trades WHERE {condition}", values).fetchone()  # noqa: S608
    return row if isinstance(row, Row) else None


def find_named(db: Connection, account: AlipayAccount, content: Any, now: float) -> Row:
    """Return the trade a request names by either number; Alipay's wins. Raises ApiError."""
    named = {name: content[name] for name in ("out_trade_no", "trade_no") if name in content}
    check(_NAMED, named, misfit)
    if not named:
        raise misfit("out_trade_no 和 trade_no 不能同时为空")
    if "trade_no" in named:
        trade = find_by_trade_no(db, named["trade_no"], now)
    else:
        trade = find(db, account, named["out_trade_no"], now)
    if trade is None or trade["seller_id"] != account.seller_id:
        raise failed("ACQ.TRADE_NOT_EXIST", "交易不存在")
    return trade


def query(db: Connection, account: AlipayAccount, content: Any, now: float) -> dict[str, Any]:
    """Describe a trade. Raises ApiError ACQ.TRADE_NOT_EXIST."""
    check(_QUERY, content, misfit)
    trade = find_named(db, account, content, now)
    answer = {
        "trade_no": trade["trade_no"],
        "out_trade_no": trade["out_trade_no"],
        "buyer_open_id": trade["payer_open_id"] or trade["buyer_open_id"],
        "buyer_logon_id": "138****0000",
        "trade_status": trade["status"],
        "total_amount": write_yuan(trade["total_fen"]),
    }
    if trade["paid_at"] is None:
        return answer | {"receipt_amount": "0.00", "buyer_pay_amount": "0.00"}
    paid = write_yuan(trade["paid_fen"])
    return answer | {
        "total_amount": paid,
        "receipt_amount": paid,
        "buyer_pay_amount": paid,
        "send_pay_date": write_instant(trade["paid_at"]),
        "fund_bill_list": [{"amount": paid, "fund_channel": "ALIPAYACCOUNT"}],
    }


def close(db: Connection, account: AlipayAccount, content: Any, now: float) -> dict[str, Any]:
    """Close an unpaid trade; any other is refused. Raises ApiError."""
    check(_CLOSE, content, misfit)
    trade = find_named(db, account, content, now)
    if trade["status"] != UNPAID:
        raise failed("ACQ.TRADE_STATUS_ERROR", "交易状态不合法")
    _close(db, trade, now)
    return {"trade_no": trade["trade_no"], "out_trade_no": trade["out_trade_no"]}


def close_expired(db: Connection, now: float) -> None:
    """Close the trades nobody paid in time."""
    due = db.execute(
        "SELECT * FROM alipay_trades WHERE status = ? AND expires_at <= ? LIMIT ?",
        (UNPAID, now, _BATCH),
    ).fetchall()
    for trade in due:
        _close(db, trade, now)


def _close(db: Connection, trade: Row, now: float) -> None:
    db.execute(
        "UPDATE alipay_trades SET status = ?, closed_at = ? WHERE id = ?",
        (CLOSED, now, trade["id"]),
    )
    send_if_wanted(db, trade_notice(find_by_id(db, trade["id"]), now, time.time()))


def settle_due(store: Store, now: float) -> None:
    """Close expired trades, if there are any."""
    condition = "SELECT 1 FROM alipay_trades WHERE status = ? AND expires_at <= ? LIMIT 1"
    with store.snapshot() as db:
        if not db.execute(condition, (UNPAID, now)).fetchone():
            return
    with store.transaction() as db:
        close_expired(db, now)


def refuse_unpayable(trade: Row, open_id: str) -> None:
    """Check that this shopper can pay this trade. Raises Unpayable."""
    if trade["status"] == CLOSED:
        raise Unpayable("交易已经关闭")
    if trade["status"] != UNPAID:
        raise Unpayable("交易已被支付")
    if open_id != trade["buyer_open_id"]:
        raise Unpayable("支付者与下单 buyer_open_id 不一致")


def pay(
    db: Connection,
    trade: Row,
    now: float,
    *,
    open_id: str | None = None,
    amount_fen: int | None = None,
    paid_at: float | None = None,
) -> Row:
    """Take the money: state, balance and notification in one transaction. Raises Unpayable."""
    if trade["paid_at"] is not None:
        raise Unpayable("交易已被支付")
    paid_fen = trade["total_fen"] if amount_fen is None else amount_fen
    db.execute(
        "UPDATE alipay_trades SET status = ?, paid_fen = ?, payer_open_id = ?, paid_at = ?,"
        " closed_at = NULL WHERE id = ?",
        (
            PAID,
            paid_fen,
            open_id or trade["buyer_open_id"],
            now if paid_at is None else paid_at,
            trade["id"],
        ),
    )
    move_funds(db, trade["seller_id"], paid_fen)
    paid = find_by_id(db, trade["id"])
    send_if_wanted(db, trade_notice(paid, now, time.time()))
    return paid
