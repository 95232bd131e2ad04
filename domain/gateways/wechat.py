"""WeChat Pay v3 for one merchant account: JSAPI orders of mini-programs, refunds, callbacks."""

import json
import re
import secrets
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, TypeVar

from domain.clock import SHANGHAI, real_now
from domain.gateways.errors import GatewayUnknown, InvalidCallback
from domain.gateways.protocol import (
    CloseResult,
    GatewayCredentials,
    GatewayPayment,
    GatewayRefund,
    PaymentEvent,
    PaymentStatus,
    PrepayRequest,
    PrepayResult,
    RefundEvent,
    RefundRequest,
    RefundStatus,
)
from domain.gateways.wechat_answers import (
    Answer,
    Malformed,
    failure,
    read_part,
    read_payment,
    read_refund,
    read_text,
)
from domain.gateways.wechat_sdk import WeChatSdk

SKEW_SECONDS = 300
T = TypeVar("T")
_SIGNED_HEADERS = (
    "Wechatpay-Timestamp",
    "Wechatpay-Nonce",
    "Wechatpay-Signature",
    "Wechatpay-Signature-Type",
    "Wechatpay-Serial",
)
# The SDK formats numbers into paths: only characters that mean nothing there.
_NUMBER = re.compile(r"[0-9A-Za-z]{6,32}")
_NOT_FOUND = "ORDERNOTEXIST"
_REFUND_NOT_FOUND = "RESOURCENOTEXISTS"
_CLOSE_RESULTS = {
    "ORDERPAID": CloseResult.ALREADY_PAID,
    "ORDERCLOSED": CloseResult.CLOSED,
    _NOT_FOUND: CloseResult.NOT_FOUND,
}


class WeChatPayments:
    """A `PaymentProvider`; safe for use by several threads."""

    name = "wechat"

    def __init__(
        self, credentials: GatewayCredentials, sdk: WeChatSdk, app_ids: Collection[str]
    ) -> None:
        self._mch_no = credentials.mch_no
        self._app_ids = {credentials.app_id, *app_ids}
        self._public_key_id = credentials.platform_public_key_id
        self._sdk = sdk

    def prepay(self, request: PrepayRequest) -> PrepayResult:
        """Place an order; the number may be repeated with the same parameters only."""
        expires_at = request.expires_at.astimezone(SHANGHAI).isoformat(timespec="seconds")
        answer = self._ask(
            "prepay",
            lambda: self._sdk.client.pay(
                appid=request.app_id,
                description=request.description[:127],
                out_trade_no=_number(request.out_trade_no),
                amount={"total": int(request.amount_fen), "currency": "CNY"},
                payer={"openid": request.payer_id},
                time_expire=expires_at,
                notify_url=request.notify_url,
            ),
        )
        return _read(answer, lambda body: PrepayResult(read_text(body, "prepay_id")))

    def client_parameters(self, prepay_id: str, app_id: str) -> dict[str, str]:
        """Sign `wx.requestPayment`'s parameters: RSA-SHA256 over four lines (v3 docs, paySign)."""
        at = str(int(real_now().timestamp()))
        nonce = secrets.token_hex(16)
        package = f"prepay_id={prepay_id}"
        return {
            "appId": app_id,
            "timeStamp": at,
            "nonceStr": nonce,
            "package": package,
            "signType": "RSA",
            "paySign": self._sdk.client.sign([app_id, at, nonce, package]),
        }

    def query(self, out_trade_no: str) -> GatewayPayment:
        """Ask how an order stands."""
        answer = self._ask(
            "query", lambda: self._sdk.client.query(out_trade_no=_number(out_trade_no))
        )
        if answer.code == _NOT_FOUND:
            return GatewayPayment(out_trade_no, PaymentStatus.NOT_FOUND)
        return _read(answer, lambda body: self._own_payment(body, out_trade_no))

    def close(self, out_trade_no: str) -> CloseResult:
        """Close an order that is not paid."""
        answer = self._ask("close", lambda: self._sdk.client.close(_number(out_trade_no)))
        if answer.is_ok:
            return CloseResult.CLOSED
        if answer.code in _CLOSE_RESULTS:
            return _CLOSE_RESULTS[answer.code]
        raise failure(answer)

    def refund(self, request: RefundRequest) -> GatewayRefund:
        """Ask for a refund; the answer says accepted, not arrived."""
        answer = self._ask(
            "refund",
            lambda: self._sdk.client.refund(
                out_refund_no=_number(request.out_refund_no),
                out_trade_no=_number(request.out_trade_no),
                amount={
                    "refund": int(request.amount_fen),
                    "total": int(request.total_fen),
                    "currency": "CNY",
                },
                reason=request.reason[:80],
                notify_url=request.notify_url,
            ),
        )
        return _read(answer, lambda body: _own_refund(body, request.out_refund_no))

    def query_refund(self, out_refund_no: str) -> GatewayRefund:
        """Ask how a refund stands."""
        answer = self._ask(
            "query_refund", lambda: self._sdk.client.query_refund(_number(out_refund_no))
        )
        if answer.code == _REFUND_NOT_FOUND:
            return GatewayRefund(out_refund_no, RefundStatus.NOT_FOUND)
        return _read(answer, lambda body: _own_refund(body, out_refund_no))

    def parse_callback(
        self, headers: Mapping[str, str], raw_body: bytes, now_real: datetime
    ) -> PaymentEvent | RefundEvent:
        """Verify and open a callback. Raises InvalidCallback, whatever is wrong with it."""
        event = self._open(_signed_headers(headers, now_real), raw_body)
        try:
            event_type, resource = read_text(event, "event_type"), read_part(event, "resource")
            event_id = read_text(event, "id")
            if read_text(resource, "mchid") != self._mch_no:
                raise InvalidCallback(reason="wrong_merchant")
            if event_type.startswith("REFUND."):
                return RefundEvent(event_id, read_refund(resource, status_field="refund_status"))
            if event_type != "TRANSACTION.SUCCESS":
                raise InvalidCallback(reason="unknown_event")
            self._check_payment(resource)
            return PaymentEvent(event_id, _paid(resource))
        except Malformed as problem:
            raise InvalidCallback(reason="unreadable") from problem

    def _open(self, headers: Mapping[str, str], raw_body: bytes) -> Mapping[str, Any]:
        # An unknown serial must not reach the SDK: it would look for certificates.
        if headers["Wechatpay-Serial"] != self._public_key_id:
            raise InvalidCallback(reason="bad_signature")
        try:
            event = self._sdk.client.callback(headers, raw_body)
        except Exception as problem:
            raise InvalidCallback(reason="bad_signature") from problem
        if not isinstance(event, dict):
            raise InvalidCallback(reason="bad_signature")
        return event

    def _check_payment(self, resource: Mapping[str, Any]) -> None:
        if read_text(resource, "appid") not in self._app_ids:
            raise InvalidCallback(reason="wrong_merchant")
        if read_part(resource, "amount").get("currency") != "CNY":
            raise InvalidCallback(reason="wrong_currency")

    def _own_payment(self, body: Mapping[str, Any], out_trade_no: str) -> GatewayPayment:
        payment = read_payment(body)
        mch_no, app_id = read_text(body, "mchid"), read_text(body, "appid")
        about = (mch_no, payment.out_trade_no)
        if about != (self._mch_no, out_trade_no) or app_id not in self._app_ids:
            raise Malformed(f"the answer is about {about} of {app_id}")
        if payment.is_paid and read_part(body, "amount").get("currency") != "CNY":
            raise Malformed("the currency is not CNY")
        return payment

    def _ask(self, operation: str, call: Callable[[], tuple[int, Any]]) -> Answer:
        """Make one SDK call. Raises GatewayUnknown without a well-signed, fresh answer."""
        self._sdk.forget_answer()
        try:
            status, _ = call()
            response = self._sdk.answer()
            if response is None:
                raise LookupError("the SDK did not use the transport it was given")
            text = response.text
            is_signed = _is_fresh(response.headers, real_now()) and (
                200 <= status < 300 or self._sdk.is_signed(response.headers, text)
            )
        except _NumberUnfit:
            raise
        except Exception as problem:
            raise GatewayUnknown(
                message=f"wechat {operation}: {type(problem).__name__}", operation=operation
            ) from problem
        answer = Answer(operation, status, _body(text), is_signed)
        if answer.is_ok and not is_signed:
            raise failure(answer)
        return answer


