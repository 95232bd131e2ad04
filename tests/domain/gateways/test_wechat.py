"""The WeChat adapter against the sandbox: what it says of orders and refunds."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.gateways.errors import (
    GatewayConflict,
    GatewayNeedsFunds,
    GatewayRejected,
    GatewayRetryable,
    GatewayUnknown,
)
from domain.gateways.protocol import CloseResult, PaymentStatus, RefundStatus
from domain.gateways.wechat_asking import NumberUnfit
from domain.money import Fen
from tests.domain.gateways.conftest import Shop, shop_of
from tests.sandbox_server import wait_until


def test_same_request_gets_the_same_prepay_id(shop: Shop) -> None:
    request = shop.request()

    first, second = shop.provider.prepay(request), shop.provider.prepay(request)

    assert first == second
    assert first.prepay_id.startswith("wx")


def test_long_description_is_cut(shop: Shop) -> None:
    assert shop.provider.prepay(shop.request(description="长" * 300)).prepay_id


def test_client_parameters_are_accepted_by_the_shoppers_phone(shop: Shop) -> None:
    request = shop.request()
    prepared = shop.provider.prepay(request)

    parameters = shop.provider.client_parameters(prepared.prepay_id, request.app_id)

    response = shop.server.http.post("/shopper/pay", json=parameters | {"openid": request.payer_id})
    assert response.json() == {"errMsg": "requestPayment:ok"}
    assert shop.provider.query(request.out_trade_no).status is PaymentStatus.PAID


def test_client_parameters_are_signed_anew_each_time(shop: Shop) -> None:
    app_id = shop.keys["appid"]

    first, second = (shop.provider.client_parameters("wx1", app_id) for _ in range(2))

    assert first["package"] == second["package"] == "prepay_id=wx1"
    assert first["nonceStr"] != second["nonceStr"]
    assert first["paySign"] != second["paySign"]


def test_unknown_order_is_not_found(shop: Shop) -> None:
    payment = shop.provider.query("nobodyknowsme")

    assert payment.status is PaymentStatus.NOT_FOUND
    assert not payment.is_paid


def test_unpaid_order_is_pending(shop: Shop) -> None:
    payment = shop.provider.query(shop.placed().out_trade_no)

    assert payment.status is PaymentStatus.PENDING
    assert payment.amount_fen is None


def test_paid_order_says_when_by_whom_and_how_much(shop: Shop) -> None:
    request = shop.placed()
    shop.server.post(
        "/pay", out_trade_no=request.out_trade_no, success_time="2026-11-22T23:59:59+08:00"
    )

    payment = shop.provider.query(request.out_trade_no)

    assert payment.status is PaymentStatus.PAID
    assert payment.is_paid
    assert payment.amount_fen == 1990
    assert payment.payer_id == request.payer_id
    assert payment.succeeded_at == datetime(2026, 11, 22, 15, 59, 59, tzinfo=UTC)
    assert payment.transaction_id


def test_order_being_refunded_counts_as_paid(shop: Shop) -> None:
    order = shop.paid()
    shop.provider.refund(shop.refund_of(order))

    payment = shop.provider.query(order.out_trade_no)

    assert payment.status is PaymentStatus.REFUNDING
    assert payment.is_paid
    assert payment.amount_fen == 1990


def test_close_says_closed_and_again_closed(shop: Shop) -> None:
    number = shop.placed().out_trade_no

    results = [shop.provider.close(number) for _ in range(2)]

    assert results == [CloseResult.CLOSED, CloseResult.CLOSED]
    assert shop.provider.query(number).status is PaymentStatus.CLOSED


def test_close_says_already_paid(shop: Shop) -> None:
    assert shop.provider.close(shop.paid().out_trade_no) is CloseResult.ALREADY_PAID


def test_close_says_not_found(shop: Shop) -> None:
    assert shop.provider.close("nobodyknowsme") is CloseResult.NOT_FOUND


def test_shopper_who_pays_during_the_close_is_already_paid(shop: Shop) -> None:
    number = shop.placed().out_trade_no
    shop.fault("paid_at_close", count=1)

    assert shop.provider.close(number) is CloseResult.ALREADY_PAID
    assert shop.provider.query(number).is_paid


@pytest.mark.parametrize("state", ["paid", "placed", "unknown"])
def test_codes_are_understood_in_their_other_spelling(shop: Shop, state: str) -> None:
    expected = {
        "paid": CloseResult.ALREADY_PAID,
        "placed": CloseResult.CLOSED,
        "unknown": CloseResult.NOT_FOUND,
    }
    number = "nobodyknowsme" if state == "unknown" else getattr(shop, state)().out_trade_no
    shop.fault("other_spelling")

    assert shop.provider.close(number) is expected[state]


def test_refund_is_accepted_and_then_arrives(shop: Shop) -> None:
    request = shop.refund_of(shop.paid())

    accepted = shop.provider.refund(request)

    assert accepted.status is RefundStatus.PROCESSING
    assert accepted.amount_fen == 1990
    assert accepted.succeeded_at is None
    arrived = wait_until(
        lambda: (
            refund
            if (refund := shop.provider.query_refund(request.out_refund_no)).status
            is RefundStatus.SUCCESS
            else None
        )
    )
    assert arrived.succeeded_at is not None
    assert arrived.refund_id == accepted.refund_id
    assert arrived.out_trade_no == request.out_trade_no


def test_same_refund_again_is_the_same_refund(shop: Shop) -> None:
    request = shop.refund_of(shop.paid())

    first, second = shop.provider.refund(request), shop.provider.refund(request)

    assert first.refund_id == second.refund_id


def test_unknown_refund_is_not_found(shop: Shop) -> None:
    assert shop.provider.query_refund("nobodyknowsme").status is RefundStatus.NOT_FOUND


@pytest.mark.parametrize("status", [RefundStatus.ABNORMAL, RefundStatus.CLOSED])
def test_refund_that_ends_badly_says_so(shop: Shop, status: RefundStatus) -> None:
    shop.fault(f"refund_{status}", count=1)
    request = shop.refund_of(shop.paid())

    shop.provider.refund(request)

    wait_until(lambda: shop.provider.query_refund(request.out_refund_no).status is status)


def test_changed_order_is_a_conflict(shop: Shop) -> None:
    request = shop.placed()

    with pytest.raises(GatewayConflict) as caught:
        shop.provider.prepay(shop.request(out_trade_no=request.out_trade_no))

    assert caught.value.details["operation"] == "prepay"
    assert caught.value.details["gateway_code"] == "INVALID_REQUEST"


def test_changed_refund_is_a_conflict(shop: Shop) -> None:
    request = shop.refund_of(shop.paid())
    shop.provider.refund(request)

    with pytest.raises(GatewayConflict):
        shop.provider.refund(
            shop.refund_of(
                shop.request(out_trade_no=request.out_trade_no),
                out_refund_no=request.out_refund_no,
                amount_fen=Fen(1),
            )
        )


def test_paying_a_closed_order_again_is_rejected(shop: Shop) -> None:
    request = shop.placed()
    shop.provider.close(request.out_trade_no)

    with pytest.raises(GatewayRejected):
        shop.provider.prepay(request)


def test_paid_order_asked_for_again_is_unknown_and_a_query_tells(shop: Shop) -> None:
    request = shop.paid()

    with pytest.raises(GatewayUnknown):
        shop.provider.prepay(request)

    assert shop.provider.query(request.out_trade_no).is_paid


@pytest.mark.parametrize(
    "changes",
    [
        {"notify_url": "http://shop.example/notify?order=1"},
        {"amount_fen": Fen(0)},
        {"expires_at": datetime(2026, 1, 1, tzinfo=UTC)},
    ],
)
def test_bad_order_is_rejected(shop: Shop, changes: dict[str, Any]) -> None:
    with pytest.raises(GatewayRejected):
        shop.provider.prepay(shop.request(**changes))


def test_refund_of_an_unpaid_order_is_rejected(shop: Shop) -> None:
    with pytest.raises(GatewayRejected):
        shop.provider.refund(shop.refund_of(shop.placed()))


def test_refund_of_more_than_was_paid_is_rejected(shop: Shop) -> None:
    order = shop.paid()

    with pytest.raises(GatewayRejected):
        shop.provider.refund(shop.refund_of(order, amount_fen=Fen(1991)))


def test_wrong_key_of_ours_is_rejected(shop: Shop) -> None:
    other = shop.server.open_account()
    keys = shop.keys | {"merchant_private_key": other["merchant_private_key"]}
    impostor = shop_of(shop.server, keys, shop.notify_url)

    with pytest.raises(GatewayRejected) as caught:
        impostor.provider.prepay(impostor.request())

    assert caught.value.details["http_status"] == 401


def test_short_balance_needs_funds_and_the_same_number_works_later(fresh_shop: Shop) -> None:
    request = fresh_shop.refund_of(fresh_shop.paid())
    account = f"/accounts/{fresh_shop.keys['mchid']}"
    fresh_shop.server.post(account, balance_fen=0)

    with pytest.raises(GatewayNeedsFunds):
        fresh_shop.provider.refund(request)

    fresh_shop.server.post(account, balance_fen=1990)
    assert fresh_shop.provider.refund(request).status is RefundStatus.PROCESSING


def test_short_balance_is_understood_in_its_old_spelling(shop: Shop) -> None:
    order = shop.paid()
    shop.fault("not_enough", count=1)
    shop.fault("other_spelling", count=1)

    with pytest.raises(GatewayNeedsFunds) as caught:
        shop.provider.refund(shop.refund_of(order))

    assert caught.value.details["gateway_code"] == "NOTENOUGH"


def test_second_refund_within_a_minute_is_retryable(own_shop: Shop) -> None:
    order = own_shop.paid()
    own_shop.provider.refund(own_shop.refund_of(order, amount_fen=Fen(990)))
    rest = own_shop.refund_of(order, amount_fen=Fen(1000))

    with pytest.raises(GatewayRetryable):
        own_shop.provider.refund(rest)

    own_shop.server.advance(61)
    assert own_shop.provider.refund(rest).status is RefundStatus.PROCESSING


@pytest.mark.parametrize("operation", ["prepay", "query", "close", "refund", "query_refund"])
@pytest.mark.parametrize(
    "fault", ["error_before", "error_after", "drop_before", "drop_after", "bad_signature"]
)
def test_whatever_is_unclear_is_unknown(shop: Shop, operation: str, fault: str) -> None:
    order = shop.paid() if operation in {"refund", "query"} else shop.placed()
    calls = {
        "prepay": lambda: shop.provider.prepay(order),
        "query": lambda: shop.provider.query(order.out_trade_no),
        "close": lambda: shop.provider.close(order.out_trade_no),
        "refund": lambda: shop.provider.refund(shop.refund_of(order)),
        "query_refund": lambda: shop.provider.query_refund("nobodyknowsme"),
    }
    shop.fault(fault, operation=operation, count=1)

    with pytest.raises(GatewayUnknown) as caught:
        calls[operation]()

    assert caught.value.details["operation"] == operation


def test_badly_signed_error_is_unknown(shop: Shop) -> None:
    shop.fault("bad_signature", operation="close", count=1)

    with pytest.raises(GatewayUnknown):
        shop.provider.close("nobodyknowsme")


def test_unsigned_word_of_no_such_order_is_unknown(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shop.provider._sdk, "is_signed", lambda headers, body: False)  # type: ignore[attr-defined]

    with pytest.raises(GatewayUnknown):
        shop.provider.query("nobodyknowsme")


def test_answer_signed_long_ago_is_unknown(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    order = shop.placed()
    later = datetime.now(UTC) + timedelta(minutes=6)
    monkeypatch.setattr("domain.gateways.wechat_asking.real_now", lambda: later)

    with pytest.raises(GatewayUnknown):
        shop.provider.query(order.out_trade_no)


def test_too_many_requests_are_retryable(shop: Shop) -> None:
    shop.fault("frequency_limited", count=1)

    with pytest.raises(GatewayRetryable):
        shop.provider.prepay(shop.request())


def test_order_accepted_before_the_time_out_is_there_and_the_same_number_goes_on(
    shop: Shop, brief_timeout: Any
) -> None:
    request = shop.request()
    shop.fault("latency_after", operation="prepay", latency_ms=1500, count=1)
    brief_timeout()

    with pytest.raises(GatewayUnknown) as caught:
        shop.provider.prepay(request)

    assert "ReadTimeout" in caught.value.message
    assert shop.provider.query(request.out_trade_no).status is PaymentStatus.PENDING
    assert shop.provider.prepay(request).prepay_id


def test_refund_accepted_before_the_connection_dropped_refunds_once(shop: Shop) -> None:
    request = shop.refund_of(shop.paid())
    shop.fault("drop_after", operation="refund", count=1)

    with pytest.raises(GatewayUnknown):
        shop.provider.refund(request)
    again = shop.provider.refund(request)

    refunds = shop.server.items("/refunds", out_trade_no=request.out_trade_no)
    assert [one["refund_id"] for one in refunds] == [again.refund_id]


def test_gateway_that_is_away_is_unknown(shop: Shop) -> None:
    core = shop.provider._sdk.client._core  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(core, "_gate_way", "http://127.0.0.1:9")

        with pytest.raises(GatewayUnknown):
            shop.provider.query(secrets.token_hex(8))


@pytest.mark.parametrize("number", ["short", "x" * 33, "with/slash", "with?query", "带中文的单号"])
def test_number_unfit_for_a_path_never_leaves(shop: Shop, number: str) -> None:
    for call in (shop.provider.query, shop.provider.close):
        with pytest.raises(NumberUnfit):
            call(number)


@pytest.mark.parametrize("number", ["", "x" * 65, "with/slash", "with?query", "带中文的单号"])
def test_refund_number_unfit_for_a_path_never_leaves(shop: Shop, number: str) -> None:
    with pytest.raises(NumberUnfit):
        shop.provider.query_refund(number)
