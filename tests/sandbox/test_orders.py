"""Orders of the sandbox, through the real SDK."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.sandbox.conftest import Merchant, answer


def in_minutes(minutes: float) -> str:
    return (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat(timespec="seconds")


def test_new_order_gets_a_prepay_id(merchant: Merchant) -> None:
    status, body = merchant.prepay(merchant.order())

    assert status == 200
    assert body["prepay_id"].startswith("wx")


def test_same_order_again_gets_the_same_prepay_id(merchant: Merchant) -> None:
    order = merchant.order()

    first, second = merchant.prepay(order), merchant.prepay(order)

    assert first == second


@pytest.mark.parametrize(
    "change",
    [
        {"amount": {"total": 1991, "currency": "CNY"}},
        {"description": "另一件"},
        {"payer": {"openid": "somebody-else"}},
    ],
)
def test_same_number_with_other_parameters_is_refused(
    merchant: Merchant, change: dict[str, Any]
) -> None:
    order = merchant.order()
    merchant.prepay(order)

    status, body = merchant.prepay(order | change)

    assert (status, body["code"]) == (400, "INVALID_REQUEST")
    assert body["message"] == "请求重入时，参数与首次请求时不一致"


def test_two_merchants_may_use_the_same_number(
    merchant: Merchant, fresh_merchant: Merchant
) -> None:
    order = merchant.placed()

    other = fresh_merchant.placed(
        out_trade_no=order["out_trade_no"], amount={"total": 5, "currency": "CNY"}
    )

    assert other["prepay_id"] != order["prepay_id"]
    assert merchant.query(order)[1]["amount"]["total"] == 1990
    assert fresh_merchant.query(order)[1]["amount"]["total"] == 5


def test_unpaid_order_is_notpay_without_a_transaction(merchant: Merchant) -> None:
    order = merchant.placed()

    status, body = merchant.query(order)

    assert status == 200
    assert body["trade_state"] == "NOTPAY"
    assert "transaction_id" not in body


def test_paid_order_says_when_by_whom_and_how_much(merchant: Merchant) -> None:
    order = merchant.placed()
    merchant.server.post(
        "/pay", out_trade_no=order["out_trade_no"], success_time="2026-11-22T23:59:59.25+08:00"
    )

    status, body = merchant.query(order)

    assert status == 200
    assert body["trade_state"] == "SUCCESS"
    assert body["success_time"] == "2026-11-22T23:59:59+08:00"
    assert body["payer"] == order["payer"]
    assert body["amount"]["total"] == 1990
    assert len(body["transaction_id"]) == 28


def test_order_is_found_by_transaction_id(merchant: Merchant) -> None:
    order = merchant.paid()
    _, by_number = merchant.query(order)

    status, by_transaction = answer(merchant.sdk.query(transaction_id=by_number["transaction_id"]))

    assert status == 200
    assert by_transaction == by_number


def test_unknown_order_does_not_exist(merchant: Merchant) -> None:
    status, body = merchant.query({"out_trade_no": "nobody-knows-me"})

    assert (status, body["code"]) == (404, "ORDER_NOT_EXIST")


def test_order_of_another_merchant_does_not_exist(merchant: Merchant) -> None:
    order = merchant.placed()
    other = merchant.server.open_account()

    status, _ = answer(merchant.sdk.query(out_trade_no=order["out_trade_no"], mchid=other["mchid"]))

    assert status == 400


def test_closed_order_cannot_be_paid_or_placed_again(merchant: Merchant) -> None:
    order = merchant.placed()

    first, second = merchant.close(order), merchant.close(order)

    assert first == second == (204, {})
    assert merchant.query(order)[1]["trade_state"] == "CLOSED"
    status, body = merchant.prepay({k: v for k, v in order.items() if k != "prepay_id"})
    assert (status, body["code"]) == (400, "ORDER_CLOSED")


def test_paid_order_cannot_be_closed_or_placed_again(merchant: Merchant) -> None:
    order = merchant.paid()

    closed = merchant.close(order)
    again = merchant.prepay({k: v for k, v in order.items() if k != "prepay_id"})

    assert (closed[0], closed[1]["code"]) == (400, "ORDERPAID")
    assert (again[0], again[1]["code"]) == (400, "ORDERPAID")


def test_closing_an_unknown_order_says_so(merchant: Merchant) -> None:
    status, body = merchant.close({"out_trade_no": secrets.token_hex(8)})

    assert (status, body["code"]) == (404, "ORDER_NOT_EXIST")


def test_order_with_a_past_expiry_is_refused(merchant: Merchant) -> None:
    status, body = merchant.prepay(merchant.order(time_expire=in_minutes(-1)))

    assert (status, body["code"]) == (400, "PARAM_ERROR")


def test_prepay_id_is_renewed_after_two_hours(own_merchant: Merchant) -> None:
    order = own_merchant.order()
    _, first = own_merchant.prepay(order)
    own_merchant.server.advance(2 * 3600)

    status, second = own_merchant.prepay(order)

    assert status == 200
    assert second["prepay_id"] != first["prepay_id"]


def test_expired_order_is_refused_and_forgotten_ones_close_after_a_week(
    own_merchant: Merchant,
) -> None:
    expiring = own_merchant.order(time_expire=in_minutes(5))
    own_merchant.prepay(expiring)
    own_merchant.server.advance(301)

    expired = own_merchant.prepay(expiring)
    still = own_merchant.query(expiring)
    own_merchant.server.advance(7 * 86400)
    later = own_merchant.query(expiring)

    assert (expired[0], expired[1]["code"]) == (400, "INVALID_REQUEST")
    assert still[1]["trade_state"] == "NOTPAY"
    assert later[1]["trade_state"] == "CLOSED"


def test_openid_of_another_app_is_refused(merchant: Merchant) -> None:
    other = merchant.server.open_account()
    openid = merchant.server.post("/codes", appid=other["appid"])["openid"]

    status, body = merchant.prepay(merchant.order(payer={"openid": openid}))

    assert (status, body["code"]) == (400, "PARAM_ERROR")


def test_order_of_a_second_app_is_paid_once_it_is_bound_to_the_merchant_number(
    merchant: Merchant,
) -> None:
    appid = f"wx{secrets.token_hex(8)}"
    bound = merchant.server.post(f"/accounts/{merchant.mchid}/apps", appid=appid)
    openid = merchant.server.post("/codes", appid=appid)["openid"]

    order = merchant.placed(appid=appid, payer={"openid": openid})
    merchant.server.post("/pay", prepay_id=order["prepay_id"])

    assert (bound["appid"], len(bound["app_secret"])) == (appid, 32)
    assert merchant.query(order)[1]["appid"] == appid
    assert merchant.server.http.post("/control/accounts/1/apps", json={"appid": appid}).is_error


def test_account_is_opened_once_for_a_merchant_number(merchant: Merchant) -> None:
    again = merchant.server.post("/accounts", appid=merchant.keys["appid"], mchid=merchant.mchid)
    unnamed = merchant.server.post("/accounts", appid=merchant.keys["appid"])

    assert again == unnamed == merchant.keys
    assert len(again["apiv3_key"]) == 32
    assert again["platform_public_key_id"].startswith("PUB_KEY_ID_")
