"""The WeChat adapter against the sandbox: transfers to shoppers, and abnormal refunds."""

from datetime import UTC, datetime
from typing import Any

import pytest

from domain.gateways.errors import (
    GatewayConflict,
    GatewayNeedsFunds,
    GatewayRejected,
    GatewayRetryable,
    GatewayUnknown,
    InvalidCallback,
)
from domain.gateways.protocol import (
    AbnormalRefund,
    BankCard,
    GatewayTransfer,
    RefundStatus,
    TransferEvent,
    TransferStatus,
)
from domain.gateways.reading import Malformed
from domain.gateways.wechat_transfers import read_transfer
from domain.money import Fen
from tests.domain.gateways.conftest import Shop
from tests.domain.gateways.transfers import asked, confirm, fund, transfer_of
from tests.sandbox_server import Receiver, wait_until


@pytest.fixture(autouse=True)
def _funded(shop: Shop) -> None:
    fund(shop)


def wait_for(shop: Shop, number: str, status: TransferStatus) -> GatewayTransfer:
    found = wait_until(
        lambda: (
            [transfer]
            if (transfer := shop.provider.query_transfer(number)).status is status
            else []
        )
    )
    return found[0]


def test_transfer_awaits_the_shopper_with_a_package(shop: Shop) -> None:
    request, transfer = asked(shop)

    assert transfer.status is TransferStatus.AWAITING_SHOPPER
    assert transfer.out_bill_no == request.out_bill_no
    assert transfer.amount_fen == 500
    assert transfer.package_info
    assert transfer.transfer_no
    assert transfer.ended_at is None
    assert "package_info" not in repr(transfer)


def test_phone_confirms_with_the_parameters_and_the_transfer_succeeds(shop: Shop) -> None:
    request, transfer = asked(shop)

    parameters = shop.provider.transfer_parameters(transfer.package_info or "", request.app_id)
    assert set(parameters) == {"mchId", "appId", "package"}
    assert confirm(shop, request, transfer).json() == {"errMsg": "requestMerchantTransfer:ok"}

    ended = wait_for(shop, request.out_bill_no, TransferStatus.SUCCESS)
    assert ended.amount_fen == 500
    assert ended.fail_reason is None
    assert ended.package_info is None
    assert ended.ended_at is not None
    assert abs((ended.ended_at - datetime.now(UTC)).total_seconds()) < 60


def test_same_request_tells_the_same_package_again(shop: Shop) -> None:
    request, first = asked(shop)

    assert shop.provider.transfer(request) == first
    assert shop.provider.query_transfer(request.out_bill_no).package_info is None


def test_transfer_accepted_before_the_connection_dropped_pays_once(shop: Shop) -> None:
    request = transfer_of(shop)
    shop.fault("drop_after", operation="transfer", count=1)

    with pytest.raises(GatewayUnknown):
        shop.provider.transfer(request)
    again = shop.provider.transfer(request)

    (listed,) = shop.server.items("/transfers", out_bill_no=request.out_bill_no)
    assert listed["transfer_bill_no"] == again.transfer_no


def test_changed_transfer_is_a_conflict(shop: Shop) -> None:
    request, _ = asked(shop)

    with pytest.raises(GatewayConflict) as caught:
        asked(shop, out_bill_no=request.out_bill_no, amount_fen=Fen(501))

    assert caught.value.details["gateway_message"] == "单号已存在但信息不一致"


def test_short_balance_needs_funds_and_the_same_number_works_later(fresh_shop: Shop) -> None:
    request = transfer_of(fresh_shop)

    with pytest.raises(GatewayNeedsFunds):
        fresh_shop.provider.transfer(request)

    fund(fresh_shop)
    assert fresh_shop.provider.transfer(request).status is TransferStatus.AWAITING_SHOPPER


def test_texts_are_cut_to_what_the_gateway_takes(shop: Shop) -> None:
    _, transfer = asked(shop, activity_name="长" * 99, reward_note="长" * 99, remark="长" * 99)

    assert transfer.status is TransferStatus.AWAITING_SHOPPER


@pytest.mark.parametrize(
    "changes",
    [
        {"app_id": "wxsomebodyelse"},
        {"notify_url": "https://shop.example/notify?id=1"},
        {"amount_fen": Fen(20_001)},
    ],
)
def test_transfer_the_gateway_refuses_is_rejected(shop: Shop, changes: dict[str, Any]) -> None:
    with pytest.raises(GatewayRejected):
        asked(shop, **changes)


