"""Alipay's answers and errors in the product's words.

An answer's word counts only if it is signed; unsigned ones, and sub_codes that are not listed, are
unknown. The signature is over the inner object's very text, so it is cut out, never written again.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from domain.errors import GatewayFailed
from domain.gateways.alipay_forms import read_instant, read_yuan
from domain.gateways.errors import (
    GatewayConflict,
    GatewayNeedsFunds,
    GatewayRejected,
    GatewayRetryable,
    GatewayUnknown,
)
from domain.gateways.protocol import (
    GatewayPayment,
    GatewayRefund,
    GatewayTransfer,
    PaymentStatus,
    RefundStatus,
    TransferStatus,
)
from domain.gateways.reading import (
    Contradiction,
    Malformed,
    find_text,
    read_text,
    read_word,
)
from domain.money import Fen

CURRENCY = "CNY"
TRADE_NOT_EXIST = "ACQ.TRADE_NOT_EXIST"
TRANSFER_NOT_EXIST = "ORDER_NOT_EXIST"
BILL_NOT_EXIST = frozenset({"isp.bill_not_exist", "BILL_NOT_EXIST"})
# What closing a trade is refused with that is not waiting for its buyer: paid, or closed already.
NOT_WAITING = frozenset(
    {"ACQ.TRADE_STATUS_ERROR", "ACQ.REASON_TRADE_STATUS_INVALID", "ACQ.REASON_ILLEGAL_STATUS"}
)
_SUCCESS = "10000"
_ERROR_KEY = "error_response"
_HEAD = re.compile(r'\s*\{\s*"(\w+)"\s*:\s*')
T = TypeVar("T")

# Sub-codes as the pages of the methods list them. Left out on purpose: ACQ.TRADE_HAS_SUCCESS
# (a query tells), SYSTEM_ERROR in all its spellings, REQUEST_PROCESSING.
_CLASSES: Mapping[str, type[GatewayFailed]] = {
    **dict.fromkeys(
        ("isv.app-call-limited", "isv.app-call-exceeded-limit", "isp.call-limited"),
        GatewayRetryable,
    ),
    **dict.fromkeys(
        ("ACQ.SELLER_BALANCE_NOT_ENOUGH", "PAYER_BALANCE_NOT_ENOUGH", "BALANCE_IS_NOT_ENOUGH"),
        GatewayNeedsFunds,
    ),
    **dict.fromkeys(
        (
            "ACQ.CONTEXT_INCONSISTENT",
            "ACQ.DISCORDANT_REPEAT_REQUEST",
            "PAYMENT_INFO_INCONSISTENCY",
        ),
        GatewayConflict,
    ),
    **dict.fromkeys(
        (
            TRADE_NOT_EXIST,
            "ACQ.ACCESS_FORBIDDEN",
            "ACQ.BUYER_ENABLE_STATUS_FORBID",
            "ACQ.BUYER_ERROR",
            "ACQ.BUYER_SELLER_EQUAL",
            "ACQ.EXIST_FORBIDDEN_WORD",
            "ACQ.INVALID_PARAMETER",
            "ACQ.PARTNER_ERROR",
            "ACQ.REASON_TRADE_BEEN_FREEZEN",
            "ACQ.REASON_TRADE_REFUND_FEE_ERR",
            "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL",
            "ACQ.SELLER_BEEN_BLOCKED",
            "ACQ.TOTAL_FEE_EXCEED",
            "ACQ.TRADE_HAS_CLOSE",
            "ACQ.TRADE_HAS_FINISHED",
            "ACQ.TRADE_NOT_ALLOW_REFUND",
            "ACQ.TRADE_STATUS_ERROR",
            TRANSFER_NOT_EXIST,
            "BLOCK_USER_FORBBIDEN_RECIEVE",
            "EXCEED_LIMIT_DM_AMOUNT",
            "EXCEED_LIMIT_MM_AMOUNT",
            "EXCEED_LIMIT_SM_AMOUNT",
            "EXCEED_LIMIT_SM_MIN_AMOUNT",
            "INVALID_PARAMETER",
            "NO_ACCOUNT_RECEIVE_PERMISSION",
            "PAYCARD_UNABLE_PAYMENT",
            "PAYEE_ACCOUNT_STATUS_ERROR",
            "PAYEE_NOT_EXIST",
            "PAYEE_USERINFO_ERROR",
            "PAYEE_USER_INFO_ERROR",
            "PAYER_STATUS_ERROR",
            "PERM_AML_NOT_REALNAME_REV",
            "PERMIT_NON_BANK_LIMIT_PAYEE",
            "PRODUCT_NOT_SIGN",
            "REMARK_HAS_SENSITIVE_WORD",
            "INVAILID_ARGUMENTS",
            "isv.insufficient-isv-permissions",
            "isv.invalid-alipay-root-cert-sn",
            "isv.invalid-app-cert-sn",
            "isv.invalid-app-id",
            "isv.invalid-arguments",
            "isv.invalid-method",
            "isv.invalid-parameter",
            "isv.invalid-signature",
            "isv.invalid-timestamp",
        ),
        GatewayRejected,
    ),
}

_PAID = {"TRADE_SUCCESS", "TRADE_FINISHED"}
_TRANSFER_STATUS = {
    "SUCCESS": TransferStatus.SUCCESS,
    "DEALING": TransferStatus.PROCESSING,
    "WAIT_PAY": TransferStatus.PROCESSING,
    "CLOSED": TransferStatus.CANCELLED,
    "FAIL": TransferStatus.FAILED,
    "REFUND": TransferStatus.FAILED,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the gateway; `body` is empty where it may not be believed."""

    operation: str
    body: Mapping[str, Any]
    is_signed: bool

    @property
    def is_ok(self) -> bool:
        """Success, by its code; a login's answer has none."""
        return self.is_signed and str(self.body.get("code")) == _SUCCESS

    @property
    def sub_code(self) -> str:
        """The reason of a failure; empty if it may not be believed."""
        return str(self.body.get("sub_code", "")) if self.is_signed else ""


