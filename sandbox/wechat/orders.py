"""Orders at WeChat Pay: placed, paid, asked for, closed."""

import json
import secrets
import time
from sqlite3 import Connection, Row
from typing import Any

from sandbox.accounts import Account, is_bound
from sandbox.clock import parse_rfc3339
from sandbox.shapes import (
    Misshapen,
    choice,
    flag,
    instant,
    integer,
    list_of,
    notify_url,
    shape,
    text,
)
from sandbox.wechat import flows
from sandbox.wechat.errors import ApiError
from sandbox.wechat.notices import enqueue, payment_notice, transaction

ORDER_NUMBER = text(32, minimum=6, characters=r"0-9A-Za-z_\-|*")
PREPAY_LIFE_SECONDS = 2 * 3600
AUTO_CLOSE_SECONDS = 7 * 86400
_PAID = ("SUCCESS", "REFUND")

_GOODS = shape(
    {"merchant_goods_id": text(32), "quantity": integer(1), "unit_price": integer(0)},
    {"wechatpay_goods_id": text(32), "goods_name": text(256)},
)
_STORE = shape({"id": text(32)}, {"name": text(256), "area_code": text(32), "address": text(512)})
PREPAY = shape(
    {
        "appid": text(32),
        "mchid": text(32),
        "description": text(127),
        "out_trade_no": ORDER_NUMBER,
        "notify_url": notify_url,
        "amount": shape({"total": integer(1)}, {"currency": choice("CNY")}),
        "payer": shape({"openid": text(128)}),
    },
    {
        "time_expire": instant,
        "attach": text(128),
        "goods_tag": text(32),
        "support_fapiao": flag,
        "detail": shape(
            {},
            {
                "cost_price": integer(0),
                "invoice_id": text(32),
                "goods_detail": list_of(_GOODS, maximum=6000),
            },
        ),
        "scene_info": shape(
            {"payer_client_ip": text(45)}, {"device_id": text(32), "store_info": _STORE}
        ),
        "settle_info": shape({}, {"profit_sharing": flag}),
    },
)
CLOSE = shape({"mchid": text(32)})


class Unpayable(Exception):
    """The shopper cannot pay this order; the text says why."""


def check(shape_of_body: Any, body: Any) -> None:
    """Check a body. Raises ApiError PARAM_ERROR that names the field."""
    try:
        shape_of_body(body, "")
    except Misshapen as problem:
        raise ApiError("PARAM_ERROR", f"参数错误：{problem.field} {problem.why}") from None


def check_owner(account: Account, body: dict[str, Any]) -> None:
    """Check that a body speaks of the merchant that signed it. Raises ApiError."""
    if body["mchid"] != account.mchid:
        raise ApiError("INVALID_REQUEST", "商户号与签名商户号不一致")


def prepay(db: Connection, account: Account, body: Any, now: float) -> dict[str, Any]:
    """Place an order, or place it again unchanged. Raises ApiError."""
    check(PREPAY, body)
    check_owner(account, body)
    if not is_bound(db, account, body["appid"]):
        raise ApiError("APPID_MCHID_NOT_MATCH", "商户号和appid不匹配")
    _refuse_foreign_openid(db, body)
    order = find(db, account.mchid, body["out_trade_no"], now)
    if order is None:
        return {"prepay_id": _insert(db, body, now)}
    return {"prepay_id": _again(db, order, body, now)}


def _refuse_foreign_openid(db: Connection, body: dict[str, Any]) -> None:
    row = db.execute(
        "SELECT appid FROM openids WHERE openid = ?", (body["payer"]["openid"],)
    ).fetchone()
    if row is not None and row["appid"] != body["appid"]:
        raise ApiError("PARAM_ERROR", "appid和openid不匹配")


