"""The traps of `wechatpayv3`: each test shows the SDK's, and that the adapter is not caught.

A later release may close one: then the first half of its test fails, and the duty can go.
"""

import inspect
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from wechatpayv3 import WeChatPay
from wechatpayv3.core import Core

from domain.gateways.errors import (
    GatewayRejected,
    GatewayRetryable,
    GatewayUnknown,
    InvalidCallback,
)
from domain.gateways.protocol import BillKind, CloseResult, TransferStatus
from domain.gateways.reading import Malformed
from domain.gateways.wechat_asking import NumberUnfit
from domain.gateways.wechat_sdk import TIMEOUT_SECONDS, build_sdk
from domain.money import Fen
from tests.domain.gateways.conftest import Shop, config_of
from tests.domain.gateways.transfers import asked, confirm, fund, transfer_of
from tests.sandbox_server import Received, Receiver


@pytest.fixture
def bare(shop: Shop) -> Any:
    """The SDK as its users build it, without the adapter around it."""
    client = WeChatPay(
        wechatpay_type=shop.provider._sdk.client._type,  # type: ignore[attr-defined]
        mchid=shop.keys["mchid"],
        private_key=shop.keys["merchant_private_key"],
        cert_serial_no=shop.keys["merchant_serial"],
        appid=shop.keys["appid"],
        apiv3_key=shop.keys["apiv3_key"],
        public_key=shop.keys["platform_public_key"],
        public_key_id=shop.keys["platform_public_key_id"],
    )
    client._core._gate_way = shop.server.url
    client._core._update_certificates = lambda: None
    return client


@pytest.fixture
def nothing_asked(shop: Shop) -> Iterator[None]:
    """Prove that the test's calls reach nobody."""
    sdk = shop.provider._sdk  # type: ignore[attr-defined]
    sdk.forget_answer()
    yield
    assert sdk.answer() is None


def forged(shop: Shop, receiver: Receiver, variant: str) -> Received:
    order = shop.placed()
    shop.server.post("/callbacks/send", out_trade_no=order.out_trade_no, variant=variant)
    (received,) = receiver.at(shop.notify_url)
    return received


def parse(shop: Shop, received: Received) -> Any:
    return shop.provider.parse_callback(received.headers, received.body, datetime.now(UTC))


def test_trap_callback_ignores_its_timestamp(shop: Shop, bare: Any, receiver: Receiver) -> None:
    received = forged(shop, receiver, "stale")
    assert bare.callback(received.headers, received.body)["resource"]

    with pytest.raises(InvalidCallback) as caught:
        parse(shop, received)

    assert caught.value.details["reason"] == "stale"


def test_trap_bad_signature_is_none(shop: Shop, bare: Any, receiver: Receiver) -> None:
    received = forged(shop, receiver, "forged")
    assert bare.callback(received.headers, received.body) is None

    with pytest.raises(InvalidCallback):
        parse(shop, received)


def test_trap_missing_signature_type_is_a_bare_exception(
    shop: Shop, bare: Any, receiver: Receiver
) -> None:
    received = forged(shop, receiver, "no_signature_type")
    with pytest.raises(Exception, match="does not support this algorithm"):
        bare.callback(received.headers, received.body)

    with pytest.raises(InvalidCallback):
        parse(shop, received)


def test_trap_unknown_public_key_serial_is_a_value_error(
    shop: Shop, bare: Any, receiver: Receiver
) -> None:
    received = forged(shop, receiver, "unknown_serial")
    bare._core._certificates.append(object())
    with pytest.raises(ValueError, match="invalid literal"):
        bare.callback(received.headers, received.body)

    with pytest.raises(InvalidCallback):
        parse(shop, received)


def test_trap_unknown_certificate_serial_fetches_certificates_unverified(
    shop: Shop, bare: Any, receiver: Receiver
) -> None:
    received = forged(shop, receiver, "certificate_serial")
    fetched = []
    bare._core._update_certificates = lambda: fetched.append(1)
    assert bare.callback(received.headers, received.body) is None
    assert fetched

    sdk = shop.provider._sdk  # type: ignore[attr-defined]
    sdk.forget_answer()
    with pytest.raises(InvalidCallback):
        parse(shop, received)
    assert sdk.answer() is None


