"""WeChat Pay v3's endpoints of orders and refunds."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request

from sandbox.wechat import flows, orders, refunds
from sandbox.wechat.errors import ApiError
from sandbox.wechat.serving import Answer, Call, await_callback, dropped, pause, serve

__all__ = ["dropped", "pause", "wechat"]

wechat = Blueprint("wechat", __name__)

_SLOW_DAYS = 3.0


@wechat.post("/v3/pay/transactions/jsapi")
def prepay() -> Response:
    """Place an order for a mini-program or JSAPI payment."""
    return serve("prepay", _prepay)


def _prepay(call: Call) -> Answer:
    body = call.body()
    with call.gateway.store.transaction() as db:
        placed = orders.prepay(db, call.account, body, call.now)
    if {"paid_before_answer", "callback_before_answer"} & set(call.faults):
        _pay(call, body["out_trade_no"])
        await_callback(call, "out_trade_no", body["out_trade_no"])
    return 200, placed


def _pay(call: Call, out_trade_no: str, states: tuple[str, ...] = ("NOTPAY",)) -> None:
    with call.gateway.store.transaction() as db:
        order = orders.find(db, call.account.mchid, out_trade_no, call.now)
        if order is not None and order["state"] in states:
            orders.pay(db, order, call.now)
    call.gateway.courier.wake()


@wechat.get("/v3/pay/transactions/out-trade-no/<path:number>")
def query(number: str) -> Response:
    """Describe an order by the merchant's number."""
    return serve(
        "query",
        lambda call: _query(call, lambda db: orders.find(db, call.account.mchid, number, call.now)),
    )


@wechat.get("/v3/pay/transactions/id/<path:number>")
def query_by_transaction(number: str) -> Response:
    """Describe an order by WeChat's number."""
    return serve(
        "query",
        lambda call: _query(
            call, lambda db: orders.find_by_transaction(db, call.account.mchid, number)
        ),
    )


def _query(call: Call, find: Callable[[Any], Any]) -> Answer:
    if set(request.args) != {"mchid"}:
        raise ApiError("PARAM_ERROR", "参数错误：mchid 必填，且不支持其他参数")
    with call.gateway.store.transaction() as db:
        return 200, orders.query(call.account, request.args["mchid"], find(db))


@wechat.post("/v3/pay/transactions/out-trade-no/<path:number>/close")
def close(number: str) -> Response:
    """Close an unpaid order."""
    return serve("close", lambda call: _close(call, number))


def _close(call: Call, number: str) -> Answer:
    body = call.body()
    if "paid_at_close" in call.faults:
        _pay(call, number)
    with call.gateway.store.transaction() as db:
        orders.close(db, call.account, number, body, call.now)
    if "closed_then_paid" in call.faults:
        _pay(call, number, states=("NOTPAY", "CLOSED"))
    return 204, None


@wechat.post("/v3/refund/domestic/refunds")
def refund() -> Response:
    """Ask for a refund; the answer means accepted, not arrived."""
    return serve("refund", _refund)


def _refund(call: Call) -> Answer:
    outcome = "SUCCESS"
    if "refund_abnormal" in call.faults:
        outcome = "ABNORMAL"
    if "refund_closed" in call.faults:
        outcome = "CLOSED"
    slow = call.faults.get("refund_slow")
    days = 0.0 if slow is None else slow.days or _SLOW_DAYS
    body = call.body()
    with call.gateway.store.transaction() as db:
        per_second = flows.settings_of(db, call.account.mchid)["refunds_per_second"]
        call.gateway.quotas.take(call.account.mchid, "refund", per_second)
        accepted = refunds.refund(db, call.account, body, call.now, outcome=outcome, days=days)
        ends_now = refunds.is_due(db, call.account, body["out_refund_no"], call.now)
    # A look of the courier costs a third of a refund: not for those that take days.
    if ends_now:
        call.gateway.courier.wake()
    if "callback_before_answer" in call.faults:
        _end_now(call, body, outcome)
    return 200, accepted


def _end_now(call: Call, body: dict[str, Any], outcome: str) -> None:
    with call.gateway.store.transaction() as db:
        refunds.finish_now(db, call.account, body["out_refund_no"], outcome, call.now)
    await_callback(call, "out_refund_no", body["out_refund_no"])


@wechat.get("/v3/refund/domestic/refunds/<path:number>")
def query_refund(number: str) -> Response:
    """Describe a refund by the merchant's number."""
    return serve("query_refund", lambda call: _query_refund(call, number))


def _query_refund(call: Call, number: str) -> Answer:
    if request.args:
        raise ApiError("PARAM_ERROR", "参数错误：不支持查询参数")
    with call.gateway.store.snapshot() as db:
        return 200, refunds.query(db, call.account, number)


@wechat.post("/v3/refund/domestic/refunds/<refund_id>/apply-abnormal-refund")
def redirect_abnormal_refund(refund_id: str) -> Response:
    """Send an abnormal refund to a bank card."""
    return serve("abnormal_refund", lambda call: _redirect(call, refund_id))


def _redirect(call: Call, refund_id: str) -> Answer:
    body = call.body()
    with call.gateway.store.transaction() as db:
        redirected = refunds.redirect(db, call.account, refund_id, body, call.now)
    call.gateway.courier.wake()
    return 200, redirected
