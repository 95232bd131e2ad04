"""The Alipay adapter against the sandbox: what it says of trades, refunds and transfers."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.gateways import alipay_sdk
from domain.gateways.alipay_login import exchange_code
from domain.gateways.errors import (
    GatewayConflict,
    GatewayNeedsFunds,
    GatewayRejected,
    GatewayRetryable,
    GatewayUnknown,
    LoginCodeRefused,
)
from domain.gateways.protocol import (
    AbnormalRefund,
    CloseResult,
    PaymentStatus,
    RefundStatus,
    TransferStatus,
)
from domain.money import Fen
from tests.domain.gateways.alipay_fixtures import alipay, alipay_keys, fresh_alipay
from tests.domain.gateways.alipay_shop import AlipayShop
from tests.domain.gateways.conftest import Shop

__all__ = ["alipay", "alipay_keys", "fresh_alipay"]


def test_code_is_traded_for_the_open_id_once(alipay: AlipayShop) -> None:
    minted = alipay.server.post("/alipay/codes", app_id=alipay.keys["app_id"])

    assert exchange_code(alipay.provider, minted["code"]) == minted["open_id"]
    with pytest.raises(LoginCodeRefused):
        exchange_code(alipay.provider, minted["code"])


def test_login_without_an_answer_is_unknown(alipay: AlipayShop) -> None:
    minted = alipay.server.post("/alipay/codes", app_id=alipay.keys["app_id"])
    alipay.fault("drop_after", operation="code2session", count=1)

    with pytest.raises(GatewayUnknown) as caught:
        exchange_code(alipay.provider, minted["code"])

    assert minted["code"] not in str(caught.value.details)
    assert caught.value.__cause__ is None


def test_login_of_a_busy_app_may_be_tried_again(alipay: AlipayShop) -> None:
    minted = alipay.server.post("/alipay/codes", app_id=alipay.keys["app_id"])
    alipay.fault("frequency_limited", operation="code2session", count=1)

    with pytest.raises(GatewayRetryable):
        exchange_code(alipay.provider, minted["code"])

    assert exchange_code(alipay.provider, minted["code"]) == minted["open_id"]


def test_another_gateways_account_has_no_auth_codes(shop: Shop) -> None:
    with pytest.raises(TypeError):
        exchange_code(shop.provider, "code")


def test_same_request_gets_the_same_trade(alipay: AlipayShop) -> None:
    request = alipay.request()

    first, second = alipay.provider.prepay(request), alipay.provider.prepay(request)

    assert first == second
    assert first.prepay_id.isdigit()


def test_subject_loses_what_alipay_forbids(alipay: AlipayShop) -> None:
    request = alipay.request(description="半价/全价 a=b & c" + "长" * 300)

    assert alipay.provider.prepay(request).prepay_id


def test_client_parameters_are_accepted_by_the_shoppers_phone(alipay: AlipayShop) -> None:
    request = alipay.request()
    prepared = alipay.provider.prepay(request)

    parameters = alipay.provider.client_parameters(prepared.prepay_id, request.app_id)

    tapped = alipay.server.http.post(
        "/shopper/alipay/pay", json=parameters | {"open_id": request.payer_id}
    )
    assert parameters == {"tradeNO": prepared.prepay_id}
    assert tapped.json()["resultCode"] == "9000"
    assert alipay.provider.query(request.out_trade_no).status is PaymentStatus.PAID


def test_unknown_trade_is_not_found(alipay: AlipayShop) -> None:
    assert alipay.provider.query("nobodyknowsme").status is PaymentStatus.NOT_FOUND


def test_unpaid_trade_is_pending(alipay: AlipayShop) -> None:
    payment = alipay.provider.query(alipay.placed().out_trade_no)

    assert payment.status is PaymentStatus.PENDING
    assert payment.amount_fen is None


@pytest.mark.parametrize("fen", [1, 10, 99, 100, 101, 1990, 123456789])
def test_amounts_cross_the_border_exactly(alipay: AlipayShop, fen: int) -> None:
    payment = alipay.provider.query(alipay.paid(amount_fen=Fen(fen)).out_trade_no)

    assert payment.amount_fen == fen


def test_paid_trade_says_when_by_whom_and_how_much(alipay: AlipayShop) -> None:
    request = alipay.placed()
    alipay.server.post(
        "/alipay/pay", out_trade_no=request.out_trade_no, paid_at="2026-11-22T23:59:59+08:00"
    )

    payment = alipay.provider.query(request.out_trade_no)

    assert payment.status is PaymentStatus.PAID
    assert payment.amount_fen == 1990
    assert payment.payer_id == request.payer_id
    assert payment.succeeded_at == datetime(2026, 11, 22, 15, 59, 59, tzinfo=UTC)
    assert payment.transaction_id


def test_trade_refunded_in_full_still_counts_as_paid(alipay: AlipayShop) -> None:
    order = alipay.paid()
    alipay.provider.refund(alipay.refund_of(order))

    payment = alipay.provider.query(order.out_trade_no)

    assert payment.status is PaymentStatus.REFUNDING
    assert payment.amount_fen == 1990


def test_trade_refunded_in_part_is_paid(alipay: AlipayShop) -> None:
    order = alipay.paid()
    alipay.provider.refund(alipay.refund_of(order, amount_fen=Fen(1)))

    assert alipay.provider.query(order.out_trade_no).status is PaymentStatus.PAID


def test_close_says_closed_and_again_closed(alipay: AlipayShop) -> None:
    number = alipay.placed().out_trade_no

    results = [alipay.provider.close(number) for _ in range(2)]

    assert results == [CloseResult.CLOSED, CloseResult.CLOSED]
    assert alipay.provider.query(number).status is PaymentStatus.CLOSED


def test_close_says_already_paid(alipay: AlipayShop) -> None:
    assert alipay.provider.close(alipay.paid().out_trade_no) is CloseResult.ALREADY_PAID


def test_close_of_a_refunded_trade_says_already_paid(alipay: AlipayShop) -> None:
    order = alipay.paid()
    alipay.provider.refund(alipay.refund_of(order))

    assert alipay.provider.close(order.out_trade_no) is CloseResult.ALREADY_PAID


def test_close_says_not_found(alipay: AlipayShop) -> None:
    assert alipay.provider.close("nobodyknowsme") is CloseResult.NOT_FOUND


def test_shopper_who_pays_during_the_close_is_already_paid(alipay: AlipayShop) -> None:
    number = alipay.placed().out_trade_no
    alipay.fault("paid_at_close", count=1)

    assert alipay.provider.close(number) is CloseResult.ALREADY_PAID


def test_prepay_of_a_closed_trade_is_rejected(alipay: AlipayShop) -> None:
    request = alipay.placed()
    alipay.provider.close(request.out_trade_no)

    with pytest.raises(GatewayRejected):
        alipay.provider.prepay(request)


def test_prepay_of_a_paid_trade_is_unknown(alipay: AlipayShop) -> None:
    with pytest.raises(GatewayUnknown):
        alipay.provider.prepay(alipay.paid())


def test_changed_prepay_is_a_conflict(alipay: AlipayShop) -> None:
    request = alipay.placed()

    with pytest.raises(GatewayConflict) as caught:
        alipay.provider.prepay(alipay.request(out_trade_no=request.out_trade_no))

    assert caught.value.details["gateway_code"] == "ACQ.CONTEXT_INCONSISTENT"


def test_refund_is_done_at_once(alipay: AlipayShop) -> None:
    request = alipay.refund_of(alipay.paid())

    refund = alipay.provider.refund(request)

    assert refund.status is RefundStatus.SUCCESS
    assert refund.amount_fen == 1990
    assert refund.succeeded_at is not None
    assert refund == alipay.provider.query_refund(request.out_refund_no, request.out_trade_no)


def test_repeated_refund_is_for_a_query_to_tell(fresh_alipay: AlipayShop) -> None:
    request = fresh_alipay.refund_of(fresh_alipay.paid(), amount_fen=Fen(500))
    fresh_alipay.provider.refund(request)

    again = fresh_alipay.provider.refund(request)

    assert again.status is RefundStatus.PROCESSING
    told = fresh_alipay.provider.query_refund(request.out_refund_no, request.out_trade_no)
    assert told.status is RefundStatus.SUCCESS
    assert told.amount_fen == 500
    account = fresh_alipay.server.get(f"/alipay/accounts/{fresh_alipay.seller_id}")
    assert account["balance_fen"] == 1490


def test_second_refund_says_its_own_amount(alipay: AlipayShop) -> None:
    order = alipay.paid()
    alipay.provider.refund(alipay.refund_of(order, amount_fen=Fen(500)))

    refund = alipay.provider.refund(alipay.refund_of(order, amount_fen=Fen(700)))

    assert refund.amount_fen == 700


def test_unknown_refund_is_not_found(alipay: AlipayShop) -> None:
    order = alipay.paid()

    of_trade = alipay.provider.query_refund("nobodyknowsme", order.out_trade_no)
    of_none = alipay.provider.query_refund("nobodyknowsme", "neitherme")

    assert of_trade.status is of_none.status is RefundStatus.NOT_FOUND


def test_refund_without_funds_needs_funds(fresh_alipay: AlipayShop) -> None:
    request = fresh_alipay.refund_of(fresh_alipay.paid())
    fresh_alipay.fund(0)

    with pytest.raises(GatewayNeedsFunds):
        fresh_alipay.provider.refund(request)

    fresh_alipay.fund(1990)
    assert fresh_alipay.provider.refund(request).status is RefundStatus.SUCCESS


def test_changed_refund_is_a_conflict(alipay: AlipayShop) -> None:
    order = alipay.paid()
    request = alipay.refund_of(order, amount_fen=Fen(500))
    alipay.provider.refund(request)

    with pytest.raises(GatewayConflict):
        alipay.provider.refund(
            alipay.refund_of(order, out_refund_no=request.out_refund_no, amount_fen=Fen(501))
        )


@pytest.mark.parametrize("state", ["placed", "request"])
def test_refund_of_an_unpaid_trade_is_rejected(alipay: AlipayShop, state: str) -> None:
    order = getattr(alipay, state)()

    with pytest.raises(GatewayRejected):
        alipay.provider.refund(alipay.refund_of(order))


def test_transfer_is_done_at_once_and_once(fresh_alipay: AlipayShop) -> None:
    fresh_alipay.fund(1000)
    request = fresh_alipay.transfer()

    first, second = (fresh_alipay.provider.transfer(request) for _ in range(2))

    assert first == second == fresh_alipay.provider.query_transfer(request.out_bill_no)
    assert first.status is TransferStatus.SUCCESS
    assert first.amount_fen == 188
    assert first.ended_at is not None
    account = fresh_alipay.server.get(f"/alipay/accounts/{fresh_alipay.seller_id}")
    assert account["balance_fen"] == 812


def test_transfer_without_funds_needs_funds(fresh_alipay: AlipayShop) -> None:
    with pytest.raises(GatewayNeedsFunds):
        fresh_alipay.provider.transfer(fresh_alipay.transfer())


def test_changed_transfer_is_a_conflict(fresh_alipay: AlipayShop) -> None:
    fresh_alipay.fund(1000)
    request = fresh_alipay.transfer()
    fresh_alipay.provider.transfer(request)

    with pytest.raises(GatewayConflict):
        fresh_alipay.provider.transfer(fresh_alipay.transfer(out_bill_no=request.out_bill_no))


def test_transfer_below_ten_fen_is_rejected(alipay: AlipayShop) -> None:
    with pytest.raises(GatewayRejected):
        alipay.provider.transfer(alipay.transfer(amount_fen=Fen(9)))


def test_unknown_transfer_is_not_found(alipay: AlipayShop) -> None:
    transfer = alipay.provider.query_transfer("nobodyknowsme")

    assert transfer.status is TransferStatus.NOT_FOUND
    assert transfer.amount_fen is None


@pytest.mark.parametrize(
    ("said", "status", "reason"),
    [
        ("DEALING", TransferStatus.PROCESSING, None),
        ("FAIL", TransferStatus.FAILED, "PAYEE_ACCOUNT_STATUS_ERROR"),
        ("REFUND", TransferStatus.FAILED, "PAYEE_ACCOUNT_STATUS_ERROR"),
    ],
)
def test_transfer_may_end_otherwise(
    fresh_alipay: AlipayShop, said: str, status: TransferStatus, reason: str | None
) -> None:
    fresh_alipay.fund(1000)
    request = fresh_alipay.transfer()
    fresh_alipay.provider.transfer(request)
    fresh_alipay.server.post(
        "/alipay/transfers/end",
        seller_id=fresh_alipay.seller_id,
        out_biz_no=request.out_bill_no,
        status=said,
        fail_reason="PAYEE_ACCOUNT_STATUS_ERROR",
    )

    told = fresh_alipay.provider.query_transfer(request.out_bill_no)

    assert (told.status, told.fail_reason) == (status, reason)


def test_what_alipay_does_not_have_is_rejected(alipay: AlipayShop) -> None:
    with pytest.raises(GatewayRejected):
        alipay.provider.cancel_transfer("bill123")
    with pytest.raises(GatewayRejected):
        alipay.provider.redirect_abnormal_refund(AbnormalRefund("1", "2"))
    assert alipay.provider.transfer_parameters("", alipay.keys["app_id"]) == {}


def test_acknowledgement_is_the_word_success(alipay: AlipayShop) -> None:
    answer = alipay.provider.acknowledgement()

    assert (answer.status, answer.body) == (200, b"success")


CALLS: dict[str, Callable[[AlipayShop], Any]] = {
    "prepay": lambda shop: shop.provider.prepay(shop.request()),
    "query": lambda shop: shop.provider.query("unknown123"),
    "close": lambda shop: shop.provider.close("unknown123"),
    "refund": lambda shop: shop.provider.refund(shop.refund_of(shop.request())),
    "query_refund": lambda shop: shop.provider.query_refund("unknown123", "unknown456"),
    "transfer": lambda shop: shop.provider.transfer(shop.transfer()),
    "query_transfer": lambda shop: shop.provider.query_transfer("unknown123"),
}


@pytest.mark.parametrize(
    "fault", ["drop_before", "drop_after", "error_before", "error_after", "bad_signature"]
)
@pytest.mark.parametrize("call", CALLS)
def test_no_believable_answer_is_unknown(alipay: AlipayShop, call: str, fault: str) -> None:
    alipay.fault(fault)

    with pytest.raises(GatewayUnknown) as caught:
        CALLS[call](alipay)

    assert caught.value.details["operation"] == call


@pytest.mark.parametrize("call", CALLS)
def test_limited_call_may_be_tried_again(alipay: AlipayShop, call: str) -> None:
    alipay.fault("frequency_limited")

    with pytest.raises(GatewayRetryable):
        CALLS[call](alipay)


def test_stranger_gets_unsigned_words_that_are_not_believed(alipay: AlipayShop) -> None:
    stranger = alipay.provider.sdk.client  # type: ignore[attr-defined]
    stranger._appid = "2021000000000000"
    try:
        with pytest.raises(GatewayUnknown):
            alipay.provider.query("unknown123")
    finally:
        stranger._appid = alipay.keys["app_id"]


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let calls time out after 0.3 seconds."""
    monkeypatch.setattr(alipay_sdk, "READ_SECONDS", 0.3)


