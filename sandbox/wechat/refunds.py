"""Refunds at WeChat Pay: accepted first, ended later."""

import json
import secrets
from sqlite3 import Connection, Row
from typing import Any

from sandbox.accounts import Account
from sandbox.clock import rfc3339
from sandbox.shapes import choice, integer, list_of, notify_url, shape, text
from sandbox.store import Store
from sandbox.wechat.errors import ApiError
from sandbox.wechat.notices import RECEIVED_BY, enqueue, refund_notice
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


class Unfinishable(Exception):
    """The refund cannot end that way; the text says why."""


def refund(
    db: Connection, account: Account, body: Any, now: float, *, outcome: str = "SUCCESS"
) -> dict[str, Any]:
    """Accept a refund, or answer the same again for the same number. Raises ApiError."""
    check(REFUND, body)
    order = _order_of(db, account, body, now)
    known = _find(db, account.mchid, body["out_refund_no"])
    if known is not None:
        if known["request"] != _canonical(body):
            raise ApiError("INVALID_REQUEST", "订单金额或退款金额与之前请求不一致，请核实后再试")
        return describe(order, known)
    _refuse_unrefundable(db, order, body, now)
    _draw_balance(db, account.mchid, body["amount"]["refund"])
    return describe(order, _insert(db, order, body, now=now, outcome=outcome))


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


def _draw_balance(db: Connection, mchid: str, refund_fen: int) -> None:
    drawn = db.execute(
        "UPDATE accounts SET balance_fen = balance_fen - :fen WHERE mchid = :mchid"
        " AND (is_unlimited OR balance_fen >= :fen)",
        {"fen": refund_fen, "mchid": mchid},
    ).rowcount
    if not drawn:
        raise ApiError("NOT_ENOUGH", "基本账户余额不足，请充值后重新发起")


def _insert(db: Connection, order: Row, body: dict[str, Any], *, now: float, outcome: str) -> Row:
    delay = db.execute(
        "SELECT refund_delay_seconds FROM accounts WHERE mchid = ?", (order["mchid"],)
    ).fetchone()[0]
    db.execute(
        "INSERT INTO refunds (mchid, order_id, out_refund_no, refund_id, request, notify_url,"
        " refund_fen, status, outcome, created_at, due_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, 'PROCESSING', ?, ?, ?)",
        (
            order["mchid"],
            order["id"],
            body["out_refund_no"],
            f"503{order['id']:010d}{secrets.randbelow(10**15):015d}",
            _canonical(body),
            body.get("notify_url"),
            body["amount"]["refund"],
            outcome,
            now,
            now + delay,
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
        "channel": "ORIGINAL",
        "user_received_account": RECEIVED_BY,
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
        db.execute(
            "UPDATE accounts SET balance_fen = balance_fen + ? WHERE mchid = ?",
            (refund_row["refund_fen"], refund_row["mchid"]),
        )
    ended = _known(db, refund_row["mchid"], refund_row["out_refund_no"])
    if ended["notify_url"] is not None:
        enqueue(db, refund_notice(find_by_id(db, ended["order_id"]), ended, now))
    return ended
