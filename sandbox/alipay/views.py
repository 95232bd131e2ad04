"""Alipay's one endpoint: who asks, faults, effect, signed answer; and the download of bills."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request

from sandbox import keys, lies
from sandbox.alipay import bills, trades, transfers
from sandbox.alipay import refunds as refunding
from sandbox.alipay.accounts import AlipayAccount
from sandbox.alipay.errors import ApiError, failed, invalid
from sandbox.alipay.forms import BEIJING, read_instant, write_instant
from sandbox.faults import Fault
from sandbox.gateway import Gateway, current_gateway
from sandbox.shapes import Misshapen, notify_url
from sandbox.wechat.views import dropped, pause

alipay = Blueprint("alipay", __name__)

SKEW_SECONDS = 15 * 60
_PAID_BEFORE_ANSWER_SECONDS = 5.0
_COMMON = frozenset(
    {
        "app_id",
        "method",
        "format",
        "charset",
        "sign_type",
        "sign",
        "timestamp",
        "version",
        "biz_content",
        "app_cert_sn",
        "alipay_root_cert_sn",
    }
)
_REQUIRED = _COMMON - {"format", "biz_content"}
_NOT_FOUND = {
    "query": ("ACQ.TRADE_NOT_EXIST", "交易不存在"),
    "query_transfer": ("ORDER_NOT_EXIST", "转账订单不存在"),
}
_ERRORS = {
    "refund_too_old": ("ACQ.TRADE_HAS_FINISHED", "交易已经结束"),
    "transfer_conflict": ("PAYMENT_INFO_INCONSISTENCY", "两次请求商户单号一样，但是参数不一致"),
    "bill_late": ("isp.bill_not_exist", "账单不存在"),
}
_FIXED = {"format": "JSON", "charset": "utf-8", "sign_type": "RSA2", "version": "1.0"}


@dataclass(frozen=True)
class Call:
    """One authenticated call with the faults that hit it."""

    gateway: Gateway
    account: AlipayAccount
    faults: Mapping[str, Fault]
    parameters: Mapping[str, str]
    content: Any

    @property
    def now(self) -> float:
        """Business time, at each look."""
        return self.gateway.clock.now()


@dataclass(frozen=True)
class Method:
    """What a method is called in faults, what it does, and its parameters beside the common."""

    operation: str
    effect: Callable[[Call], dict[str, Any]]
    extra: frozenset[str] = frozenset()
    has_code: bool = True


@alipay.route("/gateway.do", methods=["GET", "POST"])
def gateway_do() -> Response:
    """Serve the OpenAPI; every answer is a 200."""
    gateway = current_gateway()
    parameters = {**request.args.to_dict(), **request.form.to_dict()}
    name = parameters.get("method", "")
    method = METHODS.get(name)
    account: AlipayAccount | None = None
    faults: Mapping[str, Fault] = {}
    key = f"{name.replace('.', '_')}_response"
    try:
        account = _account(gateway, parameters)
        _authenticate(account, parameters)
        if method is None:
            raise invalid("isv.invalid-method", "不存在的方法名")
        _check_parameters(method, parameters)
        faults = gateway.faults.draw(method.operation, account.seller_id)
        call = Call(gateway, account, faults, parameters, _content(parameters))
        payload = _strike(method, call)
    except ApiError as problem:
        payload = problem.payload()
        if method is None or not method.has_code:
            key = "error_response"
    if payload is None:
        return dropped()
    return _signed(account, key, payload, is_spoilt="bad_signature" in faults)


def _account(gateway: Gateway, parameters: Mapping[str, str]) -> AlipayAccount:
    missing = sorted(_REQUIRED - set(parameters))
    if missing:
        raise ApiError("40001", f"isv.missing-{missing[0].replace('_', '-')}", "缺少必选参数")
    account = gateway.alipay_accounts.find_app(parameters["app_id"])
    if account is None:
        raise invalid("isv.invalid-app-id", "无效的AppID参数")
    return account


def _authenticate(account: AlipayAccount, parameters: Mapping[str, str]) -> None:
    """Check certificates' numbers, signature and timestamp (real Beijing time)."""
    for name, expected in _FIXED.items():
        if parameters.get(name, expected) != expected:
            raise invalid(f"isv.invalid-{name.replace('_', '-')}", f"无效的{name}参数")
    if parameters["app_cert_sn"] != account.app_cert_sn:
        raise invalid("isv.invalid-app-cert-sn", "应用公钥证书SN错误")
    if parameters["alipay_root_cert_sn"] != account.root_cert_sn:
        raise invalid("isv.invalid-alipay-root-cert-sn", "支付宝根证书SN错误")
    content = "&".join(
        f"{name}={parameters[name]}" for name in sorted(parameters) if name != "sign"
    )
    if not keys.is_signed_by(account.app_public_key, content, parameters["sign"]):
        raise invalid("isv.invalid-signature", "验签出错，请检查签名")
    try:
        skew = abs(time.time() - read_instant(parameters["timestamp"]))
    except ValueError:
        raise invalid("isv.invalid-timestamp", "非法的时间戳参数") from None
    if skew > SKEW_SECONDS:
        raise invalid(
            "isv.invalid-timestamp", f"时间戳与{BEIJING}的{write_instant(time.time())}相差过大"
        )


