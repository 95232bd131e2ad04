"""Every way a callback can be wrong, against real callbacks of the sandbox."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.errors import Unauthenticated
from domain.gateways.errors import InvalidCallback
from domain.gateways.protocol import PaymentEvent, PaymentStatus, RefundEvent, RefundStatus
from tests.domain.gateways.conftest import Shop, shop_of
from tests.sandbox_server import Received, Receiver


def parse(shop: Shop, received: Received, **changes: Any) -> PaymentEvent | RefundEvent:
    headers = changes.get("headers", received.headers)
    body = changes.get("body", received.body)
    return shop.provider.parse_callback(headers, body, changes.get("now", datetime.now(UTC)))


@pytest.fixture
def received(shop: Shop, receiver: Receiver) -> Received:
    """A genuine callback of a payment."""
    shop.paid()
    return receiver.wait_for(shop.notify_url)[0]


def test_payment_callback_is_opened(shop: Shop, receiver: Receiver) -> None:
    order = shop.paid()

    event = parse(shop, receiver.wait_for(shop.notify_url)[0])

    assert isinstance(event, PaymentEvent)
    assert event.event_id
    assert event.payment == shop.provider.query(order.out_trade_no)
    assert event.payment.status is PaymentStatus.PAID


def test_refund_callback_is_opened(shop: Shop, receiver: Receiver) -> None:
    request = shop.refund_of(shop.paid())
    shop.provider.refund(request)

    events = [parse(shop, one) for one in receiver.wait_for(shop.notify_url, 2)]

    (event,) = [one for one in events if isinstance(one, RefundEvent)]
    assert event.refund.status is RefundStatus.SUCCESS
    assert event.refund == shop.provider.query_refund(request.out_refund_no)


@pytest.mark.parametrize("status", [RefundStatus.ABNORMAL, RefundStatus.CLOSED])
def test_callback_of_a_refund_that_ended_badly_is_opened(
    shop: Shop, receiver: Receiver, status: RefundStatus
) -> None:
    shop.fault(f"refund_{status}", count=1)
    shop.provider.refund(shop.refund_of(shop.paid()))

    events = [parse(shop, one) for one in receiver.wait_for(shop.notify_url, 2)]

    (event,) = [one for one in events if isinstance(one, RefundEvent)]
    assert event.refund.status is status
    assert event.refund.succeeded_at is None


def test_repeated_callback_has_the_same_event_id(shop: Shop, receiver: Receiver) -> None:
    order = shop.paid()
    receiver.wait_for(shop.notify_url)
    shop.server.post("/callbacks/send", out_trade_no=order.out_trade_no, times=3, parallel=True)

    events = [parse(shop, one) for one in receiver.wait_for(shop.notify_url, 4)]

    assert len({event.event_id for event in events}) == 1


@pytest.mark.parametrize(
    ("variant", "reason"),
    [
        ("tampered", "bad_signature"),
        ("forged", "bad_signature"),
        ("stale", "stale"),
        ("signtest", "bad_signature"),
        ("unknown_serial", "bad_signature"),
        ("certificate_serial", "bad_signature"),
        ("no_signature_type", "unsigned"),
        ("unsigned", "unsigned"),
        ("wrong_key", "bad_signature"),
        ("wrong_mchid", "wrong_merchant"),
        ("wrong_appid", "wrong_merchant"),
        ("wrong_currency", "wrong_currency"),
    ],
)
def test_forged_callback_is_invalid(
    shop: Shop, receiver: Receiver, variant: str, reason: str
) -> None:
    order = shop.placed()
    shop.server.post("/callbacks/send", out_trade_no=order.out_trade_no, variant=variant)
    (received,) = receiver.at(shop.notify_url)

    with pytest.raises(InvalidCallback) as caught:
        parse(shop, received)

    assert caught.value.details["reason"] == reason
    assert isinstance(caught.value, Unauthenticated)


def test_wrong_amount_is_told_for_the_order_to_be_compared(shop: Shop, receiver: Receiver) -> None:
    order = shop.paid()
    receiver.wait_for(shop.notify_url)
    shop.server.post("/callbacks/send", out_trade_no=order.out_trade_no, variant="wrong_amount")

    event = parse(shop, receiver.at(shop.notify_url)[-1])

    assert isinstance(event, PaymentEvent)
    assert event.payment.amount_fen == 1991


@pytest.mark.parametrize("minutes", [-6, 6])
def test_callback_is_good_for_five_minutes_of_real_time(
    shop: Shop, received: Received, minutes: int
) -> None:
    now = datetime.now(UTC)

    with pytest.raises(InvalidCallback) as caught:
        parse(shop, received, now=now + timedelta(minutes=minutes))

    assert caught.value.details["reason"] == "stale"
    assert parse(shop, received, now=now + timedelta(minutes=minutes / 2))


def test_callback_of_another_merchant_is_invalid(shop: Shop, received: Received) -> None:
    other = shop_of(shop.server, shop.server.open_account(), shop.notify_url)

    with pytest.raises(InvalidCallback):
        parse(other, received)


def test_callback_is_opened_whatever_the_case_of_its_headers(
    shop: Shop, received: Received
) -> None:
    upper = {name.upper(): value for name, value in received.headers.items()}
    lower = {name.lower(): value for name, value in received.headers.items()}

    assert parse(shop, received, headers=upper) == parse(shop, received, headers=lower)


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"\xff\xfe", b"not json"])
def test_other_body_is_invalid(shop: Shop, received: Received, body: bytes) -> None:
    with pytest.raises(InvalidCallback):
        parse(shop, received, body=body)


@pytest.mark.parametrize("stamp", ["", "soon", "-1", "1e9", "１７９５０００００００"])
def test_odd_timestamp_is_invalid(shop: Shop, received: Received, stamp: str) -> None:
    with pytest.raises(InvalidCallback):
        parse(shop, received, headers=received.headers | {"Wechatpay-Timestamp": stamp})


@pytest.mark.parametrize(
    "opened",
    [
        None,
        [],
        {},
        {"id": "1", "event_type": "TRANSACTION.SUCCESS"},
        {"id": "1", "event_type": "TRANSACTION.SUCCESS", "resource": "text"},
        {"id": "1", "event_type": "TRANSACTION.SUCCESS", "resource": {}},
    ],
)
def test_well_signed_nonsense_is_invalid(
    shop: Shop, received: Received, monkeypatch: pytest.MonkeyPatch, opened: Any
) -> None:
    client = shop.provider._sdk.client  # type: ignore[attr-defined]
    monkeypatch.setattr(client, "callback", lambda headers, body: opened)

    with pytest.raises(InvalidCallback):
        parse(shop, received)


def said(shop: Shop, received: Received, **changes: Any) -> dict[str, Any]:
    client = shop.provider._sdk.client  # type: ignore[attr-defined]
    event: dict[str, Any] = client.callback(received.headers, received.body)
    return event | {"resource": event["resource"] | changes}


@pytest.mark.parametrize(
    "changes",
    [
        {"payer": None},
        {"payer": {}},
        {"appid": None},
        {"amount": {"total": 1990}},
        {"amount": {"currency": "CNY", "total": "1990"}},
        {"amount": {"currency": "CNY", "total": 1990.0}},
    ],
)
def test_what_nobody_needs_may_be_missing_and_a_number_may_be_text(
    shop: Shop, received: Received, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    told = said(shop, received, **changes)
    client = shop.provider._sdk.client  # type: ignore[attr-defined]
    monkeypatch.setattr(client, "callback", lambda headers, body: told)

    event = parse(shop, received)

    assert isinstance(event, PaymentEvent)
    assert event.payment.is_paid
    assert event.payment.amount_fen == 1990


@pytest.mark.parametrize("stamp", ["9" * 13, "9" * 400, "9" * 5000, "-1", "1e9", "\u0661" * 10])
def test_timestamp_that_is_none_is_stale(shop: Shop, received: Received, stamp: str) -> None:
    headers = {**received.headers, "Wechatpay-Timestamp": stamp}

    with pytest.raises(InvalidCallback) as caught:
        parse(shop, received, headers=headers)

    assert caught.value.details["reason"] == "stale"


@pytest.mark.parametrize(
    "changes",
    [
        {"trade_state": "NOTPAY"},
        {"trade_state": "FUTURE"},
        {"out_trade_no": None},
        {"transaction_id": ""},
        {"success_time": "yesterday"},
        {"success_time": "2026-11-22T10:00:00"},
        {"success_time": "0001-01-01T00:00:00+14:00"},
        {"success_time": "9999-12-31T23:59:59-14:00"},
        {"trade_state": ["SUCCESS"]},
        {"trade_state": {"is": "SUCCESS"}},
        {"out_trade_no": "\ud83d"},
        {"out_trade_no": "a\x00b"},
        {"amount": {"currency": "CNY"}},
        {"amount": {"currency": "CNY", "total": True}},
        {"amount": {"currency": "CNY", "total": 2**63}},
        {"amount": {"currency": "CNY", "total": "19.90"}},
    ],
)
def test_well_signed_half_truth_is_invalid(
    shop: Shop, received: Received, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    half = said(shop, received, **changes)
    client = shop.provider._sdk.client  # type: ignore[attr-defined]
    monkeypatch.setattr(client, "callback", lambda headers, body: half)

    with pytest.raises(InvalidCallback) as caught:
        parse(shop, received)

    assert caught.value.details["reason"] == "unreadable"


def test_event_of_another_kind_is_invalid(
    shop: Shop, received: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = said(shop, received) | {"event_type": "COMPLAINT.CREATE"}
    client = shop.provider._sdk.client  # type: ignore[attr-defined]
    monkeypatch.setattr(client, "callback", lambda headers, body: other)

    with pytest.raises(InvalidCallback) as caught:
        parse(shop, received)

    assert caught.value.details["reason"] == "unknown_event"


def test_unknown_serial_fetches_no_certificates(shop: Shop, receiver: Receiver) -> None:
    order = shop.placed()
    shop.server.post(
        "/callbacks/send", out_trade_no=order.out_trade_no, variant="certificate_serial"
    )
    (received,) = receiver.at(shop.notify_url)
    shop.provider._sdk.forget_answer()  # type: ignore[attr-defined]

    with pytest.raises(InvalidCallback):
        parse(shop, received)

    assert shop.provider._sdk.answer() is None  # type: ignore[attr-defined]
