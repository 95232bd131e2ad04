"""What Alipay's side refuses before it looks at the business, and how it signs what it says."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.sandbox.alipay import BEIJING, AlipayMerchant

QUERY = "alipay.trade.query"


def refusal(merchant: AlipayMerchant, parameters: dict[str, str]) -> tuple[str, str]:
    answer = merchant.send(parameters)
    inner = next(iter(answer.values()))
    return inner["code"], inner["sub_code"]


def signed(merchant: AlipayMerchant, **changes: str) -> dict[str, str]:
    return merchant.sign(merchant.parameters(QUERY, {"out_trade_no": "unknown"}, **changes))


def test_well_signed_request_reaches_the_business(alipay: AlipayMerchant) -> None:
    assert refusal(alipay, signed(alipay)) == ("40004", "ACQ.TRADE_NOT_EXIST")


def test_request_may_come_by_get(alipay: AlipayMerchant) -> None:
    response = alipay.server.http.get("/gateway.do", params=signed(alipay))

    inner = response.json()["alipay_trade_query_response"]
    assert inner["sub_code"] == "ACQ.TRADE_NOT_EXIST"


def test_request_may_be_half_in_the_url(alipay: AlipayMerchant) -> None:
    parameters = signed(alipay)
    content = {"biz_content": parameters.pop("biz_content")}

    response = alipay.server.http.post("/gateway.do", params=parameters, data=content)

    assert response.json()["alipay_trade_query_response"]["sub_code"] == "ACQ.TRADE_NOT_EXIST"


def test_unknown_app_is_refused_without_a_signature(alipay: AlipayMerchant) -> None:
    answer = alipay.send(signed(alipay, app_id="2021000000000000"))

    assert answer["alipay_trade_query_response"]["sub_code"] == "isv.invalid-app-id"
    assert "sign" not in answer


@pytest.mark.parametrize(
    ("name", "value", "sub_code"),
    [
        ("sign", "QUJD", "isv.invalid-signature"),
        ("sign", "not base64", "isv.invalid-signature"),
        ("biz_content", '{"out_trade_no":"other"}', "isv.invalid-signature"),
        ("app_cert_sn", "0" * 32, "isv.invalid-app-cert-sn"),
        ("alipay_root_cert_sn", "0" * 32, "isv.invalid-alipay-root-cert-sn"),
        ("charset", "gbk", "isv.invalid-charset"),
        ("sign_type", "RSA", "isv.invalid-sign-type"),
        ("format", "XML", "isv.invalid-format"),
    ],
)
def test_parameter_changed_after_signing_is_refused(
    alipay: AlipayMerchant, name: str, value: str, sub_code: str
) -> None:
    assert refusal(alipay, signed(alipay) | {name: value}) == ("40002", sub_code)


@pytest.mark.parametrize("name", ["sign", "timestamp", "app_cert_sn", "alipay_root_cert_sn"])
def test_missing_parameter_is_named(alipay: AlipayMerchant, name: str) -> None:
    parameters = signed(alipay)
    del parameters[name]

    assert refusal(alipay, parameters) == ("40001", f"isv.missing-{name.replace('_', '-')}")


@pytest.mark.parametrize("minutes", [-16, 16, 8 * 60])
def test_timestamp_of_another_time_is_refused(alipay: AlipayMerchant, minutes: int) -> None:
    at = datetime.now(BEIJING) - timedelta(minutes=minutes)

    refused = refusal(alipay, signed(alipay, timestamp=at.strftime("%Y-%m-%d %H:%M:%S")))

    assert refused == ("40002", "isv.invalid-timestamp")


def test_unknown_parameter_is_refused(alipay: AlipayMerchant) -> None:
    assert refusal(alipay, signed(alipay, return_url="http://x/")) == (
        "40002",
        "isv.invalid-parameter",
    )


def test_unknown_method_is_refused(alipay: AlipayMerchant) -> None:
    parameters = alipay.sign(alipay.parameters("alipay.trade.steal", {}))

    assert alipay.send(parameters)["error_response"]["sub_code"] == "isv.invalid-method"


@pytest.mark.parametrize(
    "changes",
    [
        {"total_amount": 19.9},
        {"total_amount": "19.901"},
        {"total_amount": "0.00"},
        {"total_amount": "-1.00"},
        {"total_amount": "1e3"},
        {"total_amount": "019.90"},
        {"total_amount": ".90"},
        {"subject": "半价/全价"},
        {"subject": "a=b"},
        {"subject": ""},
        {"out_trade_no": "with-dash"},
        {"product_code": "QUICK_WAP_PAY"},
        {"buyer_open_id": ""},
        {"time_expire": "2026-11-23T10:00:00+08:00"},
        {"time_expire": "2020-01-01 00:00:00"},
        {"seller": "unknown field"},
    ],
)
def test_content_that_does_not_fit_is_refused(
    alipay: AlipayMerchant, changes: dict[str, Any]
) -> None:
    answer = alipay.create(alipay.order(**changes))

    assert (answer["code"], answer["sub_code"]) == ("40004", "ACQ.INVALID_PARAMETER")


def test_app_of_another_merchant_is_refused(alipay: AlipayMerchant) -> None:
    answer = alipay.create(alipay.order(op_app_id="2021000000000000"))

    assert answer["sub_code"] == "ACQ.ACCESS_FORBIDDEN"


@pytest.mark.parametrize("url", ["ftp://x/", "http://x/?a=1", "nowhere"])
def test_notification_url_must_be_plain(alipay: AlipayMerchant, url: str) -> None:
    answer = alipay.ask("alipay.trade.create", alipay.order(), notify_url=url)

    assert answer["sub_code"] == "isv.invalid-notify-url"


def test_answer_escapes_slashes_and_signs_them_so(alipay: AlipayMerchant) -> None:
    request = alipay.sign(
        alipay.parameters("alipay.data.dataservice.bill.downloadurl.query", {"bill_type": "a/b"})
    )

    text = alipay.server.http.post("/gateway.do", data=request).text

    assert alipay.is_genuine(text)
    assert not alipay.is_genuine(text.replace("40002", "10000", 1))


def test_answer_may_be_signed_badly(alipay: AlipayMerchant) -> None:
    alipay.fault("bad_signature", count=1)

    text = alipay.server.http.post("/gateway.do", data=signed(alipay)).text

    assert not alipay.is_genuine(text)


def test_account_is_opened_once(alipay: AlipayMerchant) -> None:
    again = alipay.server.post("/alipay/accounts", app_id=alipay.keys["app_id"])

    assert again == alipay.keys
    assert load_pem_private_key(again["app_private_key"].encode(), None)
