"""Every way a notification of Alipay can be wrong, against real ones of the sandbox."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import pytest

from domain.gateways.errors import InvalidCallback
from domain.gateways.protocol import (
    GatewayEvent,
    PaymentEvent,
    PaymentStatus,
    RefundEvent,
    RefundStatus,
)
from domain.money import Fen
from tests.domain.gateways.alipay_fixtures import alipay, alipay_keys
from tests.domain.gateways.alipay_shop import AlipayShop, alipay_shop_of, open_keys
from tests.sandbox_server import Received, Receiver

__all__ = ["alipay", "alipay_keys"]


def parse(shop: AlipayShop, received: Received, **changes: Any) -> GatewayEvent:
    body = changes.get("body", received.body)
    return shop.provider.parse_callback(
        received.headers, body, changes.get("now", datetime.now(UTC))
    )


@pytest.fixture
def received(alipay: AlipayShop, receiver: Receiver) -> Received:
    """A genuine notification of a payment."""
    alipay.paid()
    return receiver.wait_for(alipay.notify_url)[0]


def test_payment_is_opened(alipay: AlipayShop, receiver: Receiver) -> None:
    order = alipay.paid()

    event = parse(alipay, receiver.wait_for(alipay.notify_url)[0])

    assert isinstance(event, PaymentEvent)
    assert event.event_id
    assert event.payment == alipay.provider.query(order.out_trade_no)


def test_closing_is_opened(alipay: AlipayShop, receiver: Receiver) -> None:
    alipay.provider.close(alipay.placed().out_trade_no)

    event = parse(alipay, receiver.wait_for(alipay.notify_url)[0])

    assert isinstance(event, PaymentEvent)
    assert event.payment.status is PaymentStatus.CLOSED


@pytest.mark.parametrize("fen", [1, 1990])
def test_refund_is_opened_but_for_its_amount(
    alipay: AlipayShop, receiver: Receiver, fen: int
) -> None:
    request = alipay.refund_of(alipay.paid(), amount_fen=Fen(fen))
    told = alipay.provider.refund(request)

    events = [parse(alipay, one) for one in receiver.wait_for(alipay.notify_url, 2)]

    (event,) = [one for one in events if isinstance(one, RefundEvent)]
    assert event.refund.status is RefundStatus.SUCCESS
    assert event.refund.out_refund_no == request.out_refund_no
    assert event.refund.succeeded_at == told.succeeded_at
    assert event.refund.amount_fen is None


def test_repeated_notification_has_the_same_event_id(
    alipay: AlipayShop, receiver: Receiver
) -> None:
    order = alipay.paid()
    receiver.wait_for(alipay.notify_url)
    alipay.server.post("/alipay/callbacks/send", out_trade_no=order.out_trade_no, times=3)

    events = [parse(alipay, one) for one in receiver.wait_for(alipay.notify_url, 4)]

    assert len({event.event_id for event in events}) == 1


@pytest.mark.parametrize(
    ("variant", "reason"),
    [
        ("tampered", "bad_signature"),
        ("extended", "bad_signature"),
        ("doubled", "unreadable"),
        ("forged", "bad_signature"),
        ("unsigned", "unsigned"),
        ("weak", "bad_signature"),
        ("stale", "stale"),
        ("early", "stale"),
        ("wrong_app", "wrong_merchant"),
        ("wrong_seller", "wrong_merchant"),
    ],
)
def test_forged_notification_is_invalid(
    alipay: AlipayShop, receiver: Receiver, variant: str, reason: str
) -> None:
    order = alipay.placed()
    alipay.server.post("/alipay/callbacks/send", out_trade_no=order.out_trade_no, variant=variant)
    (received,) = receiver.at(alipay.notify_url)

    with pytest.raises(InvalidCallback) as caught:
        parse(alipay, received)

    assert caught.value.details["reason"] == reason


def test_wrong_amount_is_told_for_the_order_to_be_compared(
    alipay: AlipayShop, receiver: Receiver
) -> None:
    order = alipay.paid()
    receiver.wait_for(alipay.notify_url)
    alipay.server.post(
        "/alipay/callbacks/send", out_trade_no=order.out_trade_no, variant="wrong_amount"
    )

    event = parse(alipay, receiver.at(alipay.notify_url)[-1])

    assert isinstance(event, PaymentEvent)
    assert event.payment.amount_fen == 1991


def test_same_words_written_otherwise_are_the_same(alipay: AlipayShop, received: Received) -> None:
    pairs = parse_qsl(received.body.decode())
    reversed_order = urlencode(pairs[::-1]).encode()
    spelt_out = "&".join(f"{n}={quote(v, safe='')}" for n, v in pairs).encode()

    events = [parse(alipay, received, body=body) for body in (reversed_order, spelt_out)]

    assert events == [parse(alipay, received)] * 2


def test_words_written_anew_with_one_changed_are_not(
    alipay: AlipayShop, received: Received
) -> None:
    said = dict(parse_qsl(received.body.decode())) | {"trade_status": "TRADE_FINISHED"}

    with pytest.raises(InvalidCallback):
        parse(alipay, received, body=urlencode(said).encode())


@pytest.mark.parametrize(("hours", "is_fresh"), [(25, True), (27, False), (-1, False)])
def test_notification_is_good_for_as_long_as_it_is_repeated(
    alipay: AlipayShop, received: Received, hours: int, *, is_fresh: bool
) -> None:
    later = datetime.now(UTC) + timedelta(hours=hours)

    if is_fresh:
        assert parse(alipay, received, now=later)
        return
    with pytest.raises(InvalidCallback) as caught:
        parse(alipay, received, now=later)
    assert caught.value.details["reason"] == "stale"


def test_notification_of_another_seller_is_invalid(alipay: AlipayShop, received: Received) -> None:
    other = alipay_shop_of(alipay.server, open_keys(alipay.server), alipay.notify_url)

    with pytest.raises(InvalidCallback):
        parse(other, received)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"a=1&a=2", b"\xff\xfe=1", b"sign=x", b"sign=x&sign_type=RSA2", b"%FF=%FF"]
)
def test_other_body_is_invalid(alipay: AlipayShop, received: Received, body: bytes) -> None:
    with pytest.raises(InvalidCallback):
        parse(alipay, received, body=body)


def test_buyer_may_be_missing(
    alipay: AlipayShop, received: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = alipay.provider.sdk.client  # type: ignore[attr-defined]
    monkeypatch.setattr(client, "_verify", lambda text, signature: True)
    said = dict(parse_qsl(received.body.decode())) | {"buyer_open_id": ""}

    event = parse(alipay, received, body=urlencode(said).encode())

    assert isinstance(event, PaymentEvent)
    assert event.payment.is_paid
    assert event.payment.payer_id is None


@pytest.mark.parametrize(
    "changes",
    [
        {"trade_status": "FUTURE"},
        {"trade_no": ""},
        {"total_amount": "19,90"},
        {"total_amount": "-19.90"},
        {"gmt_payment": "yesterday"},
        {"notify_id": ""},
        {"gmt_payment": "0001-01-01 00:00:00"},
        {"gmt_payment": "9999-12-31 23:59:59"},
        {"out_trade_no": "a\x00b"},
    ],
)
def test_well_signed_half_truth_is_unreadable(
    alipay: AlipayShop,
    received: Received,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, str],
) -> None:
    client = alipay.provider.sdk.client  # type: ignore[attr-defined]
    monkeypatch.setattr(client, "_verify", lambda text, signature: True)
    said = dict(parse_qsl(received.body.decode())) | changes

    with pytest.raises(InvalidCallback) as caught:
        parse(alipay, received, body=urlencode(said).encode())

    assert caught.value.details["reason"] == "unreadable"


def test_event_of_another_kind_is_invalid(
    alipay: AlipayShop, received: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = alipay.provider.sdk.client  # type: ignore[attr-defined]
    monkeypatch.setattr(client, "_verify", lambda text, signature: True)
    said = dict(parse_qsl(received.body.decode())) | {"notify_type": "batch_refund_notify"}

    with pytest.raises(InvalidCallback) as caught:
        parse(alipay, received, body=urlencode(said).encode())

    assert caught.value.details["reason"] == "unknown_event"
