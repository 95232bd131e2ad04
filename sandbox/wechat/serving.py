"""Serving one call of WeChat Pay v3: authentication, faults, effect, signed answer."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response, request

from sandbox import keys, lies
from sandbox.accounts import Account
from sandbox.faults import Fault
from sandbox.gateway import Gateway, current_gateway
from sandbox.wechat import signing
from sandbox.wechat.errors import ApiError, other_spelling

_CALLBACK_BEFORE_ANSWER_SECONDS = 5.0
_ERRORS = {
    "not_enough": ("NOT_ENOUGH", "基本账户余额不足，请充值后重新发起"),
    "refund_too_soon": ("FREQUENCY_LIMITED", "频率限制，请1分钟后再对该订单申请退款"),
    "refund_too_many": ("INVALID_REQUEST", "该订单部分退款次数超过限制"),
    "refund_too_old": ("INVALID_REQUEST", "订单已超过可退款的时间"),
    "transfer_conflict": ("INVALID_REQUEST", "单号已存在但信息不一致"),
    "bill_late": ("STATEMENT_CREATING", "账单正在生成，请稍后再试"),
}
_NOT_FOUND = {
    "query": ("ORDER_NOT_EXIST", "订单不存在"),
    "query_refund": ("RESOURCE_NOT_EXISTS", "退款单不存在"),
    "query_transfer": ("NOT_FOUND", "记录不存在"),
}


@dataclass(frozen=True)
class Call:
    """One authenticated call with the faults that hit it."""

    operation: str
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


Answer = tuple[int, dict[str, Any] | bytes | None]
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
        answer = _strike(Call(operation, gateway, account, faults), effect)
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
        _refuse_by_fault(call)
        answer = effect(call)
    except ApiError as problem:
        answer = _refusal(problem, faults)
    status, said = answer
    if isinstance(said, dict) and status == 200:
        answer = status, lies.tell(faults, said)
    pause(faults, "latency_after")
    if "drop_after" in faults:
        return None
    if "error_after" in faults:
        raise ApiError("SYSTEM_ERROR", "系统异常，请用相同参数重新调用")
    return answer


def _refuse_by_fault(call: Call) -> None:
    """Refuse as the faults say that stand for one error. Raises ApiError."""
    for name, error in _ERRORS.items():
        if name in call.faults:
            raise ApiError(*error)
    if "not_found" in call.faults:
        raise ApiError(*_NOT_FOUND[call.operation])


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
    if isinstance(payload, bytes):
        # Files are not signed (下载账单): their hash was.
        return Response(payload, status=status, content_type="application/octet-stream")
    body = "" if payload is None else keys.write_json(payload)
    response = Response(body, status=status, content_type="application/json; charset=utf-8")
    if payload is None:
        del response.headers["Content-Type"]
    if account is not None:
        signed_body = f"{body} " if is_spoilt else body
        serial = request.headers.get("Wechatpay-Serial")
        response.headers.update(signing.sign_headers(account, signed_body, serial=serial))
    return response


def await_callback(call: Call, column: str, number: str) -> None:
    """Wait until the callback of a number was tried, for at most five seconds."""
    call.gateway.courier.wake()
    until = time.monotonic() + _CALLBACK_BEFORE_ANSWER_SECONDS
    while time.monotonic() < until:
        with call.gateway.store.snapshot() as db:
            row = db.execute(
                f"SELECT max(attempts) AS attempts FROM callbacks"  # noqa: S608
                f" WHERE mchid = ? AND {column} = ?",
                (call.account.mchid, number),
            ).fetchone()
        if row["attempts"]:
            return
        time.sleep(0.005)
