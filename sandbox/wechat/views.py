"""WeChat Pay v3's endpoints: authentication, faults, effect, signed answer."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request

from sandbox.accounts import Account
from sandbox.faults import Fault
from sandbox.gateway import Gateway, current_gateway
from sandbox.wechat import orders, refunds, signing
from sandbox.wechat.errors import ApiError, other_spelling

wechat = Blueprint("wechat", __name__)

_PAID_BEFORE_ANSWER_SECONDS = 5.0


@dataclass(frozen=True)
class Call:
    """One authenticated call with the faults that hit it."""

    gateway: Gateway
    account: Account
    faults: Mapping[str, Fault]

    @property
    def now(self) -> float:
        """Business time, at each look."""
        return self.gateway.clock.now()

    def body(self) -> Any:
        """Read the JSON body. Raises ApiError PARAM_ERROR."""
        try:
            return json.loads(request.get_data())
        except ValueError:
            raise ApiError("PARAM_ERROR", "参数错误：请求体不是合法的JSON") from None


Answer = tuple[int, dict[str, Any] | None]
Effect = Callable[[Call], Answer]


def serve(operation: str, effect: Effect) -> Response:
    """Authenticate, let faults strike, take effect, answer signed (errors too)."""
    gateway = current_gateway()
    account: Account | None = None
    faults: Mapping[str, Fault] = {}
    try:
        parts = signing.claim(request)
        account = signing.claimed_account(gateway.accounts, parts)
        signing.verify(account, parts, request)
        faults = gateway.faults.draw(operation, account.mchid)
        answer = _strike(Call(gateway, account, faults), effect)
    except ApiError as problem:
        answer = _refusal(problem, faults)
    if answer is None:
        return dropped()
    return _signed(account, answer, is_spoilt="bad_signature" in faults)


def _strike(call: Call, effect: Effect) -> Answer | None:
    """Run the effect between the faults; None is a connection that goes away."""
    faults = call.faults
    pause(faults, "latency")
    if "drop_before" in faults:
        return None
    if "error_before" in faults:
        raise ApiError("SYSTEM_ERROR", "系统异常，请用相同参数重新调用")
    if "frequency_limited" in faults:
        raise ApiError("FREQUENCY_LIMITED", "频率限制，请降低频率后重试")
    try:
        answer = effect(call)
    except ApiError as problem:
        answer = _refusal(problem, faults)
    pause(faults, "latency_after")
    if "drop_after" in faults:
        return None
    if "error_after" in faults:
        raise ApiError("SYSTEM_ERROR", "系统异常，请用相同参数重新调用")
    return answer


def _refusal(problem: ApiError, faults: Mapping[str, Fault]) -> Answer:
    code = other_spelling(problem.code) if "other_spelling" in faults else problem.code
    return problem.status, {"code": code, "message": problem.message}


def pause(faults: Mapping[str, Fault], name: str) -> None:
    """Wait as a latency fault says, if it struck."""
    if name in faults:
        time.sleep(faults[name].latency_ms / 1000)


def dropped() -> Response:
    """Return a response that makes the server cut the connection without an answer."""
    return Response(iter(()), headers={"Content-Length": "1024"})


def _signed(account: Account | None, answer: Answer, *, is_spoilt: bool) -> Response:
    status, payload = answer
    body = "" if payload is None else json.dumps(payload, ensure_ascii=False)
    response = Response(body, status=status, content_type="application/json; charset=utf-8")
    if account is not None:
        signed_body = f"{body} " if is_spoilt else body
        response.headers.update(signing.sign_headers(account, signed_body))
    return response


@wechat.post("/v3/pay/transactions/jsapi")
def prepay() -> Response:
    """Place an order for a mini-program or JSAPI payment."""
    return serve("prepay", _prepay)


def _prepay(call: Call) -> Answer:
    body = call.body()
    with call.gateway.store.transaction() as db:
        placed = orders.prepay(db, call.account, body, call.now)
    if "paid_before_answer" in call.faults:
        _pay(call, body["out_trade_no"])
        _await_callback(call, body["out_trade_no"])
    return 200, placed


def _pay(call: Call, out_trade_no: str) -> None:
    with call.gateway.store.transaction() as db:
        order = orders.find(db, call.account.mchid, out_trade_no, call.now)
        if order is not None and order["state"] == "NOTPAY":
            orders.pay(db, order, call.now)
    call.gateway.courier.wake()


def _await_callback(call: Call, out_trade_no: str) -> None:
    until = time.monotonic() + _PAID_BEFORE_ANSWER_SECONDS
    while time.monotonic() < until:
        with call.gateway.store.snapshot() as db:
            row = db.execute(
                "SELECT attempts FROM callbacks WHERE mchid = ? AND out_trade_no = ?",
                (call.account.mchid, out_trade_no),
            ).fetchone()
        if row["attempts"]:
            return
        time.sleep(0.005)


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
    return 204, None


@wechat.post("/v3/refund/domestic/refunds")
def refund() -> Response:
    """Ask for a refund; the answer means accepted, not arrived."""
    return serve("refund", _refund)


def _refund(call: Call) -> Answer:
    if "not_enough" in call.faults:
        raise ApiError("NOT_ENOUGH", "基本账户余额不足，请充值后重新发起")
    outcome = "SUCCESS"
    if "refund_abnormal" in call.faults:
        outcome = "ABNORMAL"
    if "refund_closed" in call.faults:
        outcome = "CLOSED"
    body = call.body()
    with call.gateway.store.transaction() as db:
        accepted = refunds.refund(db, call.account, body, call.now, outcome=outcome)
    call.gateway.courier.wake()
    return 200, accepted


@wechat.get("/v3/refund/domestic/refunds/<path:number>")
def query_refund(number: str) -> Response:
    """Describe a refund by the merchant's number."""
    return serve("query_refund", lambda call: _query_refund(call, number))


def _query_refund(call: Call, number: str) -> Answer:
    if request.args:
        raise ApiError("PARAM_ERROR", "参数错误：不支持查询参数")
    with call.gateway.store.snapshot() as db:
        return 200, refunds.query(db, call.account, number)
