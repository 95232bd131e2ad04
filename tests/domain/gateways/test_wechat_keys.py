"""Two sets of keys at once, and certificate mode: whichever the gateway uses is understood."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.gateways import provider_for
from domain.gateways.errors import GatewayRejected, GatewayUnknown, InvalidCallback
from domain.gateways.protocol import AbnormalRefund, BankCard, PaymentEvent, RefundStatus
from domain.gateways.wechat_sdk import build_sdk
from tests.domain.gateways.conftest import Shop, config_of, credentials_of
from tests.sandbox_server import Received, Receiver, wait_until


def account(shop: Shop) -> str:
    return f"/accounts/{shop.keys['mchid']}"


def rotated(shop: Shop, *kinds: str, percent: int | None = None) -> Shop:
    """The shop after new keys were issued: it knows both sets, and `percent` use the new ones."""
    keys = shop.server.post(f"{account(shop)}/keys", issue=list(kinds))
    shop.server.post(account(shop), new_key_percent=percent)
    credentials = credentials_of(keys)
    provider = provider_for(credentials, former=shop.credentials, config=config_of(shop.server))
    return replace(shop, keys=keys, credentials=credentials, provider=provider)


def certified(shop: Shop) -> Shop:
    """The shop in certificate mode: it has no platform public key."""
    shop.server.post(account(shop), signs_with="certificate")
    keys = shop.server.get(f"{account(shop)}/keys")
    credentials = replace(
        shop.credentials,
        platform_public_key_pem="",
        platform_public_key_id="",
        platform_certificate_pem=keys["platform_certificate"],
    )
    provider = provider_for(credentials, config=config_of(shop.server))
    return replace(shop, keys=keys, credentials=credentials, provider=provider)


def callback(shop: Shop, receiver: Receiver) -> Received:
    shop.notify_url = receiver.new_url()
    shop.paid()
    return receiver.wait_for(shop.notify_url)[0]


def parse(shop: Shop, received: Received) -> Any:
    return shop.provider.parse_callback(received.headers, received.body, datetime.now(UTC))


@pytest.mark.parametrize("percent", [0, 100])
@pytest.mark.parametrize("kind", ["public_key", "apiv3", "merchant"])
def test_callbacks_of_both_sets_are_understood(
    fresh_shop: Shop, receiver: Receiver, kind: str, percent: int
) -> None:
    shop = rotated(fresh_shop, kind, percent=percent)

    assert isinstance(parse(shop, callback(shop, receiver)), PaymentEvent)


@pytest.mark.parametrize("percent", [0, 100])
def test_answers_of_both_sets_are_believed(fresh_shop: Shop, percent: int) -> None:
    shop = rotated(fresh_shop, "public_key", "merchant", "apiv3", percent=percent)

    assert shop.provider.query(shop.paid().out_trade_no).is_paid
    with pytest.raises(GatewayRejected) as caught:
        shop.provider.refund(shop.refund_of(shop.placed()))
    assert caught.value.details["gateway_code"] == "RESOURCE_NOT_EXISTS"


def test_requests_go_out_with_the_new_keys(fresh_shop: Shop) -> None:
    shop = rotated(fresh_shop, "merchant", "public_key")

    shop.server.http.delete(f"/control{account(shop)}/keys")

    assert shop.provider.query(shop.paid().out_trade_no).is_paid


def test_former_keys_alone_are_not_enough_for_the_new(fresh_shop: Shop, receiver: Receiver) -> None:
    shop = rotated(fresh_shop, "public_key")
    received = callback(shop, receiver)

    with pytest.raises(InvalidCallback):
        parse(fresh_shop, received)
    shop.server.post(account(shop), new_key_percent=100)
    with pytest.raises(GatewayUnknown):
        fresh_shop.provider.query("nobodyknowsme")


def test_former_keys_are_forgotten_when_they_are_not_given(
    fresh_shop: Shop, receiver: Receiver
) -> None:
    shop = rotated(fresh_shop, "public_key", "apiv3", percent=0)
    received = callback(shop, receiver)
    alone = replace(shop, provider=provider_for(shop.credentials, config=config_of(shop.server)))

    assert isinstance(parse(shop, received), PaymentEvent)
    with pytest.raises(InvalidCallback):
        parse(alone, received)


@pytest.mark.parametrize(
    "variant",
    ["tampered", "forged", "signtest", "unknown_serial", "certificate_serial", "wrong_key"],
)
def test_forgeries_stay_invalid_with_two_sets(
    fresh_shop: Shop, receiver: Receiver, variant: str
) -> None:
    shop = rotated(fresh_shop, "public_key", "apiv3")
    shop.notify_url = receiver.new_url()
    order = shop.placed()
    shop.server.post("/callbacks/send", out_trade_no=order.out_trade_no, variant=variant)
    (received,) = receiver.at(shop.notify_url)

    with pytest.raises(InvalidCallback) as caught:
        parse(shop, received)

    assert caught.value.details["reason"] == "bad_signature"


def test_providers_of_other_former_keys_are_others(fresh_shop: Shop) -> None:
    shop = rotated(fresh_shop, "apiv3")
    config = config_of(shop.server)

    again = provider_for(shop.credentials, former=replace(fresh_shop.credentials), config=config)
    alone = provider_for(shop.credentials, config=config)

    assert again is shop.provider
    assert alone is not shop.provider


def test_certificate_mode_is_built_without_network(fresh_shop: Shop) -> None:
    shop = certified(fresh_shop)
    nowhere = replace(config_of(shop.server), wechatpay_base_url="http://127.0.0.1:9")

    sdk = build_sdk(shop.credentials, nowhere)

    assert sdk.client._core._gate_way == "http://127.0.0.1:9"


def test_certificate_mode_pays_refunds_and_hears(fresh_shop: Shop, receiver: Receiver) -> None:
    shop = certified(fresh_shop)

    received = callback(shop, receiver)
    event = parse(shop, received)

    assert received.headers["Wechatpay-Serial"] == shop.keys["platform_certificate_serial"]
    assert isinstance(event, PaymentEvent)
    assert shop.provider.query(event.payment.out_trade_no) == event.payment


def test_certificate_mode_encrypts_with_the_certificate(fresh_shop: Shop) -> None:
    shop = certified(fresh_shop)
    shop.fault("refund_abnormal", count=1)
    request = shop.refund_of(shop.paid())
    refund = shop.provider.refund(request)
    number = request.out_refund_no
    wait_until(lambda: shop.provider.query_refund(number).status is RefundStatus.ABNORMAL)
    card = BankCard(bank_type="ICBC_DEBIT", number="6222020000000000123", holder="张三")

    redirected = shop.provider.redirect_abnormal_refund(
        AbnormalRefund(refund.refund_id or "", number, card)
    )

    assert redirected.status is RefundStatus.PROCESSING


@pytest.mark.parametrize("change", [str.lower, lambda serial: f"0{serial}"])
def test_serial_is_known_however_it_is_written(
    fresh_shop: Shop, receiver: Receiver, change: Any
) -> None:
    shop = certified(fresh_shop)
    received = callback(shop, receiver)
    headers = received.headers | {"Wechatpay-Serial": change(received.headers["Wechatpay-Serial"])}

    event = shop.provider.parse_callback(headers, received.body, datetime.now(UTC))

    assert isinstance(event, PaymentEvent)


def test_expired_certificate_verifies_nothing(
    fresh_shop: Shop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = certified(fresh_shop)
    received = callback(shop, receiver)
    later = datetime.now(UTC) + timedelta(days=6 * 365)
    monkeypatch.setattr("domain.gateways.wechat_sdk.real_now", lambda: later)

    with pytest.raises(InvalidCallback):
        parse(shop, received)


@pytest.mark.parametrize("percent", [0, 100])
def test_switch_from_certificate_to_public_key_is_understood(
    fresh_shop: Shop, receiver: Receiver, percent: int
) -> None:
    before = certified(fresh_shop)
    before.server.post(account(before), signs_with="public_key", new_key_percent=percent)
    provider = provider_for(
        fresh_shop.credentials, former=before.credentials, config=config_of(before.server)
    )
    shop = replace(fresh_shop, provider=provider)

    assert isinstance(parse(shop, callback(shop, receiver)), PaymentEvent)


def test_credentials_may_hold_public_key_and_certificate(
    fresh_shop: Shop, receiver: Receiver
) -> None:
    before = certified(fresh_shop)
    both = replace(
        fresh_shop.credentials,
        platform_certificate_pem=before.credentials.platform_certificate_pem,
    )
    shop = replace(fresh_shop, provider=provider_for(both, config=config_of(before.server)))

    received = callback(shop, receiver)

    assert received.headers["Wechatpay-Serial"] == before.keys["platform_certificate_serial"]
    assert isinstance(parse(shop, received), PaymentEvent)


def test_credentials_without_any_platform_key_are_refused(fresh_shop: Shop) -> None:
    bare = replace(fresh_shop.credentials, platform_public_key_id="", platform_public_key_pem="")

    with pytest.raises(ValueError, match="neither"):
        provider_for(bare, config=config_of(fresh_shop.server))
