"""Shipping information of paid orders (uploadShippingInfo).

An order is shipped in one upload, or in several parcels until one says that all is delivered. What
is complete may be changed once more. Telling the same again changes nothing and is said so.
"""

import json
import re
from sqlite3 import Connection, Row
from typing import Any

from sandbox.gateway import Gateway
from sandbox.miniprogram.errors import ErrCode, check
from sandbox.shapes import flag, instant, integer, shape, text

_BY_MERCHANT, _BY_TRANSACTION = 1, 2
_EXPRESS, _KINDS = 1, (1, 2, 3, 4)
_UNIFIED, _SPLIT = 1, 2
_MOST_PARCELS = 15
_MOST_CONTACT = 1024
_MOST_TEXT = {"tracking_no": (128, 10060026), "express_company": (128, 10060025)}
_MOST_ITEMS = 120
# The last four digits of a contact must be readable, the others may be stars.
_CONTACT = re.compile(r"[\d*+\-]*\d{4}")

_PARCEL = shape(
    {"item_desc": text(4096, minimum=0)},
    {
        "tracking_no": text(4096, minimum=0),
        "express_company": text(4096, minimum=0),
        "contact": shape(
            {}, {"consignor_contact": text(_MOST_CONTACT), "receiver_contact": text(_MOST_CONTACT)}
        ),
    },
)


def _whatever(_value: Any, _path: str) -> None:
    """Accept anything: its refusals have codes of their own."""


_UPLOAD = shape(
    {
        "order_key": shape(
            {"order_number_type": integer(0)},
            {"transaction_id": text(64), "mchid": text(32), "out_trade_no": text(32)},
        ),
        "logistics_type": integer(0),
        "delivery_mode": integer(0),
        "shipping_list": _whatever,
        "upload_time": text(64),
        "payer": shape({"openid": text(128)}),
    },
    {"is_all_delivered": flag},
)


def upload(gateway: Gateway, appid: str, body: Any) -> dict[str, Any]:
    """Keep an order's shipping information. Raises ErrCode."""
    check(_UPLOAD, body, code=10060014)
    check(instant, body["upload_time"], code=268485216)
    _check_modes(body)
    _check_parcels(body)
    with gateway.store.transaction() as db:
        order = _find_order(db, appid, body["order_key"])
        if body["payer"]["openid"] != order["payer_openid"]:
            raise ErrCode(10060031)
        _keep(db, order, body, gateway.clock.now())
    return {}


def _check_modes(body: dict[str, Any]) -> None:
    if body["logistics_type"] not in _KINDS:
        raise ErrCode(10060005)
    if body["delivery_mode"] not in {_UNIFIED, _SPLIT}:
        raise ErrCode(268485224)
    if body["delivery_mode"] == _SPLIT and body["logistics_type"] != _EXPRESS:
        raise ErrCode(10060006)
    if body["delivery_mode"] == _SPLIT and "is_all_delivered" not in body:
        raise ErrCode(10060007)


def _check_parcels(body: dict[str, Any]) -> None:
    parcels = body["shipping_list"]
    if not isinstance(parcels, list) or not parcels:
        raise ErrCode(10060014, "shipping_list must be a list")
    if body["delivery_mode"] == _UNIFIED and len(parcels) != 1:
        raise ErrCode(268485228)
    if len(parcels) > _MOST_PARCELS:
        raise ErrCode(10060024)
    for parcel in parcels:
        check(_PARCEL, parcel, code=10060014)
        _check_parcel(parcel, is_express=body["logistics_type"] == _EXPRESS)


def _check_parcel(parcel: dict[str, Any], *, is_express: bool) -> None:
    if not parcel["item_desc"]:
        raise ErrCode(10060008)
    if len(parcel["item_desc"]) > _MOST_ITEMS:
        raise ErrCode(10060009)
    for name, (most, code) in _MOST_TEXT.items():
        if len(parcel.get(name, "")) > most:
            raise ErrCode(code)
    if is_express and not parcel.get("tracking_no"):
        raise ErrCode(268485226)
    if is_express and not parcel.get("express_company"):
        raise ErrCode(268485227)
    contacts = parcel.get("contact", {})
    if parcel.get("express_company") == "SF" and not contacts:
        raise ErrCode(10060014, "contact is needed for SF")
    if not all(_CONTACT.fullmatch(value) for value in contacts.values()):
        raise ErrCode(10060014, "contact")


def _find_order(db: Connection, appid: str, key: dict[str, Any]) -> Row:
    kind = key["order_number_type"]
    if kind == _BY_TRANSACTION:
        if "transaction_id" not in key:
            raise ErrCode(268485195)
        where: str = "transaction_id = ?"
        values: tuple[str, ...] = (key["transaction_id"],)
    elif kind == _BY_MERCHANT:
        for name, code in (("mchid", 268485196), ("out_trade_no", 268485197)):
            if name not in key:
                raise ErrCode(code)
        where, values = "mchid = ? AND out_trade_no = ?", (key["mchid"], key["out_trade_no"])
    else:
        raise ErrCode(268485194)
    order = db.execute(f"SELECT * FROM orders WHERE {where}", values).fetchone()  # noqa: S608
    if order is None or order["appid"] != appid:
        raise ErrCode(10060001)
    if order["paid_fen"] is None or _refunded_fen(db, order) >= order["paid_fen"]:
        raise ErrCode(10060004)
    found: Row = order
    return found


def _refunded_fen(db: Connection, order: Row) -> int:
    row = db.execute(
        "SELECT ifnull(sum(refund_fen), 0) AS fen FROM refunds"
        " WHERE order_id = ? AND status <> 'CLOSED'",
        (order["id"],),
    ).fetchone()
    return int(row["fen"])


def _keep(db: Connection, order: Row, body: dict[str, Any], now: float) -> None:
    told = {name: part for name, part in body.items() if name not in {"upload_time", "order_key"}}
    content = json.dumps(told, ensure_ascii=False, sort_keys=True)
    earlier = db.execute(
        "SELECT * FROM shippings WHERE order_id = ? ORDER BY id DESC", (order["id"],)
    ).fetchall()
    if earlier and earlier[0]["content"] == content:
        raise ErrCode(10060023)
    if sum(row["is_complete"] for row in earlier) > 1:
        raise ErrCode(10060003)
    db.execute(
        "INSERT INTO shippings (order_id, content, is_complete, upload_time, created_at)"
        " VALUES (?, ?, ?, ?, ?)",
        (
            order["id"],
            content,
            body["delivery_mode"] == _UNIFIED or body["is_all_delivered"],
            body["upload_time"],
            now,
        ),
    )
