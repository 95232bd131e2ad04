"""Coupons at WeChat Pay (代金券): sent from a stock, once per request number."""

import json
import secrets
from sqlite3 import Connection
from typing import Any

from sandbox.accounts import Account, is_bound
from sandbox.clock import rfc3339
from sandbox.shapes import integer, shape, text
from sandbox.wechat.errors import ApiError
from sandbox.wechat.orders import check

SEND = shape(
    {
        "stock_id": text(20, characters="0-9"),
        "out_request_no": text(128, characters=r"0-9A-Za-z_\-|*@"),
        "appid": text(128),
        "stock_creator_mchid": text(20, characters="0-9"),
    },
    {"coupon_value": integer(1), "coupon_minimum": integer(1)},
)


def send(db: Connection, account: Account, openid: str, body: Any, now: float) -> dict[str, Any]:
    """Send a coupon, or answer the same again for the same number. Raises ApiError."""
    check(SEND, body)
    if not is_bound(db, account, body["appid"]):
        raise ApiError("APPID_MCHID_NOT_MATCH", "商户号与appid不匹配")
    request = json.dumps(body | {"openid": openid}, ensure_ascii=False, sort_keys=True)
    known = db.execute(
        "SELECT request, coupon_id FROM coupons WHERE mchid = ? AND out_request_no = ?",
        (account.mchid, body["out_request_no"]),
    ).fetchone()
    if known is not None:
        if known["request"] != request:
            raise ApiError("INVALID_REQUEST", "请求重入时，参数与首次请求时不一致")
        return {"coupon_id": known["coupon_id"]}
    _draw(db, account, openid, body)
    coupon_id = f"{secrets.randbelow(9 * 10**17) + 10**17}"
    db.execute(
        "INSERT INTO coupons (mchid, stock_id, openid, out_request_no, coupon_id, request,"
        " created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            account.mchid,
            body["stock_id"],
            openid,
            body["out_request_no"],
            coupon_id,
            request,
            now,
        ),
    )
    return {"coupon_id": coupon_id}


def _draw(db: Connection, account: Account, openid: str, body: dict[str, Any]) -> None:
    stock = db.execute(
        "SELECT remaining, most_per_user FROM stocks WHERE mchid = ? AND stock_id = ?",
        (account.mchid, body["stock_id"]),
    ).fetchone()
    if stock is None or body["stock_creator_mchid"] != account.mchid:
        raise ApiError("RESOURCE_NOT_EXISTS", "批次不存在")
    if stock["remaining"] < 1:
        raise ApiError("NOT_ENOUGH", "批次预算不足")
    sent = db.execute(
        "SELECT count(*) FROM coupons WHERE mchid = ? AND stock_id = ? AND openid = ?",
        (account.mchid, body["stock_id"], openid),
    ).fetchone()[0]
    if sent >= stock["most_per_user"]:
        raise ApiError("RULE_LIMIT", "用户已达到该批次的领取上限")
    db.execute(
        "UPDATE stocks SET remaining = remaining - 1 WHERE mchid = ? AND stock_id = ?",
        (account.mchid, body["stock_id"]),
    )


def describe(row: Any) -> dict[str, Any]:
    """Write one coupon of the record."""
    names = ("mchid", "stock_id", "openid", "out_request_no", "coupon_id")
    return {name: row[name] for name in names} | {"created_at": rfc3339(row["created_at"])}