def test_trap_async_client_sends_null_without_a_body_and_has_its_own_types(shop: Shop) -> None:
    fund(shop)
    request, _ = asked(shop)
    client = shop.provider._sdk.client  # type: ignore[attr-defined]

    cancelled = shop.provider.cancel_transfer(request.out_bill_no)

    assert cancelled.status is TransferStatus.PROCESSING
    assert type(client) is WeChatPay
    assert not inspect.iscoroutinefunction(client.mch_transfer_bills_cancel)
    assert type(client._type).__module__ == "wechatpayv3.type"


def test_trap_only_successes_are_checked_for_a_signature(shop: Shop, bare: Any) -> None:
    shop.fault("bad_signature", operation="close", count=2)
    status, _ = bare.close("nobodyknowsme")
    assert status == 404

    with pytest.raises(GatewayUnknown):
        shop.provider.close("nobodyknowsme")

    assert shop.provider.close("nobodyknowsme") is CloseResult.NOT_FOUND


def test_trap_downloaded_bill_is_never_checked(own_shop: Shop) -> None:
    own_shop.paid()
    today = datetime.fromisoformat(own_shop.server.get("/clock")["now"]).date()
    own_shop.server.advance(2 * 86_400)
    own_shop.fault("bill_bad_hash", count=1)

    with pytest.raises(GatewayUnknown) as caught:
        own_shop.provider.download_bill(today, BillKind.TRADE)

    assert "hash" in caught.value.message


