"""What a mini-program's server asks of WeChat with its token."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from domain.errors import GatewayFailed
from domain.gateways import miniprogram
from domain.gateways.errors import (
    GatewayRejected,
    GatewayRetryable,
    GatewayUnknown,
    PhoneCodeRefused,
)
from domain.gateways.miniprogram import CodeImage, MessageResult, Parcel, Shipment
from launcher.addresses import DatabaseUrls
from tests.domain.gateways.apps import App, keep_app
from tests.domain.gateways.conftest import Shop, shop_of
from tests.sandbox_server import Receiver, SandboxServer

TOLD_AT = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture(scope="module")
def kept_app(
    database: DatabaseUrls, shared_sandbox: SandboxServer, shared_keys: dict[str, Any]
) -> App:
    return keep_app(shared_sandbox, shared_sandbox.open_account())


@pytest.fixture
def app(kept_app: App, sandbox: SandboxServer) -> App:
    return kept_app


@pytest.fixture
def shop(app: App, receiver: Receiver) -> Shop:
    """The app's merchant, for orders."""
    return shop_of(app.server, app.keys, receiver.new_url())


def phone_code(app: App, **values: Any) -> str:
    code: str = app.server.post("/phone-codes", appid=app.app_id, **values)["code"]
    return code


def test_phone_code_gives_the_number_with_its_country(app: App) -> None:
    code = phone_code(app, phone="13800138000")

    assert app.program.phone_number(code) == "+8613800138000"


def test_used_and_unknown_phone_codes_are_refused(app: App) -> None:
    code = phone_code(app)
    app.program.phone_number(code)

    for refused in (code, "unknown"):
        with pytest.raises(PhoneCodeRefused):
            app.program.phone_number(refused)


def test_expired_token_is_replaced_and_the_call_repeated(app: App) -> None:
    before = app.token()
    app.server.fault("token_expired", count=1)

    number = app.program.phone_number(phone_code(app, phone="13800138001"))

    assert number == "+8613800138001"
    assert app.token() != before


def test_token_that_is_refused_twice_is_not_tried_for_ever(app: App) -> None:
    counter = app.count("token_expired", "phone_number")

    with pytest.raises(GatewayRetryable) as caught:
        app.program.phone_number(phone_code(app))

    assert caught.value.details["gateway_code"] == "42001"
    assert app.fired(counter) == 2


def test_token_of_another_process_that_was_forced_is_taken_up(app: App) -> None:
    old = app.token()
    secret = app.keys["app_secret"]
    body = {
        "grant_type": "client_credential",
        "appid": app.app_id,
        "secret": secret,
        "force_refresh": True,
    }
    app.server.http.post("/cgi-bin/stable_token", json=body)

    app.program.phone_number(phone_code(app))

    assert app.token() != old


def test_code_image_is_a_picture(app: App) -> None:
    image = app.program.qr_code("share=0123456789abcdefghjk", "pages/group/index")

    assert image.media_type == "image/png"
    assert image.content.startswith(b"\x89PNG")


def test_jpeg_is_a_picture_too() -> None:
    answer = httpx.Response(200, content=b"\xff\xd8\xff\xe0...")

    assert miniprogram._image_of("qr_code", answer) == CodeImage(
        "image/jpeg", b"\xff\xd8\xff\xe0..."
    )


def test_something_else_than_a_picture_is_unknown() -> None:
    for content in (b"", b"<html>", b"{}"):
        with pytest.raises(GatewayUnknown):
            miniprogram._image_of("qr_code", httpx.Response(200, content=content))


def test_scene_that_is_too_long_is_rejected(app: App) -> None:
    with pytest.raises(GatewayRejected) as caught:
        app.program.qr_code("x" * 33, "pages/group/index")

    assert caught.value.details["gateway_code"] == "40169"


def test_url_link_opens_the_page(app: App) -> None:
    link = app.program.url_link("pages/group/index", "id=7&share=abc")

    [kept] = app.server.items("/url-links", url_link=link)
    assert (kept["path"], kept["query"]) == ("pages/group/index", "id=7&share=abc")


def test_link_for_too_many_days_is_rejected(app: App) -> None:
    with pytest.raises(GatewayRejected):
        app.program.url_link("pages/group/index", "", days=31)