def _check_parameters(method: Method, parameters: Mapping[str, str]) -> None:
    unknown = sorted(set(parameters) - _COMMON - method.extra)
    if unknown:
        raise invalid("isv.invalid-parameter", f"{unknown[0]} is not a known parameter")
    if "notify_url" in parameters:
        try:
            notify_url(parameters["notify_url"], "notify_url")
        except Misshapen as problem:
            raise invalid("isv.invalid-notify-url", str(problem)) from None


def _content(parameters: Mapping[str, str]) -> Any:
    try:
        return json.loads(parameters.get("biz_content", "{}"))
    except ValueError:
        raise invalid("isv.invalid-json", "biz_content 不是合法的JSON") from None


def _strike(method: Method, call: Call) -> dict[str, Any] | None:
    """Run the effect between the faults; None is a connection that goes away."""
    faults = call.faults
    pause(faults, "latency")
    if "drop_before" in faults:
        return None
    if "error_before" in faults:
        return _system_error().payload()
    if "frequency_limited" in faults:
        raise ApiError("40005", "isv.app-call-limited", "应用调用次数超限")
    payload: dict[str, Any]
    try:
        _refuse_by_fault(method.operation, faults)
        payload = method.effect(call)
        payload = lies.tell(faults, payload)
        if method.has_code:
            payload = {"code": "10000", "msg": "Success", **payload}
    except ApiError as problem:
        if not method.has_code:
            raise
        payload = problem.payload()
    call.gateway.courier.wake()
    pause(faults, "latency_after")
    if "drop_after" in faults:
        return None
    return _system_error().payload() if "error_after" in faults else payload


def _refuse_by_fault(operation: str, faults: Mapping[str, Fault]) -> None:
    """Refuse as the faults say that stand for one error. Raises ApiError."""
    if "not_found" in faults and operation in _NOT_FOUND:
        raise failed(*_NOT_FOUND[operation])
    for name, error in _ERRORS.items():
        if name in faults:
            raise failed(*error)


def _system_error() -> ApiError:
    return ApiError("20000", "aop.ACQ.SYSTEM_ERROR", "系统异常")


def _signed(
    account: AlipayAccount | None, key: str, payload: dict[str, Any], *, is_spoilt: bool
) -> Response:
    """Write the answer as Alipay does: slashes escaped, the inner text signed as it stands."""
    text = keys.write_json(payload, separators=(",", ":")).replace("/", "\\/")
    body = f'{{"{key}":{text}'
    if account is not None:
        signature = keys.sign(account.alipay_key, f"{text} " if is_spoilt else text)
        body += f',"alipay_cert_sn":"{account.alipay_cert_sn}","sign":"{signature}"'
    return Response(f"{body}}}", content_type="text/html;charset=utf-8")


def _log_in(call: Call) -> dict[str, Any]:
    if call.parameters.get("grant_type") != "authorization_code":
        raise invalid("isv.grant-type-invalid", "grant_type参数不正确")
    with call.gateway.store.transaction() as db:
        row = db.execute(
            "SELECT open_id, used_at FROM alipay_codes WHERE code = ? AND app_id = ?",
            (call.parameters.get("code", ""), call.account.app_id),
        ).fetchone()
        if row is None or row["used_at"] is not None:
            raise invalid("isv.code-invalid", "授权码code无效")
        db.execute(
            "UPDATE alipay_codes SET used_at = ? WHERE code = ?",
            (call.now, call.parameters["code"]),
        )
    return {
        "access_token": f"authbseB{keys.random_text(32)}",
        "auth_start": write_instant(call.now),
        "expires_in": 1296000,
        "open_id": row["open_id"],
        "re_expires_in": 2592000,
        "refresh_token": f"authbseB{keys.random_text(32)}",
    }


def _create(call: Call) -> dict[str, Any]:
    with call.gateway.store.transaction() as db:
        created = trades.create(
            db, call.account, call.content, call.parameters.get("notify_url"), call.now
        )
    if {"paid_before_answer", "callback_before_answer"} & set(call.faults):
        _pay(call)
        _await_notification(call)
    return created


