"""Alipay's notifications: verified, then read. A refund's comes as its trade's, with its number.

Alipay repeats a notification for a day with the same `notify_id`, and does not promise a newer
`notify_time`: so one counts as fresh for as long as it may be repeated, and repeats are harmless
because applying what it says is.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from urllib.parse import parse_qsl

from domain.gateways.alipay_answers import (
    compare_currency,
    find_amount,
    read_at,
    read_payment,
)
from domain.gateways.alipay_forms import unnamed_refund
from domain.gateways.errors import InvalidCallback
from domain.gateways.protocol import GatewayRefund, PaymentEvent, RefundEvent, RefundStatus
from domain.gateways.reading import Contradiction, Malformed, find_text, read_text

# The ladder of tries takes 24h24m (4m 10m 10m 1h 2h 6h 15h), and each try a little.
OLDEST = timedelta(hours=26)
AHEAD = timedelta(minutes=15)
_MOST_FIELDS = 200
_KIND = "trade_status_sync"
IsSigned = Callable[[str, str], bool]


def open_notice(
    raw_body: bytes, now_real: datetime, *, is_signed: IsSigned, app_id: str, seller_id: str
) -> PaymentEvent | RefundEvent:
    """Verify and read a notification. Raises InvalidCallback, whatever is wrong with it."""
    said = _verified(_form(raw_body), now_real, is_signed)
    try:
        _compare_account(said, app_id, seller_id)
        if said.get("notify_type") != _KIND:
            raise InvalidCallback(reason="unknown_event").about(
                "callback", Malformed(f"notify_type {said.get('notify_type')}"), said
            )
        return _event(said)
    except Contradiction as problem:
        reason = "wrong_currency" if "currency" in problem.fields else "wrong_merchant"
        raise InvalidCallback(reason=reason).about("callback", problem, said) from problem
    except Malformed as problem:
        raise InvalidCallback(reason="unreadable").about("callback", problem, said) from problem


def _compare_account(said: Mapping[str, str], app_id: str, seller_id: str) -> None:
    if said.get("app_id") != app_id:
        raise Contradiction(app_id=(app_id, said.get("app_id")))
    if said.get("seller_id") != seller_id:
        raise Contradiction(seller_id=(seller_id, said.get("seller_id")))


def _form(raw_body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            raw_body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError as problem:
        raise InvalidCallback(reason="unreadable") from problem
    said = dict(pairs)
    if len(said) != len(pairs):
        raise InvalidCallback(reason="unreadable")
    return said


def _verified(said: dict[str, str], now_real: datetime, is_signed: IsSigned) -> dict[str, str]:
    """Check the signature over the sorted parameters, and when it was sent."""
    signature, kind = said.pop("sign", ""), said.pop("sign_type", "")
    if not signature or not kind:
        raise InvalidCallback(reason="unsigned")
    content = "&".join(f"{name}={said[name]}" for name in sorted(said))
    if kind != "RSA2" or not is_signed(content, signature):
        raise InvalidCallback(reason="bad_signature")
    try:
        sent_at = read_at(said, "notify_time")
    except Malformed as problem:
        raise InvalidCallback(reason="stale") from problem
    if not -AHEAD <= now_real - sent_at <= OLDEST:
        raise InvalidCallback(reason="stale")
    return said


def _event(said: Mapping[str, str]) -> PaymentEvent | RefundEvent:
    event_id = read_text(said, "notify_id")
    if not said.get("gmt_refund"):
        return PaymentEvent(event_id, read_payment(said, paid_at_field="gmt_payment"))
    # `refund_fee` adds up all refunds of the trade: it does not say what this one came to. A refund
    # made at Alipay's own console may come without a number.
    refund = GatewayRefund(
        out_refund_no=find_text(said, "out_biz_no")
        or unnamed_refund(read_text(said, "trade_no"), read_text(said, "gmt_refund")),
        status=RefundStatus.SUCCESS,
        refund_id=find_text(said, "trade_no"),
        out_trade_no=read_text(said, "out_trade_no"),
        transaction_id=find_text(said, "trade_no"),
        total_fen=find_amount(said, "total_amount"),
        refunded_fen=find_amount(said, "refund_fee"),
        currency=compare_currency(said),
        succeeded_at=read_at(said, "gmt_refund"),
    )
    return RefundEvent(event_id, refund)