class _NumberUnfit(ValueError):
    """A number that must not be formatted into a path."""


def _number(number: str) -> str:
    if not _NUMBER.fullmatch(number):
        raise _NumberUnfit(f"{number!r} is not 6 to 32 letters and digits")
    return number


def _body(text: str) -> Mapping[str, Any]:
    try:
        body = json.loads(text) if text else {}
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _read(answer: Answer, read: Callable[[Mapping[str, Any]], T]) -> T:
    if not answer.is_ok:
        raise failure(answer)
    try:
        return read(answer.body)
    except Malformed as problem:
        raise GatewayUnknown(
            message=f"wechat {answer.operation}: {problem}", operation=answer.operation
        ) from problem


def _paid(resource: Mapping[str, Any]) -> GatewayPayment:
    payment = read_payment(resource)
    if not payment.is_paid:
        raise Malformed(f"TRANSACTION.SUCCESS of a {payment.status} order")
    return payment


def _own_refund(body: Mapping[str, Any], out_refund_no: str) -> GatewayRefund:
    refund = read_refund(body, status_field="status")
    if refund.out_refund_no != out_refund_no:
        raise Malformed(f"the answer is about {refund.out_refund_no}")
    return refund


def _signed_headers(headers: Mapping[str, str], now_real: datetime) -> dict[str, str]:
    """Pick the signature's headers, whatever their case. Raises InvalidCallback."""
    given = {name.lower(): value for name, value in headers.items()}
    picked = {name: given.get(name.lower(), "") for name in _SIGNED_HEADERS}
    if not all(picked.values()):
        raise InvalidCallback(reason="unsigned")
    if not _is_fresh(picked, now_real):
        raise InvalidCallback(reason="stale")
    return picked


def _is_fresh(headers: Mapping[str, str], now_real: datetime) -> bool:
    """Say whether it was signed within 5 minutes of now, by real time; the SDK does not look."""
    stamp = headers.get("Wechatpay-Timestamp", "")
    if not (stamp.isascii() and stamp.isdigit()):
        return False
    return abs(now_real.timestamp() - int(stamp)) <= SKEW_SECONDS