def test_unknown_transfer_is_not_found(shop: Shop) -> None:
    for call in (shop.provider.query_transfer, shop.provider.cancel_transfer):
        found = call("nobodyknowsme")
        assert found == GatewayTransfer("nobodyknowsme", TransferStatus.NOT_FOUND)


def test_cancelled_transfer_ends_later(shop: Shop) -> None:
    request, _ = asked(shop)

    cancelling = shop.provider.cancel_transfer(request.out_bill_no)

    assert cancelling.status is TransferStatus.PROCESSING
    ended = wait_for(shop, request.out_bill_no, TransferStatus.CANCELLED)
    assert ended.ended_at is not None
    assert ended.fail_reason is None


def test_cancel_loses_against_the_shopper(shop: Shop) -> None:
    request, _ = asked(shop)
    shop.fault("confirmed_at_cancel", count=1)

    shop.provider.cancel_transfer(request.out_bill_no)

    wait_for(shop, request.out_bill_no, TransferStatus.SUCCESS)


def test_paid_transfer_is_not_cancelled(shop: Shop) -> None:
    request, transfer = asked(shop)
    confirm(shop, request, transfer)
    wait_for(shop, request.out_bill_no, TransferStatus.SUCCESS)

    with pytest.raises(GatewayRejected):
        shop.provider.cancel_transfer(request.out_bill_no)


@pytest.mark.parametrize("reason", ["REAL_NAME_CHECK_FAIL", "ACCOUNT_FROZEN"])
def test_failed_transfer_says_why(shop: Shop, reason: str) -> None:
    shop.fault("transfer_fails", count=1, reason=reason)
    request, transfer = asked(shop)
    assert transfer.status is TransferStatus.PROCESSING

    ended = wait_for(shop, request.out_bill_no, TransferStatus.FAILED)

    assert ended.fail_reason == reason
    assert ended.ended_at is not None


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [
        ("transfer_overdue", TransferStatus.FAILED, "OVERDUE_CLOSE"),
        ("transfer_stuck", TransferStatus.PROCESSING, None),
    ],
)
def test_transfer_nobody_confirms_says_so(
    shop: Shop, fault: str, status: TransferStatus, reason: str | None
) -> None:
    shop.fault(fault, count=1)
    request, _ = asked(shop)

    assert wait_for(shop, request.out_bill_no, status).fail_reason == reason


def test_overdue_transfer_may_be_cancelled_instead(own_shop: Shop) -> None:
    fund(own_shop, transfer_closes_as="CANCELLED")
    request, _ = asked(own_shop)

    own_shop.server.advance(86_401)

    wait_for(own_shop, request.out_bill_no, TransferStatus.CANCELLED)


@pytest.mark.parametrize("operation", ["transfer", "query_transfer", "cancel_transfer"])
@pytest.mark.parametrize(
    "fault", ["error_before", "error_after", "drop_before", "drop_after", "bad_signature"]
)
def test_whatever_is_unclear_is_unknown(shop: Shop, operation: str, fault: str) -> None:
    request, _ = asked(shop)
    calls = {
        "transfer": lambda: shop.provider.transfer(request),
        "query_transfer": lambda: shop.provider.query_transfer(request.out_bill_no),
        "cancel_transfer": lambda: shop.provider.cancel_transfer(request.out_bill_no),
    }
    shop.fault(fault, operation=operation, count=1)

    with pytest.raises(GatewayUnknown) as caught:
        calls[operation]()

    assert caught.value.details["operation"] == operation


@pytest.mark.parametrize("spelling", ["FREQUENCY_LIMITED", "FREQUENCYLIMITED"])
def test_too_many_requests_are_retryable_in_both_spellings(shop: Shop, spelling: str) -> None:
    if "_" not in spelling:
        shop.fault("other_spelling", count=1)
    shop.fault("frequency_limited", count=1)

    with pytest.raises(GatewayRetryable) as caught:
        asked(shop)

    assert caught.value.details["gateway_code"] == spelling


@pytest.mark.parametrize("is_spelt_otherwise", [False, True])
def test_conflict_is_understood_in_both_spellings(shop: Shop, is_spelt_otherwise: bool) -> None:
    if is_spelt_otherwise:
        shop.fault("other_spelling", count=1)
    shop.fault("transfer_conflict", count=1)

    with pytest.raises(GatewayConflict) as caught:
        asked(shop)

    assert caught.value.details["gateway_code"].replace("_", "") == "INVALIDREQUEST"