def read_answer(
    operation: str, method: str, text: str, is_signed_by_gateway: Callable[[str, str], bool]
) -> Answer:
    """Cut the signed text out of an answer and check it; what fails is an unsigned answer."""
    signed = _signed_part(method, text)
    if signed is None:
        return Answer(operation, {}, is_signed=False)
    body, inner, signature = signed
    if not is_signed_by_gateway(inner, signature):
        return Answer(operation, {}, is_signed=False)
    return Answer(operation, body, is_signed=True)


def _signed_part(method: str, text: str) -> tuple[Mapping[str, Any], str, str] | None:
    """Return the inner object, its text and the signature; None where there is no such."""
    head = _HEAD.match(text)
    if head is None or head[1] not in {f"{method.replace('.', '_')}_response", _ERROR_KEY}:
        return None
    try:
        body, end = json.JSONDecoder().raw_decode(text, head.end())
        signature = json.loads(text).get("sign")
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict) or not isinstance(signature, str) or not signature:
        return None
    return body, text[head.end() : end], signature


def failure(answer: Answer) -> GatewayFailed:
    """Return the error that an answer other than success stands for."""
    code = str(answer.body.get("code"))
    kind = GatewayUnknown if code == "20000" else _CLASSES.get(answer.sub_code, GatewayUnknown)
    return kind(
        message=f"alipay {answer.operation}: {code} {answer.sub_code or 'not signed'}",
        operation=answer.operation,
        gateway_code=answer.sub_code or None,
        gateway_message=answer.body.get("sub_msg"),
    )


def read(answer: Answer, reader: Callable[[Mapping[str, Any]], T]) -> T:
    """Read a success. Raises the answer's failure, or GatewayUnknown where it is malformed."""
    if not answer.is_ok:
        raise failure(answer)
    return read_body(answer, reader)


def read_body(answer: Answer, reader: Callable[[Mapping[str, Any]], T]) -> T:
    """Read an answer's body. Raises GatewayUnknown where it is malformed."""
    try:
        return reader(answer.body)
    except Malformed as problem:
        raise GatewayUnknown(
            message=f"alipay {answer.operation}: {problem}", operation=answer.operation
        ).about(answer.operation, problem, answer.body) from problem