@pytest.mark.usefixtures("hurry")
def test_time_out_after_the_effect_is_unknown_and_repeatable(alipay: AlipayShop) -> None:
    order = alipay.paid()
    request = alipay.refund_of(order)
    alipay.fault("latency_after", operation="refund", latency_ms=1500, count=1)

    with pytest.raises(GatewayUnknown):
        alipay.provider.refund(request)

    told = alipay.provider.query_refund(request.out_refund_no, request.out_trade_no)
    assert told.status is RefundStatus.SUCCESS
    assert alipay.provider.refund(request).status is RefundStatus.PROCESSING


def test_close_stays_within_its_time_with_two_requests(
    alipay: AlipayShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alipay_sdk, "_BUDGET_SECONDS", 1.0)
    number = alipay.paid().out_trade_no
    alipay.fault("latency", latency_ms=700)
    began = time.monotonic()

    with pytest.raises(GatewayUnknown):
        alipay.provider.close(number)

    assert time.monotonic() - began < 1.5


def test_biz_content_is_written_exactly(alipay: AlipayShop) -> None:
    request = alipay.placed(amount_fen=Fen(5))

    (trade,) = alipay.server.items("/alipay/orders", out_trade_no=request.out_trade_no)

    assert trade["total_fen"] == 5
    assert trade["notify_url"] == request.notify_url