def _pay(call: Call, states: tuple[str, ...] = (trades.UNPAID,)) -> None:
    with call.gateway.store.transaction() as db:
        trade = trades.find_named(db, call.account, call.content, call.now)
        if trade["status"] in states and trade["paid_at"] is None:
            trades.pay(db, trade, call.now)
    call.gateway.courier.wake()


def _await_notification(call: Call) -> None:
    until = time.monotonic() + _PAID_BEFORE_ANSWER_SECONDS
    while time.monotonic() < until:
        with call.gateway.store.snapshot() as db:
            row = db.execute(
                "SELECT max(attempts) AS attempts FROM callbacks"
                " WHERE mchid = ? AND out_trade_no = ?",
                (call.account.seller_id, call.content["out_trade_no"]),
            ).fetchone()
        if row["attempts"]:
            return
        time.sleep(0.005)


def _query(call: Call) -> dict[str, Any]:
    with call.gateway.store.transaction() as db:
        return trades.query(db, call.account, call.content, call.now)


def _close(call: Call) -> dict[str, Any]:
    if "paid_at_close" in call.faults:
        _pay(call)
    with call.gateway.store.transaction() as db:
        closed = trades.close(db, call.account, call.content, call.now)
    if "closed_then_paid" in call.faults:
        _pay(call, (trades.CLOSED,))
    return closed


def _refund(call: Call) -> dict[str, Any]:
    if "not_enough" in call.faults:
        raise failed("ACQ.SELLER_BALANCE_NOT_ENOUGH", "卖家余额不足")
    with call.gateway.store.transaction() as db:
        return refunding.refund(db, call.account, call.content, call.now)


def _query_refund(call: Call) -> dict[str, Any]:
    if "not_found" in call.faults:
        return {}
    with call.gateway.store.transaction() as db:
        return refunding.query(db, call.account, call.content, call.now)


def _transfer(call: Call) -> dict[str, Any]:
    if "not_enough" in call.faults:
        raise failed("PAYER_BALANCE_NOT_ENOUGH", "付款方余额不足")
    with call.gateway.store.transaction() as db:
        answer = transfers.transfer(db, call.account, call.content, call.now)
        fate = _fate(call.faults)
        if fate is None or answer["status"] != "SUCCESS":
            return answer
        row = transfers.find(db, call.account.seller_id, answer["out_biz_no"])
        transfers.end(db, row, *fate)
        return transfers.transfer(db, call.account, call.content, call.now)


def _fate(faults: Mapping[str, Fault]) -> tuple[str, str | None] | None:
    """Say what becomes of a transfer by fault: its status, and the reason."""
    if "transfer_stuck" in faults:
        return "DEALING", None
    if "transfer_fails" in faults:
        return "FAIL", faults["transfer_fails"].reason or "PAYEE_ACC_OCUPIED"
    return None


def _query_transfer(call: Call) -> dict[str, Any]:
    with call.gateway.store.snapshot() as db:
        return transfers.query(db, call.account, call.content)


def _offer_bill(call: Call) -> dict[str, Any]:
    struck = sorted(bills.FALSIFIED & set(call.faults))
    with call.gateway.store.transaction() as db:
        token = bills.offer(db, call.account, call.content, call.now, time.time(), struck)
    host = request.host_url.rstrip("/")
    return {"bill_download_url": f"{host}/downloadBillFile.resource?fileId={token}&bizType=trade"}


@alipay.get("/downloadBillFile.resource")
def download_bill() -> Response:
    """Download the bill a link was given for."""
    gateway = current_gateway()
    with gateway.store.snapshot() as db:
        packed = bills.download(
            db, request.args.get("fileId", ""), gateway.clock.now(), time.time()
        )
    if packed is None:
        return Response("链接已失效", status=403, content_type="text/html;charset=utf-8")
    return Response(packed, content_type="application/zip")


METHODS = {
    "alipay.system.oauth.token": Method(
        "code2session", _log_in, frozenset({"grant_type", "code"}), has_code=False
    ),
    "alipay.trade.create": Method("prepay", _create, frozenset({"notify_url"})),
    "alipay.trade.query": Method("query", _query),
    "alipay.trade.close": Method("close", _close, frozenset({"notify_url"})),
    "alipay.trade.refund": Method("refund", _refund),
    "alipay.trade.fastpay.refund.query": Method("query_refund", _query_refund),
    "alipay.fund.trans.uni.transfer": Method("transfer", _transfer),
    "alipay.fund.trans.common.query": Method("query_transfer", _query_transfer),
    "alipay.data.dataservice.bill.downloadurl.query": Method("bill", _offer_bill),
}
