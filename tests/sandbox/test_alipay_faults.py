"""The faults that know no protocol strike the sandbox's Alipay, too."""

import pytest

from tests.sandbox.alipay import AlipayMerchant, today
from tests.sandbox.test_alipay_bills import ask, files, next_morning
from tests.sandbox.test_alipay_money_back import ask_refund, ask_transfer
from tests.sandbox.test_alipay_notices import is_genuine, said
from tests.sandbox_server import Receiver


def rows_of(alipay: AlipayMerchant, kind: str, on: str) -> list[str]:
    (detail, *_) = files(alipay, kind, on).values()
    return [line for line in detail.splitlines() if not line.startswith("#")][1:]


@pytest.mark.parametrize("name", ["tampered", "forged", "unsigned"])
def test_forged_notification_comes_before_the_genuine(
    alipay: AlipayMerchant, receiver: Receiver, name: str
) -> None:
    alipay.fault(f"callback_{name}", count=1)
    order = alipay.paid()

    first, second = receiver.wait_for(alipay.notify_url, 2)

    assert name == "unsigned" or not is_genuine(alipay, first)
    assert ("sign" in said(first)) == (name != "unsigned")
    assert is_genuine(alipay, second)
    assert said(second)["out_trade_no"] == order["out_trade_no"]


def test_notification_that_says_another_seller_is_well_signed(
    alipay: AlipayMerchant, receiver: Receiver
) -> None:
    alipay.fault("callback_wrong_mchid", count=1)
    alipay.paid()

    first, _ = receiver.wait_for(alipay.notify_url, 2)

    assert is_genuine(alipay, first)
    assert said(first)["seller_id"] != alipay.seller_id


def test_notification_of_a_kind_only_wechat_has_is_left_out(
    alipay: AlipayMerchant, receiver: Receiver
) -> None:
    alipay.fault("callback_signtest", count=1)
    alipay.paid()
    alipay.paid()

    received = receiver.wait_for(alipay.notify_url, 2)

    assert all(is_genuine(alipay, one) for one in received)


def test_notification_is_never_sent_or_eight_times(
    alipay: AlipayMerchant, receiver: Receiver
) -> None:
    alipay.fault("callback_never", count=1)
    alipay.paid()
    alipay.server.wait_drained()
    assert receiver.at(alipay.notify_url) == []

    alipay.fault("callback_parallel", count=1)
    alipay.paid()

    assert len({said(one)["notify_id"] for one in receiver.wait_for(alipay.notify_url, 8)}) == 1


def test_trade_is_paid_before_its_answer(alipay: AlipayMerchant, receiver: Receiver) -> None:
    alipay.fault("callback_before_answer", operation="prepay", count=1)

    alipay.placed()

    assert len(receiver.at(alipay.notify_url)) == 1


def test_trade_is_paid_after_it_was_closed(alipay: AlipayMerchant) -> None:
    order = alipay.placed()
    alipay.fault("closed_then_paid", count=1)

    assert alipay.close(order)["code"] == "10000"

    assert alipay.query(order)["trade_status"] == "TRADE_SUCCESS"


def test_lagging_record_does_not_find_what_exists(alipay: AlipayMerchant) -> None:
    order = alipay.paid()
    alipay.refund(order, "1.00", "r1")
    transfer = alipay.transfer()
    for operation in ("query", "query_refund", "query_transfer"):
        alipay.fault("not_found", operation=operation, count=1)

    assert alipay.query(order)["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    assert "refund_amount" not in ask_refund(alipay, order, "r1")
    assert ask_transfer(alipay, transfer["out_biz_no"])["sub_code"] == "ORDER_NOT_EXIST"
    assert alipay.query(order)["trade_status"] == "TRADE_SUCCESS"
    assert ask_refund(alipay, order, "r1")["refund_amount"] == "1.00"
    assert ask_transfer(alipay, transfer["out_biz_no"])["status"] == "SUCCESS"


@pytest.mark.parametrize(
    ("name", "status"), [("transfer_stuck", "DEALING"), ("transfer_fails", "FAIL")]
)
def test_transfer_ends_as_the_fault_says(
    fresh_alipay: AlipayMerchant, name: str, status: str
) -> None:
    fresh_alipay.server.post(f"/alipay/accounts/{fresh_alipay.seller_id}", balance_fen=10_000)
    fresh_alipay.fault(name, count=1, reason="ACCOUNT_FROZEN")

    transfer = fresh_alipay.transfer()

    assert transfer["status"] == status
    told = ask_transfer(fresh_alipay, transfer["out_biz_no"])
    assert told["status"] == status
    assert (told.get("fail_reason") == "ACCOUNT_FROZEN") == (status == "FAIL")
    assert fresh_alipay.balance() == (10_000 if status == "FAIL" else 9812)


def test_transfer_conflicts_by_fault(alipay: AlipayMerchant) -> None:
    alipay.fault("transfer_conflict", count=1)

    assert alipay.transfer()["sub_code"] == "PAYMENT_INFO_INCONSISTENCY"


@pytest.mark.parametrize("kind", ["trade", "signcustomer"])
def test_bills_are_late_and_falsified(own_alipay: AlipayMerchant, kind: str) -> None:
    on = today()
    own_alipay.refund(own_alipay.paid(), "5.00", "r1")
    own_alipay.paid()
    next_morning(own_alipay, hour=10)
    own_alipay.fault("bill_late", count=1)
    assert ask(own_alipay, kind, on)["sub_code"] == "isp.bill_not_exist"
    true = rows_of(own_alipay, kind, on)
    counts = {}

    for name in ("bill_missing_row", "bill_extra_row", "bill_changed_amount"):
        own_alipay.fault(name, count=1)
        false = rows_of(own_alipay, kind, on)
        counts[name] = (len(false), len(set(false) - set(true)))

    assert counts == {
        "bill_missing_row": (2, 0),
        "bill_extra_row": (4, 1),
        "bill_changed_amount": (3, 1),
    }
    assert rows_of(own_alipay, kind, on) == true
