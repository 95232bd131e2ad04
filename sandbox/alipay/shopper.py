"""The shopper's phone: what Alipay does when a mini-program calls `my.tradePay({tradeNO})`."""

from typing import Any

from flask import Blueprint, Response, jsonify, request

from sandbox.alipay import trades
from sandbox.gateway import current_gateway
from sandbox.shapes import Misshapen, shape, text

alipay_shopper = Blueprint("alipay_shopper", __name__)

PAID, FAILED = "9000", "4000"
_PAYMENT = shape({"tradeNO": text(64), "open_id": text(128)})
Answer = tuple[Response, int]


@alipay_shopper.post("/shopper/alipay/pay")
def pay() -> Answer:
    """Pay a trade by its number; `resultCode` is the one my.tradePay returns."""
    given: Any = request.get_json(force=True, silent=True)
    gateway = current_gateway()
    now = gateway.clock.now()
    try:
        _PAYMENT(given, "")
        with gateway.store.transaction() as db:
            trade = trades.find_by_trade_no(db, given["tradeNO"], now)
            if trade is None:
                return _answer(FAILED, "tradeNO不存在", 409)
            trades.refuse_unpayable(trade, given["open_id"])
            trades.pay(db, trade, now)
    except Misshapen as problem:
        return _answer(FAILED, str(problem), 400)
    except trades.Unpayable as problem:
        return _answer(FAILED, str(problem), 409)
    gateway.courier.wake()
    return _answer(PAID, "", 200)


def _answer(code: str, memo: str, status: int) -> Answer:
    return jsonify({"resultCode": code, "memo": memo}), status