def parse(shop: Shop, receiver: Receiver, index: int = 0) -> TransferEvent:
    received = receiver.wait_for(shop.notify_url, index + 1)[index]
    event = shop.provider.parse_callback(received.headers, received.body, datetime.now(UTC))
    assert isinstance(event, TransferEvent)
    return event


def test_callback_of_a_transfer_says_what_a_query_says(shop: Shop, receiver: Receiver) -> None:
    request, transfer = asked(shop)
    confirm(shop, request, transfer)

    event = parse(shop, receiver)

    assert event.event_id
    assert event.transfer == shop.provider.query_transfer(request.out_bill_no)
    assert event.transfer.status is TransferStatus.SUCCESS


def test_callback_of_a_failed_transfer_says_why(shop: Shop, receiver: Receiver) -> None:
    shop.fault("transfer_fails", count=1, reason="NAME_NOT_CORRECT")
    asked(shop)

    transfer = parse(shop, receiver).transfer

    assert (transfer.status, transfer.fail_reason) == (TransferStatus.FAILED, "NAME_NOT_CORRECT")


def test_callback_of_another_merchants_transfer_is_invalid(shop: Shop, receiver: Receiver) -> None:
    shop.fault("callback_wrong_mchid", operation="transfer_callback", count=1)
    request, transfer = asked(shop)
    confirm(shop, request, transfer)

    with pytest.raises(InvalidCallback) as caught:
        parse(shop, receiver)

    assert caught.value.details["reason"] == "wrong_merchant"
    assert parse(shop, receiver, 1).transfer.out_bill_no == request.out_bill_no


def test_callback_is_acknowledged_with_204(shop: Shop) -> None:
    told = shop.provider.acknowledgement()

    assert (told.status, told.body, told.content_type) == (204, b"", None)


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "FUTURE"},
        {"state": None},
        {"out_bill_no": ""},
        {"transfer_bill_no": ["1330"]},
        {"state": ["SUCCESS"]},
        {"update_time": "yesterday"},
    ],
)
def test_half_told_transfer_is_malformed(changes: dict[str, Any]) -> None:
    body = {
        "state": "SUCCESS",
        "out_bill_no": "abcdef",
        "transfer_bill_no": "1330",
        "update_time": "2026-11-22T10:00:00+08:00",
    }

    with pytest.raises(Malformed):
        read_transfer(body | changes, amount_fen=Fen(1))


def abnormal(shop: Shop) -> AbnormalRefund:
    shop.fault("refund_abnormal", count=1)
    request = shop.refund_of(shop.paid())
    refund = shop.provider.refund(request)
    number = request.out_refund_no
    wait_until(lambda: shop.provider.query_refund(number).status is RefundStatus.ABNORMAL)
    return AbnormalRefund(refund.refund_id or "", number)


@pytest.mark.parametrize(
    "card", [None, BankCard(bank_type="ICBC_DEBIT", number="6222020000000000123", holder="张三")]
)
def test_abnormal_refund_arrives_elsewhere(shop: Shop, card: BankCard | None) -> None:
    refund = abnormal(shop)

    redirected = shop.provider.redirect_abnormal_refund(
        AbnormalRefund(refund.refund_id, refund.out_refund_no, card)
    )

    assert redirected.status is RefundStatus.PROCESSING
    wait_until(
        lambda: shop.provider.query_refund(refund.out_refund_no).status is RefundStatus.SUCCESS
    )


def test_refund_that_is_not_abnormal_is_not_redirected(shop: Shop) -> None:
    request = shop.refund_of(shop.paid())
    refund = shop.provider.refund(request)

    with pytest.raises(GatewayRejected):
        shop.provider.redirect_abnormal_refund(
            AbnormalRefund(refund.refund_id or "", request.out_refund_no)
        )


def test_incomplete_card_is_rejected_before_it_is_sent(shop: Shop) -> None:
    card = BankCard(bank_type="ICBC_DEBIT", number="", holder="张三")
    shop.provider._sdk.forget_answer()  # type: ignore[attr-defined]

    with pytest.raises(GatewayRejected):
        shop.provider.redirect_abnormal_refund(AbnormalRefund("503000000", "abcdef", card))

    assert shop.provider._sdk.answer() is None  # type: ignore[attr-defined]


def test_card_does_not_show_in_logs() -> None:
    card = BankCard(bank_type="ICBC_DEBIT", number="6222020000000000123", holder="张三")

    assert "6222" not in repr(card)
    assert "张三" not in repr(card)
