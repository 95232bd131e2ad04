"""The mini-program's server API: who logs in, telephone numbers, ways in, messages, shipping."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, TypeVar

import httpx

from domain import clock
from domain.config import Settings, settings
from domain.gateways.errors import (
    GatewayRejected,
    GatewayUnknown,
    LoginCodeRefused,
    PhoneCodeRefused,
)
from domain.gateways.miniprogram_http import (
    TOKEN_ERRORS,
    Refusal,
    ask,
    exchange,
    failed,
    read_json,
    read_text,
)
from domain.gateways.miniprogram_token import AppKeys, access_token

T = TypeVar("T")

_CODE_UNKNOWN, _CODE_USED = 40029, 40163
_USER_REFUSED = 43101
_SHIPPING_UNCHANGED = 10060023
_IMAGES = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"))
_BY_TRANSACTION = 2
_UNIFIED, _SPLIT = 1, 2
_EXPRESS = 1
MOST_LINK_DAYS = 30
MOST_ITEM_TEXT = 120


class MessageResult(StrEnum):
    """How sending a message ended: REFUSED by the shopper, FAILED for any other sure reason."""

    SENT = "sent"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class CodeImage:
    """A picture to scan: PNG or JPEG, as WeChat chose."""

    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Parcel:
    """What goes out with a courier; `receiver_contact` shows its last four digits only."""

    courier: str
    tracking_no: str
    items: str
    receiver_contact: str = ""


@dataclass(frozen=True, slots=True)
class Shipment:
    """An order on its way: all of it in one parcel, or some parcels of it.

    `transaction_no` is WeChat Pay's, `payer_id` who paid it in the mini-program.
    """

    transaction_no: str
    payer_id: str
    parcels: Sequence[Parcel]
    is_complete: bool
    told_at: datetime


def code2session(app_id: str, secret: str, code: str, *, config: Settings | None = None) -> str:
    """Trade a login code for the shopper's openid; the session key goes no further than here.

    A code works once. Raises LoginCodeRefused, GatewayUnknown (no answer: log in again),
    GatewayRetryable (quota) or GatewayRejected (app id or secret).
    """
    parameters = {
        "appid": app_id,
        "secret": secret,
        "js_code": code,
        "grant_type": "authorization_code",
    }
    operation = "code2session"
    try:
        answer = ask(
            operation, "GET", "/sns/jscode2session", config=config or settings(), query=parameters
        )
    except Refusal as refusal:
        if refusal.code in {_CODE_UNKNOWN, _CODE_USED}:
            raise LoginCodeRefused(message=str(refusal)) from None
        raise refusal.failure() from None
    return read_text(operation, answer, "openid")


@dataclass(frozen=True, slots=True)
class MiniProgram:
    """What a mini-program's server asks of WeChat with its access token; not in a transaction.

    Each call raises GatewayUnknown, GatewayRetryable or GatewayRejected, and what it says itself.
    A token that is refused is replaced once, and the call repeated once.
    """

    app_id: str
    secret: str = field(repr=False)
    config: Settings = field(default_factory=settings, repr=False)

    def phone_number(self, code: str) -> str:
        """Trade a code of the telephone button for the number: `+`, country and digits.

        A code works once, for five minutes. Raises PhoneCodeRefused.
        """
        operation = "phone_number"
        try:
            answer = self._ask(operation, "/wxa/business/getuserphonenumber", {"code": code})
        except Refusal as refusal:
            if refusal.code in {_CODE_UNKNOWN, _CODE_USED}:
                raise PhoneCodeRefused(field="code") from None
            raise refusal.failure() from None
        told = answer.get("phone_info")
        if not isinstance(told, dict):
            raise failed(GatewayUnknown, operation, "no phone_info")
        country = read_text(operation, told, "countryCode")
        return f"+{country}{read_text(operation, told, 'purePhoneNumber')}"

    def qr_code(self, scene: str, page: str) -> CodeImage:
        """Draw a code that leads to a page; `scene` is up to 32 letters, digits and marks."""
        operation = "qr_code"
        try:
            return self._with_token(
                lambda token: _image_of(
                    operation,
                    exchange(
                        operation,
                        "POST",
                        "/wxa/getwxacodeunlimit",
                        config=self.config,
                        query={"access_token": token},
                        body={"scene": scene, "page": page},
                    ),
                )
            )
        except Refusal as refusal:
            raise refusal.failure() from None

    def url_link(self, path: str, query: str, *, days: int = MOST_LINK_DAYS) -> str:
        """Make a link that opens a page from outside WeChat; good for 1 to 30 days."""
        operation = "url_link"
        body = {"path": path, "query": query, "expire_type": 1, "expire_interval": days}
        try:
            answer = self._ask(operation, "/wxa/generate_urllink", body)
        except Refusal as refusal:
            raise refusal.failure() from None
        return read_text(operation, answer, "url_link")

    def send_subscribe_message(
        self,
        openid: str,
        template_id: str,
        *,
        page: str,
        data: Mapping[str, str],
        language: Literal["zh", "en"] = "zh",
    ) -> MessageResult:
        """Send a message the shopper agreed to: a consent is good for one.

        Raises GatewayUnknown or GatewayRetryable where it may be tried again; never for a refusal.
        """
        body = {
            "touser": openid,
            "template_id": template_id,
            "page": page,
            "lang": "zh_CN" if language == "zh" else "en_US",
            "data": {name: {"value": value} for name, value in data.items()},
        }
        try:
            self._ask("send_message", "/cgi-bin/message/subscribe/send", body)
        except Refusal as refusal:
            if refusal.code == _USER_REFUSED:
                return MessageResult.REFUSED
            failure = refusal.failure()
            if isinstance(failure, GatewayRejected):
                return MessageResult.FAILED
            raise failure from None
        except GatewayRejected:
            return MessageResult.FAILED
        return MessageResult.SENT

    def upload_shipping(self, shipment: Shipment) -> None:
        """Tell WeChat that a paid order goes out; the same told again changes nothing.

        What is complete may be told differently once; after that it is GatewayRejected.
        """
        try:
            self._ask("upload_shipping", "/wxa/sec/order/upload_shipping_info", _upload(shipment))
        except Refusal as refusal:
            if refusal.code != _SHIPPING_UNCHANGED:
                raise refusal.failure() from None

    def _ask(self, operation: str, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._with_token(
            lambda token: ask(
                operation,
                "POST",
                path,
                config=self.config,
                query={"access_token": token},
                body=body,
            )
        )

    def _with_token(self, call: Callable[[str], T]) -> T:
        keys = AppKeys(self.app_id, self.secret)
        token = access_token(keys, config=self.config)
        try:
            return call(token)
        except Refusal as refusal:
            if refusal.code not in TOKEN_ERRORS:
                raise
        return call(access_token(keys, config=self.config, refused=token))


def _image_of(operation: str, response: httpx.Response) -> CodeImage:
    """Read a picture, or the JSON that came in its place. Raises Refusal or GatewayUnknown."""
    for signature, media_type in _IMAGES:
        if response.content.startswith(signature):
            return CodeImage(media_type, response.content)
    read_json(operation, response)
    raise failed(GatewayUnknown, operation, "no picture")


def _upload(shipment: Shipment) -> dict[str, Any]:
    is_split = len(shipment.parcels) != 1 or not shipment.is_complete
    told: dict[str, Any] = {
        "order_key": {
            "order_number_type": _BY_TRANSACTION,
            "transaction_id": shipment.transaction_no,
        },
        "logistics_type": _EXPRESS,
        "delivery_mode": _SPLIT if is_split else _UNIFIED,
        "shipping_list": [_parcel(parcel) for parcel in shipment.parcels],
        "upload_time": shipment.told_at.astimezone(clock.SHANGHAI).isoformat(
            timespec="milliseconds"
        ),
        "payer": {"openid": shipment.payer_id},
    }
    return {**told, "is_all_delivered": shipment.is_complete} if is_split else told


def _parcel(parcel: Parcel) -> dict[str, Any]:
    told: dict[str, Any] = {
        "tracking_no": parcel.tracking_no,
        "express_company": parcel.courier,
        "item_desc": parcel.items[:MOST_ITEM_TEXT],
    }
    if parcel.receiver_contact:
        told["contact"] = {"receiver_contact": parcel.receiver_contact}
    return told
