"""Notifications of Alipay: what they say, and how they are signed. A refund's is a trade's, too."""

import json
import secrets
from collections.abc import Mapping
from sqlite3 import Connection, Row
from typing import Any
from urllib.parse import urlencode

from sandbox import keys
from sandbox.alipay.accounts import AlipayAccount
from sandbox.alipay.forms import write_instant, write_yuan
from sandbox.wechat.notices import enqueue

# Seconds until the next try, counted from the failed one: 4m 10m 10m 1h 2h 6h 15h (Alipay,
# asynchronous notification: 8 tries in about 25 hours).
LADDER = (240, 600, 600, 3600, 7200, 21600, 54000)
CONTENT_TYPE = "application/x-www-form-urlencoded; charset=utf-8"


def is_accepted(status: int | None, body: bytes) -> bool:
    """Say whether an answer ends the tries: the seven letters success, and nothing else."""
    return status == 200 and body.strip() == b"success"


def trade_notice(trade: Row | Mapping[str, Any], now: float, real_now: float) -> dict[str, Any]:
    """Return the row of a notification of a trade's state."""
    return _row(trade, trade["status"], _trade(trade, real_now), now=now)


def refund_notice(
    trade: Row, refund: Row, *, refunded_fen: int, now: float, real_now: float
) -> dict[str, Any]:
    """Return the row of a refund's notification; `refund_fee` is all that was refunded so far."""
    named = {"out_biz_no": refund["out_request_no"]} if refund["out_request_no"] else {}
    said = _trade(trade, real_now) | {
        **named,
        "refund_fee": write_yuan(refunded_fen),
        "gmt_refund": f"{write_instant(refund['refunded_at'])}.000",
    }
    row = _row(trade, "REFUND", said, now=now)
    return row | {"out_refund_no": refund["out_request_no"], "original_type": "refund"}


def _trade(trade: Row | Mapping[str, Any], real_now: float) -> dict[str, str]:
    said = {
        "notify_time": write_instant(real_now),
        "notify_type": "trade_status_sync",
        "notify_id": f"{secrets.token_hex(17)}",
        "charset": "utf-8",
        "version": "1.0",
        "app_id": trade["app_id"],
        "auth_app_id": trade["app_id"],
        "trade_no": trade["trade_no"],
        "out_trade_no": trade["out_trade_no"],
        "seller_id": trade["seller_id"],
        "buyer_open_id": trade["payer_open_id"] or trade["buyer_open_id"],
        "trade_status": trade["status"],
        "total_amount": write_yuan(trade["total_fen"]),
        "subject": trade["subject"],
        "gmt_create": write_instant(trade["created_at"]),
    }
    if trade["paid_at"] is not None:
        paid = write_yuan(trade["paid_fen"])
        said |= {
            "total_amount": paid,
            "receipt_amount": paid,
            "buyer_pay_amount": paid,
            "gmt_payment": write_instant(trade["paid_at"]),
            "fund_bill_list": json.dumps([{"amount": paid, "fundChannel": "ALIPAYACCOUNT"}]),
        }
    if trade["closed_at"] is not None:
        said["gmt_close"] = write_instant(trade["closed_at"])
    return said


def _row(
    trade: Row | Mapping[str, Any], event_type: str, said: dict[str, str], *, now: float
) -> dict[str, Any]:
    return {
        "event_id": said["notify_id"],
        "mchid": trade["seller_id"],
        "out_trade_no": trade["out_trade_no"],
        "out_refund_no": None,
        "event_type": event_type,
        "original_type": "transaction",
        "summary": said["notify_type"],
        "plaintext": json.dumps(said, ensure_ascii=False),
        "url": trade["notify_url"],
        "created_at": now,
    }


def send_if_wanted(db: Connection, notice: dict[str, Any]) -> None:
    """Put a notification on its way, if the trade names a URL."""
    if notice["url"] is not None:
        enqueue(db, notice)


def encode(account: AlipayAccount, notice: Row) -> tuple[dict[str, str], bytes]:
    """Sign a notification; a later try says the same, with the same notify_id and notify_time."""
    return write_form(sign(account, json.loads(notice["plaintext"])))


def sign(account: AlipayAccount, said: Mapping[str, str]) -> dict[str, str]:
    """Sign with the gateway's key over the sorted parameters, without sign_type."""
    content = "&".join(f"{name}={said[name]}" for name in sorted(said))
    return {**said, "sign_type": "RSA2", "sign": keys.sign(account.alipay_key, content)}


def write_form(said: Mapping[str, str]) -> tuple[dict[str, str], bytes]:
    """Write parameters as a form."""
    return {"Content-Type": CONTENT_TYPE}, urlencode(said).encode()
