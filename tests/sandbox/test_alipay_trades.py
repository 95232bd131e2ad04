"""Trades at the sandbox's Alipay: login, creation, payment, closing, faults."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.sandbox.alipay import BEIJING, AlipayMerchant


def log_in(alipay: AlipayMerchant, code: str) -> dict[str, Any]:
    return alipay.ask("alipay.system.oauth.token", grant_type="authorization_code", code=code)


def tap(alipay: AlipayMerchant, order: dict[str, Any], **changes: Any) -> tuple[int, str]:
    given = {"tradeNO": order["trade_no"], "open_id": order["buyer_open_id"], **changes}
    response = alipay.server.http.post("/shopper/alipay/pay", json=given)
    return response.status_code, response.json()["resultCode"]


def test_code_tells_the_open_id_once(alipay: AlipayMerchant) -> None:
    minted = alipay.server.post("/alipay/codes", app_id=alipay.keys["app_id"])

    first, second = log_in(alipay, minted["code"]), log_in(alipay, minted["code"])

    assert first["open_id"] == minted["open_id"]
    assert "code" not in first
    assert second["sub_code"] == "isv.code-invalid"


def test_code_of_another_app_tells_nothing(
    alipay: AlipayMerchant, fresh_alipay: AlipayMerchant
) -> None:
    minted = alipay.server.post("/alipay/codes", app_id=fresh_alipay.keys["app_id"])

    assert log_in(alipay, minted["code"])["sub_code"] == "isv.code-invalid"


def test_known_shopper_gets_the_same_open_id(alipay: AlipayMerchant) -> None:
    minted = alipay.server.post(
        "/alipay/codes", app_id=alipay.keys["app_id"], open_id="0known", count=2
    )

    assert {log_in(alipay, one["code"])["open_id"] for one in minted["codes"]} == {"0known"}


def test_same_trade_again_is_the_same_trade(alipay: AlipayMerchant) -> None:
    order = alipay.order()

    assert alipay.create(order) == alipay.create(order)


def test_changed_trade_is_refused(alipay: AlipayMerchant) -> None:
    order = alipay.order()
    alipay.create(order)

    answer = alipay.create(order | {"total_amount": "19.91"})

    assert answer["sub_code"] == "ACQ.CONTEXT_INCONSISTENT"


def test_open_id_of_another_app_is_refused(
    alipay: AlipayMerchant, fresh_alipay: AlipayMerchant
) -> None:
    foreign = alipay.server.post("/alipay/codes", app_id=fresh_alipay.keys["app_id"])

    answer = alipay.create(alipay.order(buyer_open_id=foreign["open_id"]))

    assert answer["sub_code"] == "ACQ.INVALID_PARAMETER"


def test_trade_waits_for_its_buyer_and_is_paid(fresh_alipay: AlipayMerchant) -> None:
    order = fresh_alipay.placed()

    before = fresh_alipay.query(order)
    paid = tap(fresh_alipay, order)
    after = fresh_alipay.query(order)

    assert before["trade_status"] == "WAIT_BUYER_PAY"
    assert "send_pay_date" not in before
    assert paid == (200, "9000")
    assert after["trade_status"] == "TRADE_SUCCESS"
    assert after["total_amount"] == "19.90"
    assert fresh_alipay.balance() == 1990


def test_trade_is_paid_once(fresh_alipay: AlipayMerchant) -> None:
    order = fresh_alipay.placed()

    assert [tap(fresh_alipay, order) for _ in range(2)] == [(200, "9000"), (409, "4000")]
    assert fresh_alipay.balance() == 1990


@pytest.mark.parametrize("changes", [{"open_id": "0other"}, {"tradeNO": "2026"}, {"x": "y"}])
def test_phone_of_somebody_else_does_not_pay(
    alipay: AlipayMerchant, changes: dict[str, str]
) -> None:
    order = alipay.placed()

    status, code = tap(alipay, order, **changes)

    assert (status in {400, 409}, code) == (True, "4000")
    assert alipay.query(order)["trade_status"] == "WAIT_BUYER_PAY"


def test_failed_attempt_leaves_the_trade_waiting(alipay: AlipayMerchant) -> None:
    order = alipay.placed()

    alipay.server.post("/alipay/fail", out_trade_no=order["out_trade_no"])

    assert alipay.query(order)["trade_status"] == "WAIT_BUYER_PAY"


def test_closed_trade_is_not_paid_and_not_closed_again(alipay: AlipayMerchant) -> None:
    order = alipay.placed()

    first, second = alipay.close(order), alipay.close(order)

    assert first["code"] == "10000"
    assert second["sub_code"] == "ACQ.TRADE_STATUS_ERROR"
    assert tap(alipay, order) == (409, "4000")
    assert alipay.create({k: v for k, v in order.items() if k != "trade_no"})["sub_code"] == (
        "ACQ.TRADE_HAS_CLOSE"
    )


def test_paid_trade_is_not_closed(alipay: AlipayMerchant) -> None:
    order = alipay.paid()

    assert alipay.close(order)["sub_code"] == "ACQ.TRADE_STATUS_ERROR"
    assert alipay.query(order)["trade_status"] == "TRADE_SUCCESS"


def test_trade_expires(own_alipay: AlipayMerchant) -> None:
    soon = datetime.now(BEIJING) + timedelta(minutes=10)
    order = own_alipay.placed(time_expire=soon.strftime("%Y-%m-%d %H:%M:%S"))

    own_alipay.server.advance(601)

    assert own_alipay.query(order)["trade_status"] == "TRADE_CLOSED"
    assert tap(own_alipay, order) == (409, "4000")


@pytest.mark.parametrize("fault", ["error_after", "drop_after"])
def test_effect_outlives_a_lost_answer(alipay: AlipayMerchant, fault: str) -> None:
    order = alipay.order()
    alipay.fault(fault, operation="prepay", count=1)

    try:
        said = alipay.create(order)["sub_code"]
    except httpx.HTTPError:
        said = "nothing"

    assert said in {"aop.ACQ.SYSTEM_ERROR", "nothing"}
    assert alipay.query(order)["trade_status"] == "WAIT_BUYER_PAY"


@pytest.mark.parametrize("fault", ["error_before", "drop_before", "frequency_limited"])
def test_fault_before_the_effect_leaves_nothing(alipay: AlipayMerchant, fault: str) -> None:
    order = alipay.order()
    alipay.fault(fault, operation="prepay", count=1)

    try:
        said = alipay.create(order)["sub_code"]
    except httpx.HTTPError:
        said = "nothing"

    assert said in {"aop.ACQ.SYSTEM_ERROR", "isv.app-call-limited", "nothing"}
    assert alipay.query(order)["sub_code"] == "ACQ.TRADE_NOT_EXIST"


def test_shopper_may_pay_just_before_the_close(alipay: AlipayMerchant) -> None:
    order = alipay.placed()
    alipay.fault("paid_at_close", count=1)

    assert alipay.close(order)["sub_code"] == "ACQ.TRADE_STATUS_ERROR"
    assert alipay.query(order)["trade_status"] == "TRADE_SUCCESS"
