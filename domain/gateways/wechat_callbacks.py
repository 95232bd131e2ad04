"""Callbacks of WeChat Pay: verified, opened, and told in the product's words."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from domain.gateways.errors import InvalidCallback
from domain.gateways.protocol import (
    GatewayEvent,
    GatewayPayment,
    PaymentEvent,
    RefundEvent,
    TransferEvent,
)
from domain.gateways.reading import (
    Contradiction,
    Malformed,
    find_fen,
    find_part,
    read_part,
    read_text,
)
from domain.gateways.wechat_answers import (
    compare_account,
    compare_currency,
    read_payment,
    read_refund,
)
from domain.gateways.wechat_asking import is_fresh
from domain.gateways.wechat_sdk import SIGNED_HEADERS, WeChatSdk
from domain.gateways.wechat_transfers import read_transfer


class WeChatCallbacks:
    """Callbacks to one merchant account."""

    def __init__(self, sdk: WeChatSdk, mch_no: str, app_ids: Collection[str]) -> None:
        self._sdk = sdk
        self._mch_no = mch_no
        self._app_ids = app_ids

    def parse(
        self, headers: Mapping[str, str], raw_body: bytes, now_real: datetime
    ) -> GatewayEvent:
        """Verify and open a callback. Raises InvalidCallback, whatever is wrong with it."""
        event = self._open(_signed_headers(headers, now_real), raw_body)
        try:
            return self._read(event)
        except Malformed as problem:
            raise InvalidCallback(reason=_reason(problem)).about(
                "callback", problem, event
            ) from problem

    def _open(self, headers: Mapping[str, str], raw_body: bytes) -> Mapping[str, Any]:
        try:
            event = self._sdk.open_callback(headers, raw_body)
        except Exception as problem:
            raise InvalidCallback(reason="bad_signature") from problem
        if not isinstance(event, dict):
            raise InvalidCallback(reason="bad_signature")
        return event

    def _read(self, event: Mapping[str, Any]) -> GatewayEvent:
        event_type, resource = read_text(event, "event_type"), read_part(event, "resource")
        event_id = read_text(event, "id")
        if event_type == "MCHTRANSFER.BILL.FINISHED":
            # Transfers spell it otherwise (转账回调通知).
            compare_account(resource, mch_no=self._mch_no, field="mch_id")
            amount_fen = find_fen(resource, "transfer_amount")
            return TransferEvent(event_id, read_transfer(resource, amount_fen=amount_fen))
        compare_account(resource, mch_no=self._mch_no)
        if event_type.startswith("REFUND."):
            return RefundEvent(event_id, read_refund(resource, status_field="refund_status"))
        if event_type != "TRANSACTION.SUCCESS":
            raise UnknownEvent(event_type)
        compare_account(resource, mch_no=self._mch_no, app_ids=self._app_ids)
        compare_currency(find_part(resource, "amount"))
        return PaymentEvent(event_id, _paid(resource))


class UnknownEvent(Malformed):
    """A callback about something that nobody here asked for."""


def _reason(problem: Malformed) -> str:
    if isinstance(problem, UnknownEvent):
        return "unknown_event"
    if not isinstance(problem, Contradiction):
        return "unreadable"
    return "wrong_currency" if "currency" in problem.fields else "wrong_merchant"


def _paid(resource: Mapping[str, Any]) -> GatewayPayment:
    payment = read_payment(resource)
    if not payment.is_paid:
        raise Malformed(f"TRANSACTION.SUCCESS of a {payment.status} order")
    return payment


def _signed_headers(headers: Mapping[str, str], now_real: datetime) -> dict[str, str]:
    """Pick the signature's headers, whatever their case. Raises InvalidCallback."""
    given = {name.lower(): value for name, value in headers.items()}
    picked = {name: given.get(name.lower(), "") for name in SIGNED_HEADERS}
    if not all(picked.values()):
        raise InvalidCallback(reason="unsigned")
    if not is_fresh(picked, now_real):
        raise InvalidCallback(reason="stale")
    return picked
