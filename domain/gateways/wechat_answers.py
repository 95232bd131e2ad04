"""WeChat Pay's answers and errors in the product's words.

Codes are compared without underscores: official pages do not agree on them. Whatever is not listed
is unknown. An error's word counts only if it is signed, but for the two that say it was not heard.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from domain.errors import GatewayFailed
from domain.gateways.errors import (
    BillNotReady,
    GatewayConflict,
    GatewayNeedsFunds,
    GatewayRejected,
    GatewayRetryable,
    GatewayUnknown,
)
from domain.gateways.protocol import (
    GatewayPayment,
    GatewayRefund,
    PaymentStatus,
    RefundStatus,
)
from domain.money import Fen

_CLASSES: Mapping[str, type[GatewayFailed]] = {
    "FREQUENCYLIMITED": GatewayRetryable,
    "FREQUENCYLIMIT": GatewayRetryable,
    "FREQUENCYLIMITEXCEED": GatewayRetryable,
    "RATELIMITEXCEEDED": GatewayRetryable,
    "STATEMENTCREATING": BillNotReady,
    "NOTENOUGH": GatewayNeedsFunds,
    "OUTTRADENOUSED": GatewayConflict,
    "ALREADYEXISTS": GatewayConflict,
    "PARAMERROR": GatewayRejected,
    "INVALIDREQUEST": GatewayRejected,
    "SIGNERROR": GatewayRejected,
    "NOAUTH": GatewayRejected,
    "MCHNOTEXISTS": GatewayRejected,
    "APPIDMCHIDNOTMATCH": GatewayRejected,
    "ORDERCLOSED": GatewayRejected,
    "RULELIMIT": GatewayRejected,
    "RESOURCENOTEXISTS": GatewayRejected,
    "NOTFOUND": GatewayRejected,
    "USERACCOUNTABNORMAL": GatewayRejected,
}
# INVALID_REQUEST covers three things that only its message tells apart.
_CHANGED = "不一致"
_PAID = "已支付"
_UNSIGNED_IS_ENOUGH = {
    (401, "SIGNERROR"),
    (429, "FREQUENCYLIMITED"),
    (429, "FREQUENCYLIMITEXCEED"),
    (429, "RATELIMITEXCEEDED"),
}

_PAYMENT_STATUS = {
    "NOTPAY": PaymentStatus.PENDING,
    "SUCCESS": PaymentStatus.PAID,
    "REFUND": PaymentStatus.REFUNDING,
    "CLOSED": PaymentStatus.CLOSED,
}
_REFUND_STATUS = {
    "PROCESSING": RefundStatus.PROCESSING,
    "SUCCESS": RefundStatus.SUCCESS,
    "ABNORMAL": RefundStatus.ABNORMAL,
    "CLOSED": RefundStatus.CLOSED,
    "CLOSE": RefundStatus.CLOSED,
}


class Malformed(Exception):
    """An answer, or a callback, does not say what it must."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer of the gateway."""

    operation: str
    status: int
    body: Mapping[str, Any]
    is_signed: bool

    @property
    def is_ok(self) -> bool:
        """Success, by HTTP."""
        return 200 <= self.status < 300

    @property
    def code(self) -> str:
        """The error code without underscores; empty if it may not be believed."""
        code = str(self.body.get("code", "")).replace("_", "").upper()
        return code if self.is_signed or (self.status, code) in _UNSIGNED_IS_ENOUGH else ""


def failure(answer: Answer) -> GatewayFailed:
    """Return the error that an answer other than success stands for."""
    return _class_of(answer)(
        message=f"wechat {answer.operation}: {answer.status} {answer.body.get('code')}",
        operation=answer.operation,
        http_status=answer.status,
        gateway_code=answer.body.get("code"),
        gateway_message=answer.body.get("message"),
    )


def _class_of(answer: Answer) -> type[GatewayFailed]:
    if answer.status >= 500:
        return GatewayUnknown
    if answer.code == "INVALIDREQUEST":
        message = str(answer.body.get("message", ""))
        if _CHANGED in message:
            return GatewayConflict
        if _PAID in message:
            return GatewayUnknown
    return _CLASSES.get(answer.code, GatewayUnknown)


def read_payment(body: Mapping[str, Any]) -> GatewayPayment:
    """Read an order, from an answer or a callback. Raises Malformed."""
    status = _PAYMENT_STATUS.get(body.get("trade_state", ""))
    if status is None:
        raise Malformed(f"trade_state {body.get('trade_state')}")
    out_trade_no = read_text(body, "out_trade_no")
    if status not in {PaymentStatus.PAID, PaymentStatus.REFUNDING}:
        return GatewayPayment(out_trade_no, status)
    return GatewayPayment(
        out_trade_no=out_trade_no,
        status=status,
        transaction_id=read_text(body, "transaction_id"),
        payer_id=read_text(read_part(body, "payer"), "openid"),
        amount_fen=read_fen(read_part(body, "amount"), "total"),
        succeeded_at=read_instant(body, "success_time"),
    )


def read_refund(body: Mapping[str, Any], *, status_field: str) -> GatewayRefund:
    """Read a refund: its state is `status` in answers, `refund_status` in callbacks.

    Raises Malformed.
    """
    status = _REFUND_STATUS.get(body.get(status_field, ""))
    if status is None:
        raise Malformed(f"{status_field} {body.get(status_field)}")
    return GatewayRefund(
        out_refund_no=read_text(body, "out_refund_no"),
        status=status,
        refund_id=read_text(body, "refund_id"),
        out_trade_no=read_text(body, "out_trade_no"),
        amount_fen=read_fen(read_part(body, "amount"), "refund"),
        succeeded_at=read_instant(body, "success_time") if status is RefundStatus.SUCCESS else None,
    )


def read_text(body: Mapping[str, Any], name: str) -> str:
    """Read a field that must be a text. Raises Malformed."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise Malformed(f"{name} is missing")
    return value


def read_part(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Read a field that must be an object. Raises Malformed."""
    value = body.get(name)
    if not isinstance(value, dict):
        raise Malformed(f"{name} is missing")
    return value


def read_fen(body: Mapping[str, Any], name: str) -> Fen:
    """Read a field that must be an amount in fen. Raises Malformed."""
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Malformed(f"{name} is no amount")
    return Fen(value)


def read_instant(body: Mapping[str, Any], name: str) -> datetime:
    """Read a field that must be an RFC 3339 instant. Raises Malformed."""
    try:
        instant = datetime.fromisoformat(read_text(body, name))
    except ValueError:
        raise Malformed(f"{name} is no instant") from None
    if instant.tzinfo is None:
        raise Malformed(f"{name} has no offset from UTC")
    return instant.astimezone(UTC)