@dataclass
class Reader:
    """A shopper who may be sent messages by one template."""

    app: App
    openid: str
    template_id: str

    def grant(self, granted: int = 1) -> None:
        self.app.server.post(
            "/consents",
            appid=self.app.app_id,
            openid=self.openid,
            template_id=self.template_id,
            granted=granted,
        )

    def send(self, **changes: Any) -> MessageResult:
        values = {"page": "pages/order/index", "data": {"thing1": "团"}, **changes}
        return self.app.program.send_subscribe_message(self.openid, self.template_id, **values)


@pytest.fixture
def reader(app: App) -> Reader:
    openid = app.server.post("/codes", appid=app.app_id)["openid"]
    template_id = secrets.token_hex(8)
    app.server.post("/templates", appid=app.app_id, template_id=template_id, keywords=["thing1"])
    return Reader(app, openid, template_id)


def test_message_reaches_who_agreed_in_their_language(reader: Reader) -> None:
    reader.grant()

    assert reader.send(language="en") is MessageResult.SENT
    [sent] = reader.app.server.items("/messages", openid=reader.openid)
    assert (sent["data"], sent["page"], sent["lang"]) == (
        {"thing1": "团"},
        "pages/order/index",
        "en_US",
    )


def test_refusal_is_a_result_and_no_error(reader: Reader) -> None:
    assert reader.send() is MessageResult.REFUSED


def test_message_that_cannot_be_sent_has_failed(reader: Reader) -> None:
    reader.grant()

    assert reader.send(data={"thing1": ""}) is MessageResult.FAILED


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("drop_after", GatewayUnknown),
        ("error_before", GatewayUnknown),
        ("frequency_limited", GatewayRetryable),
    ],
)
def test_message_of_unknown_fate_may_be_tried_again(
    reader: Reader, fault: str, kind: type[GatewayFailed]
) -> None:
    reader.app.server.fault(fault, operation="send_message", count=1)

    with pytest.raises(kind):
        reader.send()


def shipment_of(app: App, shop: Shop, **changes: Any) -> Shipment:
    paid = shop.paid()
    [order] = app.server.items("/orders", out_trade_no=paid.out_trade_no)
    values = {
        "transaction_no": order["transaction_id"],
        "payer_id": paid.payer_id,
        "parcels": [Parcel("SF", "SF1", "薯片*1", "****8000")],
        "is_complete": True,
        "told_at": TOLD_AT,
    }
    return Shipment(**{**values, **changes})


def shippings(app: App, shipment: Shipment) -> list[dict[str, Any]]:
    return app.server.items("/shippings", transaction_id=shipment.transaction_no)


def test_shipment_is_told_and_may_be_told_again(app: App, shop: Shop) -> None:
    shipment = shipment_of(app, shop)

    app.program.upload_shipping(shipment)
    app.program.upload_shipping(shipment)

    [kept] = shippings(app, shipment)
    assert kept["is_complete"] is True
    assert kept["upload_time"] == "2026-11-23T08:00:00.000+08:00"
    assert kept["shipping_list"] == [
        {
            "tracking_no": "SF1",
            "express_company": "SF",
            "item_desc": "薯片*1",
            "contact": {"receiver_contact": "****8000"},
        }
    ]


def test_several_parcels_and_parts_are_split(app: App, shop: Shop) -> None:
    first = shipment_of(app, shop, parcels=[Parcel("STO", "1", "薯片")], is_complete=False)
    two = [Parcel("STO", "2", "薯片"), Parcel("STO", "3", "苹果")]
    rest = Shipment(first.transaction_no, first.payer_id, two, True, TOLD_AT)

    app.program.upload_shipping(first)
    app.program.upload_shipping(rest)

    assert [one["is_complete"] for one in shippings(app, first)] == [False, True]


def test_shipment_of_an_unknown_payment_is_rejected(app: App, shop: Shop) -> None:
    with pytest.raises(GatewayRejected) as caught:
        app.program.upload_shipping(shipment_of(app, shop, transaction_no="4200000000"))

    assert caught.value.details["gateway_code"] == "10060001"


def test_code_nobody_has_listed_is_unknown() -> None:
    assert type(miniprogram.Refusal("url_link", 99999).failure()) is GatewayUnknown


def test_token_and_secret_show_nowhere(app: App, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    token = app.token()
    app.server.fault("drop_before", operation="url_link", count=1)

    with pytest.raises(GatewayUnknown) as caught:
        app.program.url_link("pages/group/index", "")

    shown = caplog.text + repr(caught.value) + str(caught.value.details) + repr(app.program)
    assert token not in shown
    assert app.keys["app_secret"] not in shown
    assert caught.value.__cause__ is None
