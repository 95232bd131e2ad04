"""Callbacks of WeChat Pay: what they say, and how it is sealed and signed."""

import json
import secrets
import uuid
from collections.abc import Mapping
from sqlite3 import Connection, Row
from typing import Any

from sandbox import keys
from sandbox.accounts import Account
from sandbox.clock import rfc3339
from sandbox.wechat.signing import sign_headers

_SUMMARIES = {
    "TRANSACTION.SUCCESS": "支付成功",
    "REFUND.SUCCESS": "退款成功",
    "REFUND.ABNORMAL": "退款异常",
    "REFUND.CLOSED": "退款关闭",
    "MCHTRANSFER.BILL.FINISHED": "商家转账单据终态通知",
}
_STATE_WORDS = {
    "NOTPAY": "订单未支付",
    "SUCCESS": "支付成功",
    "REFUND": "转入退款",
    "CLOSED": "订单已关闭",
}
RECEIVED_BY = "支付用户零钱"


def transaction(order: Row | Mapping[str, Any]) -> dict[str, Any]:
    """Describe an order as queries and payment callbacks do."""
    answer: dict[str, Any] = {
        "appid": order["appid"],
        "mchid": order["mchid"],
        "out_trade_no": order["out_trade_no"],
        "trade_state": order["state"],
        "trade_state_desc": _STATE_WORDS[order["state"]],
    }
    if order["attach"] is not None:
        answer["attach"] = order["attach"]
    if order["transaction_id"] is None:
        return answer | {
            "amount": {"total": order["total_fen"], "currency": "CNY", "payer_currency": "CNY"},
        }
    return answer | {
        "transaction_id": order["transaction_id"],
        "trade_type": "JSAPI",
        "bank_type": "OTHERS",
        "success_time": rfc3339(order["success_at"]),
        "payer": {"openid": order["payer_openid"]},
        "amount": {
            "total": order["paid_fen"],
            "payer_total": order["paid_fen"],
            "currency": "CNY",
            "payer_currency": "CNY",
        },
    }


def payment_notice(order: Row | Mapping[str, Any], now: float) -> dict[str, Any]:
    """Return the row of a payment's callback."""
    return _row(
        order,
        "TRANSACTION.SUCCESS",
        transaction(order),
        url=order["notify_url"],
        original_type="transaction",
        now=now,
    )


def refund_notice(order: Row, refund: Row, now: float) -> dict[str, Any]:
    """Return the row of a finished refund's callback; it carries neither appid nor currency."""
    plaintext: dict[str, Any] = {
        "mchid": refund["mchid"],
        "out_trade_no": order["out_trade_no"],
        "transaction_id": order["transaction_id"],
        "out_refund_no": refund["out_refund_no"],
        "refund_id": refund["refund_id"],
        "refund_status": refund["status"],
        "user_received_account": refund["received_by"] or RECEIVED_BY,
        "amount": {
            "total": order["paid_fen"],
            "refund": refund["refund_fen"],
            "payer_total": order["paid_fen"],
            "payer_refund": refund["refund_fen"],
        },
    }
    if refund["success_at"] is not None:
        plaintext["success_time"] = rfc3339(refund["success_at"])
    notice = _row(
        order,
        f"REFUND.{refund['status']}",
        plaintext,
        url=refund["notify_url"],
        original_type="refund",
        now=now,
    )
    return notice | {"out_refund_no": refund["out_refund_no"]}


def transfer_notice(transfer: Row, plaintext: dict[str, Any], now: float) -> dict[str, Any]:
    """Return the row of an ended transfer's callback; it is of no order."""
    notice = _row(
        {"mchid": transfer["mchid"], "out_trade_no": ""},
        "MCHTRANSFER.BILL.FINISHED",
        plaintext,
        url=transfer["notify_url"],
        original_type="mch_payment",
        now=now,
    )
    return notice | {"out_bill_no": transfer["out_bill_no"]}


def _row(
    order: Row | Mapping[str, Any],
    event_type: str,
    plaintext: dict[str, Any],
    *,
    url: str,
    original_type: str,
    now: float,
) -> dict[str, Any]:
    return {
        "event_id": str(uuid.uuid4()),
        "mchid": order["mchid"],
        "out_trade_no": order["out_trade_no"],
        "out_refund_no": None,
        "event_type": event_type,
        "original_type": original_type,
        "summary": _SUMMARIES[event_type],
        "plaintext": json.dumps(plaintext, ensure_ascii=False, separators=(",", ":")),
        "url": url,
        "created_at": now,
    }


def enqueue(db: Connection, notice: dict[str, Any]) -> None:
    """Put a callback on its way, or aside if it is withheld."""
    is_held = db.execute(
        "SELECT EXISTS (SELECT 1 FROM holds WHERE ifnull(mchid, :mchid) = :mchid"
        " AND ifnull(out_trade_no, :out_trade_no) = :out_trade_no"
        " AND ifnull(event_type, :event_type) = :event_type)",
        notice,
    ).fetchone()[0]
    db.execute(
        "INSERT INTO callbacks (event_id, mchid, out_trade_no, out_refund_no, out_bill_no,"
        " event_type, original_type, summary, plaintext, url, created_at, state, is_held, due_at)"
        " VALUES (:event_id, :mchid, :out_trade_no, :out_refund_no, :out_bill_no, :event_type,"
        " :original_type, :summary, :plaintext, :url, :created_at, 'pending', :is_held,"
        " :created_at)",
        {"out_bill_no": None} | notice | {"is_held": is_held},
    )


def encode(account: Account, notice: Row) -> tuple[dict[str, str], bytes]:
    """Seal and sign a callback afresh: every try has its own timestamp and signature."""
    known = account.apiv3_keys
    apiv3_key = known[1] if len(known) > 1 and account.is_former_turn() else known[0]
    body = seal(apiv3_key, notice, notice["plaintext"])
    return {"Content-Type": "application/json", **sign_headers(account, body)}, body.encode()


def seal(apiv3_key: str, notice: Row | Mapping[str, Any], plaintext: str) -> str:
    """Write the callback's body around an encrypted `plaintext`."""
    nonce = secrets.token_hex(6)
    kind = notice["original_type"]
    return json.dumps(
        {
            "id": notice["event_id"],
            "create_time": rfc3339(notice["created_at"]),
            "resource_type": "encrypt-resource",
            "event_type": notice["event_type"],
            "summary": notice["summary"],
            "resource": {
                "original_type": kind,
                "algorithm": "AEAD_AES_256_GCM",
                "ciphertext": keys.encrypt(apiv3_key, plaintext, nonce=nonce, associated_data=kind),
                "associated_data": kind,
                "nonce": nonce,
            },
        },
        ensure_ascii=False,
    )
