"""WeChat Pay's answers and errors in the product's words.

Codes are compared without underscores: official pages do not agree on them. Whatever is not listed
is unknown. An error's word counts only if it is signed, but for the two that say it was not heard.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
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
from domain.gateways.reading import (
    Contradiction,
    Malformed,
    find_fen,
    find_part,
    find_text,
    read_fen,
    read_instant,
    read_part,
    read_text,
    read_word,
)

CURRENCY = "CNY"
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
    """Read an order, from an answer or a callback; what is needed, and what can be compared.

    Raises Malformed.
    """
    said = read_word(body, "trade_state")
    status = _PAYMENT_STATUS.get(said)
    if status is None:
        raise Malformed(f"trade_state {said}")
    out_trade_no = read_text(body, "out_trade_no")
    if status not in {PaymentStatus.PAID, PaymentStatus.REFUNDING}:
        return GatewayPayment(out_trade_no, status)
    amount = read_part(body, "amount")
    return GatewayPayment(
        out_trade_no=out_trade_no,
        status=status,
        transaction_id=read_text(body, "transaction_id"),
        payer_id=find_text(find_part(body, "payer"), "openid"),
        amount_fen=read_fen(amount, "total"),
        currency=find_text(amount, "currency"),
        succeeded_at=read_instant(body, "success_time"),
    )


def read_refund(body: Mapping[str, Any], *, status_field: str) -> GatewayRefund:
    """Read a refund: its state is `status` in answers, `refund_status` in callbacks.

    Raises Malformed.
    """
    said = read_word(body, status_field)
    status = _REFUND_STATUS.get(said)
    if status is None:
        raise Malformed(f"{status_field} {said}")
    amount = find_part(body, "amount")
    has_ended = status is RefundStatus.SUCCESS and body.get("success_time")
    return GatewayRefund(
        out_refund_no=read_text(body, "out_refund_no"),
        status=status,
        refund_id=find_text(body, "refund_id"),
        out_trade_no=find_text(body, "out_trade_no"),
        transaction_id=find_text(body, "transaction_id"),
        amount_fen=find_fen(amount, "refund"),
        total_fen=find_fen(amount, "total"),
        currency=find_text(amount, "currency"),
        succeeded_at=read_instant(body, "success_time") if has_ended else None,
    )


def compare_account(
    body: Mapping[str, Any], *, mch_no: str, app_ids: Collection[str] = (), field: str = "mchid"
) -> None:
    """Compare the merchant number and the app that an answer names, if it does.

    Raises Contradiction.
    """
    said = find_text(body, field)
    if said is not None and said != mch_no:
        raise Contradiction(mch_no=(mch_no, said))
    app_id = find_text(body, "appid")
    if app_ids and app_id is not None and app_id not in app_ids:
        raise Contradiction(app_id=(", ".join(sorted(app_ids)), app_id))


def compare_currency(amount: Mapping[str, Any]) -> None:
    """Compare the currency that an amount names, if it does. Raises Contradiction."""
    said = find_text(amount, "currency")
    if said is not None and said != CURRENCY:
        raise Contradiction(currency=(CURRENCY, said))
