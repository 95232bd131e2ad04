"""The shopper's phone: `wx.requestPayment`, and confirming `wx.requestMerchantTransfer`."""

import re
from typing import Any

from flask import Blueprint, Response, jsonify, request

from sandbox import keys
from sandbox.gateway import Gateway, current_gateway
from sandbox.shapes import Misshapen, choice, shape, text
from sandbox.wechat import orders
from sandbox.wechat import transfer_steps as transfers

shopper = Blueprint("shopper", __name__)

_PACKAGE = re.compile(r"prepay_id=(\S+)")
_PAYMENT = shape(
    {
        "appId": text(32),
        "timeStamp": text(32, characters="0-9"),
        "nonceStr": text(32),
        "package": text(128),
        "signType": choice("RSA"),
        "paySign": text(512),
        "openid": text(128),
    }
)
_TRANSFER = shape({"mchId": text(32), "appId": text(32), "package": text(512), "openid": text(128)})
Answer = tuple[Response, int]


@shopper.post("/shopper/pay")
def pay() -> Answer:
    """Pay with exactly the client parameters, if the merchant's signature over them is good."""
    given: Any = request.get_json(force=True, silent=True)
    try:
        _PAYMENT(given, "")
        _pay(current_gateway(), given)
    except Misshapen as problem:
        return _answer(f"requestPayment:fail {problem}", 400)
    except orders.Unpayable as problem:
        return _answer(f"requestPayment:fail {problem}", 409)
    return _answer("requestPayment:ok", 200)


@shopper.post("/shopper/transfer")
def confirm_transfer() -> Answer:
    """Confirm a transfer with exactly what `wx.requestMerchantTransfer` is given."""
    given: Any = request.get_json(force=True, silent=True)
    try:
        _TRANSFER(given, "")
        _confirm(current_gateway(), given)
    except Misshapen as problem:
        return _answer(f"requestMerchantTransfer:fail {problem}", 400)
    except transfers.Unconfirmable as problem:
        return _answer(f"requestMerchantTransfer:fail {problem}", 409)
    return _answer("requestMerchantTransfer:ok", 200)


def _confirm(gateway: Gateway, given: dict[str, Any]) -> None:
    with gateway.store.snapshot() as db:
        row = transfers.find_by_package(db, given["package"])
    if row is None or (row["mchid"], row["appid"]) != (given["mchId"], given["appId"]):
        raise transfers.Unconfirmable("package、mchId、appId 不匹配")
    if row["openid"] != given["openid"]:
        raise transfers.Unconfirmable("收款用户与当前用户不一致")
    struck = gateway.faults.draw("confirm_transfer", row["mchid"]).get("transfer_fails_at_confirm")
    reason = None if struck is None else struck.reason or transfers.FAIL_REASONS[0]
    with gateway.store.transaction() as db:
        current = transfers.known(db, row["mchid"], row["out_bill_no"])
        transfers.confirm(db, current, gateway.clock.now(), fail_reason=reason)
    gateway.courier.wake()


def _answer(message: str, status: int) -> Answer:
    return jsonify({"errMsg": message}), status


def _pay(gateway: Gateway, given: dict[str, Any]) -> None:
    package = _PACKAGE.fullmatch(given["package"])
    if package is None:
        raise orders.Unpayable("package must be prepay_id=...")
    now = gateway.clock.now()
    with gateway.store.transaction() as db:
        order = orders.find_by_prepay_id(db, package[1], now)
    if order is None:
        raise orders.Unpayable("prepay_id不存在")
    _check_signature(gateway, order["mchid"], order["appid"], given)
    with gateway.store.transaction() as db:
        current = orders.find_by_id(db, order["id"])
        orders.refuse_unpayable(current, given["openid"], now)
        orders.pay(db, current, now)
    gateway.courier.wake()


def _check_signature(gateway: Gateway, mchid: str, appid: str, given: dict[str, Any]) -> None:
    account = gateway.accounts.find(mchid)
    lines = [given["appId"], given["timeStamp"], given["nonceStr"], given["package"], ""]
    is_good = (
        account is not None
        and given["appId"] == appid
        and any(
            keys.is_signed_by(key, "\n".join(lines), given["paySign"])
            for key in account.merchant_keys.values()
        )
    )
    if not is_good:
        raise orders.Unpayable("支付验证签名失败")