def test_trap_bill_url_that_begins_like_the_gateway_is_followed(
    shop: Shop, bare: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"{shop.server.url}.evil.example/v3/billdownload/file?token=1"
    reached = []
    monkeypatch.setattr(
        bare._core, "request", lambda path, **_: reached.append(bare._core._gate_way + path)
    )
    bare.download_bill(url)
    assert reached == [url]

    bills = shop.provider._bills  # type: ignore[attr-defined]
    with pytest.raises(Malformed):
        bills._file(url)


def test_trap_timeout_is_endless_by_default(shop: Shop, bare: Any) -> None:
    assert bare._core._timeout is None

    client = shop.provider._sdk.client  # type: ignore[attr-defined]

    assert client._core._timeout == TIMEOUT_SECONDS


def test_trap_each_call_opens_a_connection(shop: Shop) -> None:
    assert "Session" not in inspect.getsource(Core)

    shop.provider.query("nobodyknowsme")

    assert not isinstance(shop.provider._sdk.answer(), type(None))  # type: ignore[attr-defined]
    assert inspect.getmodule(Core).requests is not requests  # type: ignore[union-attr]


def test_trap_missing_argument_is_a_bare_exception(
    shop: Shop, bare: Any, nothing_asked: None
) -> None:
    with pytest.raises(Exception, match="transfer_remark is not assigned"):
        bare.mch_transfer_bills("abcdef", "1000", "o1", 500, "")

    for name in ("remark", "activity_name", "reward_note", "payee_id"):
        with pytest.raises(GatewayRejected):
            shop.provider.transfer(transfer_of(shop, **{name: ""}))


def test_trap_empty_answer_is_bytes(shop: Shop, bare: Any) -> None:
    assert bare.close(shop.placed().out_trade_no) == (204, b"")

    assert shop.provider.close(shop.placed().out_trade_no) is CloseResult.CLOSED


def test_trap_one_notify_url_serves_every_kind(shop: Shop, bare: Any, receiver: Receiver) -> None:
    fund(shop)
    urls = {kind: receiver.new_url() for kind in ("payment", "refund", "transfer")}
    assert "notify_url or self._notify_url" in inspect.getsource(bare.mch_transfer_bills)

    order = shop.paid(notify_url=urls["payment"])
    shop.provider.refund(shop.refund_of(order, notify_url=urls["refund"]))
    request, transfer = asked(shop, notify_url=urls["transfer"])
    confirm(shop, request, transfer)

    kinds = {
        kind: type(parse(shop, receiver.wait_for(url)[0])).__name__ for kind, url in urls.items()
    }
    assert kinds == {
        "payment": "PaymentEvent",
        "refund": "RefundEvent",
        "transfer": "TransferEvent",
    }


def test_trap_name_is_dropped_below_30_fen(shop: Shop, bare: Any) -> None:
    fund(shop)
    sent: list[dict[str, Any]] = []
    bare._core.request = lambda path, data, **_: sent.append(data)
    bare.mch_transfer_bills("abcdef", "1000", "o1", 29, "补贴", user_name="张三")
    assert "user_name" not in sent[0]

    _, transfer = asked(shop, amount_fen=Fen(29))

    assert transfer.status is TransferStatus.AWAITING_SHOPPER


def test_trap_2000_yuan_without_a_name_is_a_bare_exception(
    shop: Shop, bare: Any, nothing_asked: None
) -> None:
    with pytest.raises(Exception, match="user_name is not assigned"):
        bare.mch_transfer_bills("abcdef", "1000", "o1", 200_000, "补贴")

    for fen in (200_000, 9, 0):
        with pytest.raises(GatewayRejected):
            shop.provider.transfer(transfer_of(shop, amount_fen=Fen(fen)))


@pytest.mark.parametrize("number", ["../../certificates", "a?mchid=1&", "带中文的单号", "a#bcdef"])
def test_trap_numbers_are_written_into_paths(
    shop: Shop, bare: Any, nothing_asked: None, number: str
) -> None:
    asked_for: list[str] = []
    bare._core.request = lambda path, **_: asked_for.append(path)
    bare.mch_transfer_bills_query(out_bill_no=number)
    assert asked_for[0].endswith(number)

    for call in (
        shop.provider.query,
        shop.provider.close,
        shop.provider.query_refund,
        shop.provider.query_transfer,
        shop.provider.cancel_transfer,
    ):
        with pytest.raises(NumberUnfit):
            call(number)
    with pytest.raises(NumberUnfit):
        shop.provider.transfer(transfer_of(shop, out_bill_no=number))


def test_trap_certificate_mode_asks_the_real_host_at_construction(
    fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_at: list[str] = []

    def note(self: Any, path: str, **_: Any) -> tuple[int, str]:
        asked_at.append(self._gate_way + path)
        return 500, ""

    with monkeypatch.context() as patch:
        patch.setattr(Core, "request", note)
        with pytest.raises(Exception, match="No wechatpay platform certificate"):
            WeChatPay(
                fresh_shop.provider._sdk.client._type,  # type: ignore[attr-defined]
                mchid="1600000000",
                private_key=fresh_shop.keys["merchant_private_key"],
                cert_serial_no="00",
                appid="wx",
                apiv3_key="0" * 32,
            )
    assert asked_at == ["https://api.mch.weixin.qq.com/v3/certificates"]

    path = f"/accounts/{fresh_shop.keys['mchid']}"
    fresh_shop.server.post(path, signs_with="certificate")
    pem = fresh_shop.server.get(f"{path}/keys")["platform_certificate"]
    credentials = replace(
        fresh_shop.credentials,
        platform_public_key_id="",
        platform_public_key_pem="",
        platform_certificate_pem=pem,
    )
    sdk = build_sdk(credentials, config_of(fresh_shop.server))
    assert sdk.client._core.encrypt("张三")  # warnings are errors: nothing deprecated is touched


def test_trap_error_codes_have_two_spellings(shop: Shop) -> None:
    order = shop.paid()
    results = []
    for is_spelt_otherwise in (False, True):
        if is_spelt_otherwise:
            shop.fault("other_spelling")
        results.append(shop.provider.close(order.out_trade_no))
        results.append(shop.provider.close("nobodyknowsme"))
        shop.fault("frequency_limited", operation="query", count=1)
        with pytest.raises(GatewayRetryable):
            shop.provider.query(order.out_trade_no)

    assert results == [CloseResult.ALREADY_PAID, CloseResult.NOT_FOUND] * 2
