"""Refunds and transfers at the sandbox's Alipay: once per number, never more than there is."""

from typing import Any

import pytest

from tests.sandbox.alipay import AlipayMerchant


def ask_refund(alipay: AlipayMerchant, order: dict[str, Any], number: str) -> dict[str, Any]:
    content = {
        "out_trade_no": order["out_trade_no"],
        "out_request_no": number,
        "query_options": ["gmt_refund_pay"],
    }
    return alipay.ask("alipay.trade.fastpay.refund.query", content)


def ask_transfer(alipay: AlipayMerchant, number: str) -> dict[str, Any]:
    content = {
        "out_biz_no": number,
        "product_code": "TRANS_ACCOUNT_NO_PWD",
        "biz_scene": "DIRECT_TRANSFER",
    }
    return alipay.ask("alipay.fund.trans.common.query", content)


def test_refund_moves_funds_once(fresh_alipay: AlipayMerchant) -> None:
    order = fresh_alipay.paid()

    first, second = (fresh_alipay.refund(order, "5.00", "r1") for _ in range(2))

    assert (first["fund_change"], second["fund_change"]) == ("Y", "N")
    assert fresh_alipay.balance() == 1490


def test_refund_fee_adds_up(alipay: AlipayMerchant) -> None:
    order = alipay.paid()

    fees = [alipay.refund(order, "5.00", number)["refund_fee"] for number in ("r1", "r2")]

    assert fees == ["5.00", "10.00"]
    assert alipay.query(order)["trade_status"] == "TRADE_SUCCESS"


def test_full_refund_closes_the_trade(alipay: AlipayMerchant) -> None:
    order = alipay.paid()

    alipay.refund(order, "19.90", "r1")

    closed = alipay.query(order)
    assert closed["trade_status"] == "TRADE_CLOSED"
    assert closed["send_pay_date"]


def test_refund_with_another_amount_is_refused(alipay: AlipayMerchant) -> None:
    order = alipay.paid()
    alipay.refund(order, "5.00", "r1")

    assert alipay.refund(order, "5.01", "r1")["sub_code"] == "ACQ.DISCORDANT_REPEAT_REQUEST"


def test_no_more_is_refunded_than_was_paid(alipay: AlipayMerchant) -> None:
    order = alipay.paid()
    alipay.refund(order, "19.00", "r1")

    assert alipay.refund(order, "0.91", "r2")["sub_code"] == "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL"
    assert alipay.refund(order, "0.90", "r3")["fund_change"] == "Y"


@pytest.mark.parametrize(
    ("state", "sub_code"),
    [("placed", "ACQ.TRADE_STATUS_ERROR"), ("order", "ACQ.TRADE_NOT_EXIST")],
)
def test_unpaid_trade_is_not_refunded(alipay: AlipayMerchant, state: str, sub_code: str) -> None:
    order = getattr(alipay, state)()

    assert alipay.refund(order, "1.00", "r1")["sub_code"] == sub_code


def test_refund_waits_for_funds(fresh_alipay: AlipayMerchant) -> None:
    order = fresh_alipay.paid()
    fresh_alipay.server.post(f"/alipay/accounts/{fresh_alipay.seller_id}", balance_fen=499)

    short = fresh_alipay.refund(order, "5.00", "r1")
    fresh_alipay.server.post(f"/alipay/accounts/{fresh_alipay.seller_id}", balance_fen=500)
    enough = fresh_alipay.refund(order, "5.00", "r1")

    assert short["sub_code"] == "ACQ.SELLER_BALANCE_NOT_ENOUGH"
    assert enough["fund_change"] == "Y"
    assert fresh_alipay.balance() == 0


def test_refund_is_told_by_a_query(alipay: AlipayMerchant) -> None:
    order = alipay.paid()
    alipay.refund(order, "5.00", "r1")

    known, unknown = ask_refund(alipay, order, "r1"), ask_refund(alipay, order, "r2")

    assert known["refund_status"] == "REFUND_SUCCESS"
    assert known["refund_amount"] == "5.00"
    assert known["gmt_refund_pay"]
    assert unknown == {"code": "10000", "msg": "Success"}


def test_transfer_pays_once(fresh_alipay: AlipayMerchant) -> None:
    fresh_alipay.server.post(f"/alipay/accounts/{fresh_alipay.seller_id}", balance_fen=1000)

    first, second = (fresh_alipay.transfer(out_biz_no="b1") for _ in range(2))

    assert first == second
    assert first["status"] == "SUCCESS"
    assert fresh_alipay.balance() == 812
    assert ask_transfer(fresh_alipay, "b1")["trans_amount"] == "1.88"


def test_changed_transfer_is_refused(fresh_alipay: AlipayMerchant) -> None:
    fresh_alipay.server.post(f"/alipay/accounts/{fresh_alipay.seller_id}", balance_fen=1000)
    fresh_alipay.transfer(out_biz_no="b1")

    changed = fresh_alipay.transfer(out_biz_no="b1", trans_amount="1.89")

    assert changed["sub_code"] == "PAYMENT_INFO_INCONSISTENCY"
    assert fresh_alipay.balance() == 812


def test_transfer_waits_for_funds(fresh_alipay: AlipayMerchant) -> None:
    assert fresh_alipay.transfer()["sub_code"] == "PAYER_BALANCE_NOT_ENOUGH"


@pytest.mark.parametrize(
    ("changes", "sub_code"),
    [
        ({"trans_amount": "0.09"}, "EXCEED_LIMIT_SM_MIN_AMOUNT"),
        ({"trans_amount": 1}, "INVALID_PARAMETER"),
        ({"biz_scene": "PERSONAL_PAY"}, "INVALID_PARAMETER"),
        ({"payee_info": {"identity": "x", "identity_type": "BANK"}}, "INVALID_PARAMETER"),
        ({"mystery": "y"}, "INVALID_PARAMETER"),
    ],
)
def test_odd_transfer_is_refused(
    alipay: AlipayMerchant, changes: dict[str, Any], sub_code: str
) -> None:
    assert alipay.transfer(**changes)["sub_code"] == sub_code


def test_failed_transfer_returns_the_money(fresh_alipay: AlipayMerchant) -> None:
    fresh_alipay.server.post(f"/alipay/accounts/{fresh_alipay.seller_id}", balance_fen=1000)
    fresh_alipay.transfer(out_biz_no="b1")

    fresh_alipay.server.post(
        "/alipay/transfers/end",
        seller_id=fresh_alipay.seller_id,
        out_biz_no="b1",
        status="FAIL",
        fail_reason="PAYEE_ACCOUNT_STATUS_ERROR",
    )

    told = ask_transfer(fresh_alipay, "b1")
    assert (told["status"], told["error_code"]) == ("FAIL", "PAYEE_ACCOUNT_STATUS_ERROR")
    assert fresh_alipay.balance() == 1000


def test_unknown_transfer_does_not_exist(alipay: AlipayMerchant) -> None:
    assert ask_transfer(alipay, "unknown")["sub_code"] == "ORDER_NOT_EXIST"