def _canonical(body: dict[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False, sort_keys=True)


def _insert(db: Connection, body: dict[str, Any], now: float) -> str:
    expires_at = parse_rfc3339(body["time_expire"]) if "time_expire" in body else None
    if expires_at is not None and expires_at <= now:
        raise ApiError("PARAM_ERROR", "参数错误：time_expire 已过期")
    prepay_id = _new_prepay_id()
    db.execute(
        "INSERT INTO orders (mchid, appid, out_trade_no, request, attach, notify_url, total_fen,"
        " openid, expires_at, prepay_id, prepaid_at, state, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'NOTPAY', ?)",
        (
            body["mchid"],
            body["appid"],
            body["out_trade_no"],
            _canonical(body),
            body.get("attach"),
            body["notify_url"],
            body["amount"]["total"],
            body["payer"]["openid"],
            expires_at,
            prepay_id,
            now,
            now,
        ),
    )
    return prepay_id


def _again(db: Connection, order: Row, body: dict[str, Any], now: float) -> str:
    if order["state"] in _PAID:
        raise ApiError("ORDERPAID", "该订单已支付")
    if order["state"] == "CLOSED":
        raise ApiError("ORDER_CLOSED", "该订单已关闭，请重新下单")
    if order["request"] != _canonical(body):
        raise ApiError("INVALID_REQUEST", "请求重入时，参数与首次请求时不一致")
    if order["expires_at"] is not None and order["expires_at"] <= now:
        raise ApiError("INVALID_REQUEST", "订单已过支付结束时间，请重新下单")
    if now < order["prepaid_at"] + PREPAY_LIFE_SECONDS:
        return str(order["prepay_id"])
    prepay_id = _new_prepay_id()
    db.execute(
        "UPDATE orders SET prepay_id = ?, prepaid_at = ? WHERE id = ?",
        (prepay_id, now, order["id"]),
    )
    return prepay_id


def _new_prepay_id() -> str:
    return f"wx{time.strftime('%d%H%M%S')}{secrets.token_hex(14)}"


def find(db: Connection, mchid: str, out_trade_no: str, now: float) -> Row | None:
    """Return an order by the merchant's number; one unpaid for 7 days is closed first."""
    _close_forgotten(db, now)
    return _one(db, "mchid = ? AND out_trade_no = ?", (mchid, out_trade_no))


def find_by_transaction(db: Connection, mchid: str, transaction_id: str) -> Row | None:
    """Return a paid order by WeChat's number."""
    return _one(db, "mchid = ? AND transaction_id = ?", (mchid, transaction_id))


def find_by_prepay_id(db: Connection, prepay_id: str, now: float) -> Row | None:
    """Return the order whose current prepay_id this is."""
    _close_forgotten(db, now)
    return _one(db, "prepay_id = ?", (prepay_id,))


def find_by_id(db: Connection, order_id: int) -> Row:
    """Return an order by the record's own id."""
    row = _one(db, "id = ?", (order_id,))
    if row is None:
        raise LookupError(order_id)
    return row


def _one(db: Connection, condition: str, values: tuple[Any, ...]) -> Row | None:
    row = db.execute(f"SELECT * FROM orders WHERE {condition}", values).fetchone()  # noqa: S608
    return row if isinstance(row, Row) else None


def _close_forgotten(db: Connection, now: float) -> None:
    db.execute(
        "UPDATE orders SET state = 'CLOSED', closed_at = ? WHERE state = 'NOTPAY'"
        " AND created_at <= ?",
        (now, now - AUTO_CLOSE_SECONDS),
    )


def query(account: Account, mchid: str, order: Row | None) -> dict[str, Any]:
    """Describe an order. Raises ApiError ORDER_NOT_EXIST."""
    if mchid != account.mchid:
        raise ApiError("PARAM_ERROR", "参数错误：mchid 与签名商户号不一致")
    if order is None:
        raise ApiError("ORDER_NOT_EXIST", "订单不存在")
    return transaction(order)


def close(db: Connection, account: Account, out_trade_no: str, body: Any, now: float) -> None:
    """Close an unpaid order; closing again changes nothing. Raises ApiError."""
    check(CLOSE, body)
    check_owner(account, body)
    order = find(db, account.mchid, out_trade_no, now)
    if order is None:
        raise ApiError("ORDER_NOT_EXIST", "订单不存在")
    if order["state"] in _PAID:
        raise ApiError("ORDERPAID", "订单已支付")
    if order["state"] == "NOTPAY":
        db.execute(
            "UPDATE orders SET state = 'CLOSED', closed_at = ? WHERE id = ?", (now, order["id"])
        )


def refuse_unpayable(order: Row, openid: str, now: float) -> None:
    """Check that this shopper can pay this order now. Raises Unpayable."""
    if order["state"] in _PAID:
        raise Unpayable("该订单已支付")
    if order["state"] == "CLOSED":
        raise Unpayable("该订单已关闭")
    if order["expires_at"] is not None and order["expires_at"] <= now:
        raise Unpayable("该订单已过期")
    if now >= order["prepaid_at"] + PREPAY_LIFE_SECONDS:
        raise Unpayable("prepay_id已过期")
    if openid != order["openid"]:
        raise Unpayable("支付者与下单openid不一致")


def pay(
    db: Connection,
    order: Row,
    now: float,
    *,
    openid: str | None = None,
    amount_fen: int | None = None,
    success_at: float | None = None,
) -> Row:
    """Take the money: state, balance and callback in one transaction. Raises Unpayable if paid."""
    if order["state"] in _PAID:
        raise Unpayable("该订单已支付")
    paid_fen = order["total_fen"] if amount_fen is None else amount_fen
    transaction_id = f"42{order['id']:010d}{secrets.randbelow(10**16):016d}"
    success_at = now if success_at is None else success_at
    db.execute(
        "UPDATE orders SET state = 'SUCCESS', transaction_id = ?, paid_fen = ?,"
        " payer_openid = ?, success_at = ? WHERE id = ?",
        (
            transaction_id,
            paid_fen,
            openid or order["openid"],
            success_at,
            order["id"],
        ),
    )
    flows.receive(
        db,
        order["mchid"],
        paid_fen,
        kind=flows.PAYMENT,
        number=order["out_trade_no"],
        gateway_no=transaction_id,
        at=success_at,
    )
    paid = find_by_id(db, order["id"])
    enqueue(db, payment_notice(paid, now))
    return paid
