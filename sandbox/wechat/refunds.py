"""Refunds at WeChat Pay: accepted first, ended later."""

import json
import secrets
from sqlite3 import Connection, Row
from typing import Any

from sandbox.accounts import Account
from sandbox.clock import rfc3339
from sandbox.shapes import choice, integer, list_of, notify_url, shape, text
from sandbox.store import Store
from sandbox.wechat import flows
from sandbox.wechat.errors import ApiError
from sandbox.wechat.notices import RECEIVED_BY, enqueue, refund_notice
from sandbox.wechat.opening import opened
from sandbox.wechat.orders import ORDER_NUMBER, check, find, find_by_id, find_by_transaction

REFUNDABLE_SECONDS = 365 * 86400
MOST_REFUNDS = 50
SPACING_SECONDS = 60
_BATCH = 500
_NEXT = {
    "PROCESSING": ("SUCCESS", "ABNORMAL", "CLOSED"),
    "ABNORMAL": ("SUCCESS", "CLOSED"),
}

_GOODS = shape(
    {
        "merchant_goods_id": text(32),
        "unit_price": integer(0),
        "refund_amount": integer(0),
        "refund_quantity": integer(1),
    },
    {"wechatpay_goods_id": text(32), "goods_name": text(256)},
)
REFUND = shape(
    {
        "out_refund_no": text(64, characters=r"0-9A-Za-z_\-|*@"),
        "amount": shape(
            {"refund": integer(1), "total": integer(1), "currency": choice("CNY")},
        ),
    },
    {
        "transaction_id": text(32),
        "out_trade_no": ORDER_NUMBER,
        "reason": text(80),
        "notify_url": notify_url,
        "funds_account": choice("AVAILABLE"),
        "goods_detail": list_of(_GOODS, maximum=6000),
    },
)
ABNORMAL = shape(
    {
        "out_refund_no": text(64, characters=r"0-9A-Za-z_\-|*@"),
        "type": choice("USER_BANK_CARD", "MERCHANT_BANK_CARD"),
    },
    {"bank_type": text(16), "bank_account": text(1024), "real_name": text(1024)},
)


class Unfinishable(Exception):
    """The refund cannot end that way; the text says why."""


def refund(
    db: Connection,
    account: Account,
    body: Any,
    now: float,
    *,
    outcome: str = "SUCCESS",
    days: float = 0,
) -> dict[str, Any]:
    """Accept a refund, or answer the same again for the same number. Raises ApiError.

    It ends as `outcome` after the account's delay and so many days.
    """
    check(REFUND, body)
    order = _order_of(db, account, body, now)
    known = _find(db, account.mchid, body["out_refund_no"])
    if known is not None:
        if known["request"] != _canonical(body):
            raise ApiError("INVALID_REQUEST", "订单金额或退款金额与之前请求不一致，请核实后再试")
        return describe(order, known)
    _refuse_unrefundable(db, order, body, now)
    return describe(order, _insert(db, order, body, now=now, outcome=outcome, days=days))


def refund_at_console(
    db: Connection, order: Row, fen: int, now: float, *, outcome: str = "SUCCESS"
) -> Row:
    """Refund as the merchant's staff do at the gateway's own console. Raises ApiError.

    It has a number of the console's; its callback goes where the order's goes.
    """
    body = {
        "out_trade_no": order["out_trade_no"],
        "out_refund_no": f"5030{secrets.randbelow(10**24):024d}",
        "reason": "商户平台退款",
        "amount": {"refund": fen, "total": order["paid_fen"], "currency": "CNY"},
        "notify_url": order["notify_url"],
    }
    _refuse_unrefundable(db, order, body, now)
    return _insert(db, order, body, now=now, outcome=outcome, days=0)


def is_due(db: Connection, account: Account, out_refund_no: str, now: float) -> bool:
    """Say whether a refund is to end now."""
    found = _find(db, account.mchid, out_refund_no)
    return found is not None and found["status"] == "PROCESSING" and found["due_at"] <= now


