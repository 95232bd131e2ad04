"""Abnormal refunds sent to a bank card, and coupons, through the real SDK."""

import secrets
from typing import Any

import pytest

from tests.sandbox.conftest import Merchant, answer
from tests.sandbox_server import Receiver, wait_until


@pytest.fixture
def abnormal(fresh_merchant: Merchant) -> dict[str, Any]:
    """An abnormal refund."""
    fresh_merchant.fault("refund_abnormal", count=1)
    _, refund = fresh_merchant.refund(fresh_merchant.paid())
    wait_until(lambda: status_of(fresh_merchant, refund) == "ABNORMAL")
    return refund


def status_of(merchant: Merchant, refund: dict[str, Any]) -> str:
    (row,) = merchant.server.items("/refunds", out_refund_no=refund["out_refund_no"])
    return str(row["status"])


def redirected(
    merchant: Merchant, refund: dict[str, Any], **changes: Any
) -> tuple[int, dict[str, Any]]:
    given = {
        "refund_id": refund["refund_id"],
        "out_refund_no": refund["out_refund_no"],
        "type": "USER_BANK_CARD",
        "bank_type": "ICBC_DEBIT",
        "bank_account": "6222020000000000123",
        "real_name": "张三",
        **changes,
    }
    return answer(merchant.sdk.abnormal_refund(**given))


def test_abnormal_refund_arrives_at_the_shoppers_card(
    fresh_merchant: Merchant, abnormal: dict[str, Any], receiver: Receiver
) -> None:
    status, body = redirected(fresh_merchant, abnormal)

    assert (status, body["status"]) == (200, "PROCESSING")
    assert body["channel"] == "OTHER_BANKCARD"
    assert body["user_received_account"] == "ICBC_DEBIT0123"
    wait_until(lambda: status_of(fresh_merchant, abnormal) == "SUCCESS")
    received = receiver.wait_for(fresh_merchant.notify_url, 3)
    kinds = [fresh_merchant.sdk.callback(one.headers, one.body)["event_type"] for one in received]
    assert kinds[-1] == "REFUND.SUCCESS"


def test_abnormal_refund_may_go_to_the_merchant(
    fresh_merchant: Merchant, abnormal: dict[str, Any]
) -> None:
    status, body = redirected(
        fresh_merchant,
        abnormal,
        type="MERCHANT_BANK_CARD",
        bank_type=None,
        bank_account=None,
        real_name=None,
    )

    assert (status, body["status"]) == (200, "PROCESSING")


def test_redirecting_again_changes_nothing(
    fresh_merchant: Merchant, abnormal: dict[str, Any]
) -> None:
    fresh_merchant.set(refund_delay_seconds=3600)

    first, second = (redirected(fresh_merchant, abnormal) for _ in range(2))

    assert first == second


@pytest.mark.parametrize(
    "changes",
    [
        {"real_name": None},
        {"bank_account": None},
        {"bank_type": None},
        {"bank_account": "not a number"},
        {"type": "MERCHANT_BANK_CARD"},
        {"type": "SOMEWHERE"},
    ],
)
def test_unfit_card_is_refused(
    fresh_merchant: Merchant, abnormal: dict[str, Any], changes: dict[str, Any]
) -> None:
    status, body = redirected(fresh_merchant, abnormal, **changes)

    assert (status, body["code"]) == (400, "PARAM_ERROR")
    assert status_of(fresh_merchant, abnormal) == "ABNORMAL"


def test_only_abnormal_refunds_are_redirected(fresh_merchant: Merchant) -> None:
    _, refund = fresh_merchant.refund(fresh_merchant.paid())
    wait_until(lambda: status_of(fresh_merchant, refund) == "SUCCESS")

    status, body = redirected(fresh_merchant, refund)

    assert (status, body["code"]) == (400, "INVALID_REQUEST")


def test_numbers_of_the_refund_must_agree(
    fresh_merchant: Merchant, abnormal: dict[str, Any]
) -> None:
    status, body = redirected(fresh_merchant, abnormal, refund_id="50300000000000")

    assert (status, body["code"]) == (404, "RESOURCE_NOT_EXISTS")


def coupon(merchant: Merchant, openid: str = "oshopper", **changes: Any) -> dict[str, Any]:
    return {
        "stock_id": "98065001",
        "out_request_no": secrets.token_hex(10),
        "appid": merchant.keys["appid"],
        "stock_creator_mchid": merchant.mchid,
        **changes,
    } | {"openid": openid}


def sent(merchant: Merchant, given: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    body = {name: value for name, value in given.items() if name != "openid"}
    return merchant.call("POST", f"/v3/marketing/favor/users/{given['openid']}/coupons", body)


@pytest.fixture
def stocked(fresh_merchant: Merchant) -> Merchant:
    """A merchant with a stock of two coupons, one for each shopper."""
    fresh_merchant.server.post(
        "/stocks", mchid=fresh_merchant.mchid, stock_id="98065001", remaining=2
    )
    return fresh_merchant


def test_coupon_is_sent_once_per_number(stocked: Merchant) -> None:
    given = coupon(stocked)

    first, second = sent(stocked, given), sent(stocked, given)

    assert first[0] == 200
    assert first == second
    (listed,) = stocked.server.items("/coupons", mchid=stocked.mchid)
    assert listed["coupon_id"] == first[1]["coupon_id"]


def test_changed_coupon_is_refused(stocked: Merchant) -> None:
    given = coupon(stocked)
    sent(stocked, given)

    status, body = sent(stocked, given | {"openid": "oanother"})

    assert (status, body["code"]) == (400, "INVALID_REQUEST")


def test_coupons_end_with_their_stock(stocked: Merchant) -> None:
    answers = [sent(stocked, coupon(stocked, openid)) for openid in ("o1", "o2", "o3")]

    assert [status for status, _ in answers] == [200, 200, 403]
    assert answers[-1][1]["code"] == "NOT_ENOUGH"


def test_shopper_gets_no_more_than_the_stock_allows(stocked: Merchant) -> None:
    answers = [sent(stocked, coupon(stocked)) for _ in range(2)]

    assert [status for status, _ in answers] == [200, 403]
    assert answers[1][1]["code"] == "RULE_LIMIT"


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"stock_id": "1"}, 404, "RESOURCE_NOT_EXISTS"),
        ({"stock_creator_mchid": "1900000001"}, 404, "RESOURCE_NOT_EXISTS"),
        ({"appid": "wxsomebodyelse"}, 400, "APPID_MCHID_NOT_MATCH"),
        ({"surprise": 1}, 400, "PARAM_ERROR"),
        ({"out_request_no": "带中文"}, 400, "PARAM_ERROR"),
    ],
)
def test_unfit_coupon_is_refused(
    stocked: Merchant, changes: dict[str, Any], status: int, code: str
) -> None:
    refused = sent(stocked, coupon(stocked, **changes))

    assert (refused[0], refused[1]["code"]) == (status, code)
