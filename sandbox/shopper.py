"""The shopper's side: what WeChat does when a mini-program calls `wx.requestPayment`."""

import re
from typing import Any

from flask import Blueprint, Response, jsonify, request

from sandbox import keys
from sandbox.gateway import Gateway, current_gateway
from sandbox.shapes import Misshapen, choice, shape, text
from sandbox.wechat import orders

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
        and keys.is_signed_by(account.merchant_public_key, "\n".join(lines), given["paySign"])
    )
    if not is_good:
        raise orders.Unpayable("支付验证签名失败")