def _canonical(body: dict[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False, sort_keys=True)


def _order_of(db: Connection, account: Account, body: dict[str, Any], now: float) -> Row:
    number, transaction_id = body.get("out_trade_no"), body.get("transaction_id")
    if (number is None) == (transaction_id is None):
        raise ApiError("PARAM_ERROR", "参数错误：transaction_id 和 out_trade_no 必须且只能传一个")
    order = (
        find(db, account.mchid, number, now)
        if number is not None
        else find_by_transaction(db, account.mchid, str(transaction_id))
    )
    if order is None or order["transaction_id"] is None:
        raise ApiError("RESOURCE_NOT_EXISTS", "订单不存在或未支付")
    return order


def _refuse_unrefundable(db: Connection, order: Row, body: dict[str, Any], now: float) -> None:
    amount = body["amount"]
    earlier = db.execute(
        "SELECT count(*) AS count, ifnull(max(created_at), 0) AS last_at,"
        " ifnull(sum(refund_fen) FILTER (WHERE status <> 'CLOSED'), 0) AS refunded_fen"
        " FROM refunds WHERE order_id = ?",
        (order["id"],),
    ).fetchone()
    if now - order["success_at"] > REFUNDABLE_SECONDS:
        raise ApiError("INVALID_REQUEST", "订单已超过可退款的时间")
    if amount["total"] != order["paid_fen"]:
        raise ApiError("INVALID_REQUEST", "订单金额或退款金额与之前请求不一致，请核实后再试")
    if earlier["refunded_fen"] + amount["refund"] > order["paid_fen"]:
        raise ApiError("INVALID_REQUEST", "申请退款金额大于订单可退金额")
    if earlier["count"] >= MOST_REFUNDS:
        raise ApiError("INVALID_REQUEST", "该订单部分退款次数超过限制")
    if earlier["count"] and now - earlier["last_at"] < SPACING_SECONDS:
        raise ApiError("FREQUENCY_LIMITED", "频率限制，请1分钟后再对该订单申请退款")


def _insert(
    db: Connection, order: Row, body: dict[str, Any], *, now: float, outcome: str, days: float
) -> Row:
    delay = db.execute(
        "SELECT refund_delay_seconds FROM accounts WHERE mchid = ?", (order["mchid"],)
    ).fetchone()[0]
    refund_id = f"503{order['id']:010d}{secrets.randbelow(10**15):015d}"
    flows.spend(
        db,
        order["mchid"],
        body["amount"]["refund"],
        kind=flows.REFUND,
        number=body["out_refund_no"],
        gateway_no=refund_id,
        at=now,
        memo=body.get("reason", ""),
    )
    db.execute(
        "INSERT INTO refunds (mchid, order_id, out_refund_no, refund_id, request, notify_url,"
        " refund_fen, status, outcome, created_at, due_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, 'PROCESSING', ?, ?, ?)",
        (
            order["mchid"],
            order["id"],
            body["out_refund_no"],
            refund_id,
            _canonical(body),
            body.get("notify_url"),
            body["amount"]["refund"],
            outcome,
            now,
            now + delay + days * 86400,
        ),
    )
    db.execute("UPDATE orders SET state = 'REFUND' WHERE id = ?", (order["id"],))
    return _known(db, order["mchid"], body["out_refund_no"])


def _find(db: Connection, mchid: str, out_refund_no: str) -> Row | None:
    row = db.execute(
        "SELECT * FROM refunds WHERE mchid = ? AND out_refund_no = ?", (mchid, out_refund_no)
    ).fetchone()
    return row if isinstance(row, Row) else None


def _known(db: Connection, mchid: str, out_refund_no: str) -> Row:
    row = _find(db, mchid, out_refund_no)
    if row is None:
        raise LookupError(out_refund_no)
    return row


def query(db: Connection, account: Account, out_refund_no: str) -> dict[str, Any]:
    """Describe a refund. Raises ApiError RESOURCE_NOT_EXISTS."""
    found = _find(db, account.mchid, out_refund_no)
    if found is None:
        raise ApiError("RESOURCE_NOT_EXISTS", "退款单不存在")
    return describe(find_by_id(db, found["order_id"]), found)


def describe(order: Row, refund_row: Row) -> dict[str, Any]:
    """Describe a refund as requests and queries do: `status`, where callbacks say refund_status."""
    answer = {
        "refund_id": refund_row["refund_id"],
        "out_refund_no": refund_row["out_refund_no"],
        "transaction_id": order["transaction_id"],
        "out_trade_no": order["out_trade_no"],
        "channel": refund_row["channel"],
        "user_received_account": refund_row["received_by"] or RECEIVED_BY,
        "create_time": rfc3339(refund_row["created_at"]),
        "status": refund_row["status"],
        "funds_account": "AVAILABLE",
        "amount": {
            "total": order["paid_fen"],
            "refund": refund_row["refund_fen"],
            "payer_total": order["paid_fen"],
            "payer_refund": refund_row["refund_fen"],
            "settlement_total": order["paid_fen"],
            "settlement_refund": refund_row["refund_fen"],
            "discount_refund": 0,
            "currency": "CNY",
        },
    }
    if refund_row["success_at"] is not None:
        answer["success_time"] = rfc3339(refund_row["success_at"])
    return answer


def finish_now(
    db: Connection, account: Account, out_refund_no: str, status: str, now: float
) -> None:
    """End a refund before its time, unless it has ended."""
    row = _known(db, account.mchid, out_refund_no)
    if row["status"] == "PROCESSING":
        finish(db, row, status, now, now)


def redirect(
    db: Connection, account: Account, refund_id: str, body: Any, now: float
) -> dict[str, Any]:
    """Send an abnormal refund to a bank card: it is PROCESSING again. Raises ApiError."""
    check(ABNORMAL, body)
    row = _find(db, account.mchid, body["out_refund_no"])
    if row is None or row["refund_id"] != refund_id:
        raise ApiError("RESOURCE_NOT_EXISTS", "退款单不存在")
    received_by = _receiver(account, body)
    order = find_by_id(db, row["order_id"])
    if row["status"] == "PROCESSING" and row["received_by"] == received_by:
        return describe(order, row)
    if row["status"] != "ABNORMAL":
        raise ApiError("INVALID_REQUEST", "退款单状态不是退款异常，不能发起异常退款处理")
    delay = db.execute(
        "SELECT refund_delay_seconds FROM accounts WHERE mchid = ?", (account.mchid,)
    ).fetchone()[0]
    db.execute(
        "UPDATE refunds SET status = 'PROCESSING', outcome = 'SUCCESS', due_at = ?,"
        " channel = 'OTHER_BANKCARD', received_by = ? WHERE id = ?",
        (now + delay, received_by, row["id"]),
    )
    return describe(order, _known(db, account.mchid, body["out_refund_no"]))


def _receiver(account: Account, body: dict[str, Any]) -> str:
    card = [body.get(name) for name in ("bank_type", "bank_account", "real_name")]
    if body["type"] == "MERCHANT_BANK_CARD":
        if any(card):
            raise ApiError("PARAM_ERROR", "参数错误：退款至交易商户银行账户时不需要银行卡信息")
        return "商户银行账户"
    if not all(card):
        raise ApiError("PARAM_ERROR", "参数错误：bank_type、bank_account、real_name 必填")
    number = opened(account, body["bank_account"], "bank_account")
    opened(account, body["real_name"], "real_name")
    if not (number.isascii() and number.isdigit() and 12 <= len(number) <= 19):
        raise ApiError("PARAM_ERROR", "参数错误：bank_account 不是银行卡号")
    return f"{body['bank_type']}{number[-4:]}"


def settle_due(store: Store, now: float) -> None:
    """End the refunds whose delay has passed, each as it was meant to."""
    condition = "status = 'PROCESSING' AND due_at <= ?"
    with store.snapshot() as db:
        if not db.execute(f"SELECT 1 FROM refunds WHERE {condition} LIMIT 1", (now,)).fetchone():  # noqa: S608
            return
    with store.transaction() as db:
        due = db.execute(
            f"SELECT * FROM refunds WHERE {condition} ORDER BY due_at LIMIT {_BATCH}",  # noqa: S608
            (now,),
        ).fetchall()
        for row in due:
            finish(db, row, row["outcome"], row["due_at"], now)


def finish(db: Connection, refund_row: Row, status: str, at: float, now: float) -> Row:
    """End a refund at a business instant and tell the merchant. Raises Unfinishable."""
    if status not in _NEXT.get(refund_row["status"], ()):
        raise Unfinishable(f"a {refund_row['status']} refund cannot become {status}")
    db.execute(
        "UPDATE refunds SET status = ?, success_at = ? WHERE id = ?",
        (status, at if status == "SUCCESS" else None, refund_row["id"]),
    )
    if status == "CLOSED":
        flows.receive(
            db,
            refund_row["mchid"],
            refund_row["refund_fen"],
            kind=flows.REFUND_RETURNED,
            number=refund_row["out_refund_no"],
            gateway_no=refund_row["refund_id"],
            at=at,
        )
    ended = _known(db, refund_row["mchid"], refund_row["out_refund_no"])
    if ended["notify_url"] is not None:
        enqueue(db, refund_notice(find_by_id(db, ended["order_id"]), ended, now))
    return ended