def read_payment(body: Mapping[str, Any], *, paid_at_field: str) -> GatewayPayment:
    """Read a trade: `send_pay_date` is in answers what `gmt_payment` is in notifications.

    A closed trade that was ever paid was refunded in full; Alipay has no other word for it. Raises
    Malformed.
    """
    said = read_text(body, "trade_status")
    out_trade_no = read_text(body, "out_trade_no")
    was_paid = bool(body.get(paid_at_field))
    if said == "WAIT_BUYER_PAY":
        return GatewayPayment(out_trade_no, PaymentStatus.PENDING)
    if said == "TRADE_CLOSED" and not was_paid:
        return GatewayPayment(out_trade_no, PaymentStatus.CLOSED)
    if said not in {*_PAID, "TRADE_CLOSED"}:
        raise Malformed(f"trade_status {said}")
    amount_fen, is_whole = read_amount(body, "total_amount"), said == "TRADE_CLOSED"
    return GatewayPayment(
        out_trade_no=out_trade_no,
        status=PaymentStatus.REFUNDING if is_whole else PaymentStatus.PAID,
        transaction_id=read_text(body, "trade_no"),
        payer_id=_payer(body),
        amount_fen=amount_fen,
        currency=compare_currency(body),
        refunded_fen=amount_fen if is_whole else None,
        succeeded_at=read_at(body, paid_at_field),
    )


def _payer(body: Mapping[str, Any]) -> str | None:
    names = ("buyer_open_id", "buyer_user_id", "buyer_id")
    return next((said for name in names if (said := find_text(body, name))), None)


def compare_currency(body: Mapping[str, Any]) -> str | None:
    """Compare the currency that an answer names, if it does; returns it. Raises Contradiction."""
    said = find_text(body, "trans_currency")
    if said is not None and said != CURRENCY:
        raise Contradiction(currency=(CURRENCY, said))
    return said


def read_refund(body: Mapping[str, Any], out_refund_no: str) -> GatewayRefund:
    """Read the answer to a refund's query, empty where there is no such refund. Raises Malformed.

    Alipay does not number refunds: `refund_id` is the trade's number.
    """
    said = find_text(body, "out_request_no")
    if said is None:
        return GatewayRefund(out_refund_no, RefundStatus.NOT_FOUND)
    if said != out_refund_no:
        raise Contradiction(out_refund_no=(out_refund_no, said))
    compare_currency(body)
    # Without a status it is on its way: old answers say nothing, new ones only REFUND_SUCCESS.
    is_done = body.get("refund_status") == "REFUND_SUCCESS" and bool(body.get("gmt_refund_pay"))
    return GatewayRefund(
        out_refund_no=out_refund_no,
        status=RefundStatus.SUCCESS if is_done else RefundStatus.PROCESSING,
        refund_id=find_text(body, "trade_no"),
        out_trade_no=find_text(body, "out_trade_no"),
        transaction_id=find_text(body, "trade_no"),
        amount_fen=read_amount(body, "refund_amount"),
        total_fen=find_amount(body, "total_amount"),
        succeeded_at=read_at(body, "gmt_refund_pay") if is_done else None,
    )


def read_transfer(
    body: Mapping[str, Any], out_bill_no: str, *, amount_fen: Fen, at_field: str
) -> GatewayTransfer:
    """Read a transfer: `trans_date` is in a request's answer what `pay_date` is in a query's.

    Raises Malformed.
    """
    said, number = read_word(body, "status"), read_text(body, "out_biz_no")
    status = _TRANSFER_STATUS.get(said)
    if status is None:
        raise Malformed(f"status {said}")
    if number != out_bill_no:
        raise Contradiction(out_bill_no=(out_bill_no, number))
    compare_currency(body)
    is_failed = status is TransferStatus.FAILED
    funds = bool(body.get("pay_fund_order_id"))
    ended = status is not TransferStatus.PROCESSING and bool(body.get(at_field))
    return GatewayTransfer(
        out_bill_no=out_bill_no,
        status=status,
        # The number of the movement of funds is the one that bills tell.
        transfer_no=find_text(body, "pay_fund_order_id" if funds else "order_id"),
        amount_fen=amount_fen,
        fail_reason=find_text(body, "error_code") or said if is_failed else None,
        ended_at=read_at(body, at_field) if ended else None,
    )


def read_amount(body: Mapping[str, Any], name: str) -> Fen:
    """Read a field that must be yuan. Raises Malformed."""
    try:
        fen = read_yuan(read_text(body, name))
    except ValueError:
        raise Malformed(f"{name} is no amount") from None
    if fen < 0:
        raise Malformed(f"{name} is below zero")
    return fen


def find_amount(body: Mapping[str, Any], name: str) -> Fen | None:
    """Read yuan, where there are any. Raises Malformed."""
    return None if find_text(body, name) is None else read_amount(body, name)


def read_at(body: Mapping[str, Any], name: str) -> datetime:
    """Read a field that must be an instant. Raises Malformed."""
    try:
        return read_instant(read_text(body, name))
    except ValueError:
        raise Malformed(f"{name} is no instant") from None
