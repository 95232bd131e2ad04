"""A lenient sandbox teaches bugs: what the real gateway refuses is refused."""

import json
import re
import secrets
import time
from typing import Any

import httpx
import pytest
from wechatpayv3.type import RequestType
from wechatpayv3.utils import build_authorization, rsa_verify

from tests.sandbox.conftest import Merchant

PREPAY = "/v3/pay/transactions/jsapi"


def complete(merchant: Merchant, **changes: Any) -> dict[str, Any]:
    return merchant.order() | {"appid": merchant.keys["appid"], "mchid": merchant.mchid} | changes


def send(
    merchant: Merchant,
    body: str,
    *,
    signed_body: str | None = None,
    spoil: tuple[str, str] | None = None,
    **headers: str,
) -> httpx.Response:
    """Send a prepay as the SDK would, with something changed."""
    core = merchant.sdk._core
    signature = build_authorization(
        PREPAY,
        "POST",
        merchant.mchid,
        merchant.keys["merchant_serial"],
        core._private_key,
        data=body if signed_body is None else signed_body,
    )
    if spoil:
        signature = re.sub(f'{spoil[0]}="[^"]*"', f'{spoil[0]}="{spoil[1]}"', signature)
    known = {
        "Authorization": signature,
        "Accept": "application/json",
        "User-Agent": "test",
        "Content-Type": "application/json",
    }
    changed = {name.replace("_", "-"): value for name, value in headers.items()}
    return merchant.server.http.post(PREPAY, content=body.encode(), headers=known | changed)


@pytest.mark.parametrize(
    "change",
    [
        {"surprise": 1},
        {"amount": {"total": 1990, "currency": "CNY", "tip": 1}},
        {"amount": {"total": 0, "currency": "CNY"}},
        {"amount": {"total": -1, "currency": "CNY"}},
        {"amount": {"total": 19.9, "currency": "CNY"}},
        {"amount": {"total": "1990", "currency": "CNY"}},
        {"amount": {"total": True, "currency": "CNY"}},
        {"amount": {"total": 1990, "currency": "USD"}},
        {"out_trade_no": "short"},
        {"out_trade_no": "x" * 33},
        {"out_trade_no": "with space"},
        {"out_trade_no": "带中文的单号"},
        {"description": ""},
        {"description": "长" * 128},
        {"attach": "x" * 129},
        {"notify_url": "http://shop.example/notify?order=1"},
        {"notify_url": "/notify"},
        {"notify_url": "ftp://shop.example/notify"},
        {"time_expire": "2030-01-01 00:00:00"},
        {"time_expire": "2030-01-01T00:00:00"},
        {"time_expire": 1893456000},
        {"payer": {}},
        {"payer": {"openid": ""}},
        {"payer": "openid"},
    ],
)
def test_bad_field_is_refused(merchant: Merchant, change: dict[str, Any]) -> None:
    response = send(merchant, json.dumps(complete(merchant, **change)))

    assert response.status_code == 400
    assert response.json()["code"] == "PARAM_ERROR"
    assert next(iter(change)) in response.json()["message"]


@pytest.mark.parametrize(
    "name",
    ["appid", "mchid", "description", "out_trade_no", "notify_url", "amount", "payer"],
)
def test_missing_field_is_refused(merchant: Merchant, name: str) -> None:
    body = complete(merchant)
    del body[name]

    response = send(merchant, json.dumps(body))

    assert (response.status_code, response.json()["code"]) == (400, "PARAM_ERROR")
    assert name in response.json()["message"]


def test_complete_order_is_accepted(merchant: Merchant) -> None:
    response = send(merchant, json.dumps(complete(merchant)))

    assert response.status_code == 200


@pytest.mark.parametrize("body", ["", "[]", "null", "{", '"text"'])
def test_body_that_is_no_object_is_refused(merchant: Merchant, body: str) -> None:
    response = send(merchant, body)

    assert (response.status_code, response.json()["code"]) == (400, "PARAM_ERROR")


def test_body_changed_after_signing_is_refused(merchant: Merchant) -> None:
    body = json.dumps(complete(merchant))

    response = send(merchant, body.replace("1990", "1"), signed_body=body)

    assert (response.status_code, response.json()["code"]) == (401, "SIGN_ERROR")


@pytest.mark.parametrize(
    "spoil",
    [
        ("signature", "AAAA"),
        ("signature", "not base64!"),
        ("serial_no", "0123456789ABCDEF0123456789ABCDEF01234567"),
        ("mchid", "1900000001"),
        ("timestamp", str(int(time.time()) - 600)),
        ("timestamp", str(int(time.time()) + 600)),
        ("timestamp", "yesterday"),
        ("nonce_str", ""),
    ],
)
def test_bad_authorization_is_refused(merchant: Merchant, spoil: tuple[str, str]) -> None:
    response = send(merchant, json.dumps(complete(merchant)), spoil=spoil)

    assert (response.status_code, response.json()["code"]) == (401, "SIGN_ERROR")


def test_signed_but_stale_request_is_refused(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = time.time() - 301
    monkeypatch.setattr("wechatpayv3.utils.time.time", lambda: at)

    status, body = merchant.prepay(merchant.order())

    assert (status, body["code"]) == (401, "SIGN_ERROR")


def test_request_without_authorization_is_refused(merchant: Merchant) -> None:
    response = merchant.server.http.post(PREPAY, json=complete(merchant))

    assert (response.status_code, response.json()["code"]) == (401, "SIGN_ERROR")


@pytest.mark.parametrize(
    "headers",
    [
        {"Accept": "text/html"},
        {"User_Agent": ""},
        {"Content_Type": "text/plain"},
        {"Wechatpay_Serial": "PUB_KEY_ID_0"},
    ],
)
def test_bad_header_is_refused(merchant: Merchant, headers: dict[str, str]) -> None:
    response = send(merchant, json.dumps(complete(merchant)), **headers)

    assert (response.status_code, response.json()["code"]) == (400, "PARAM_ERROR")


def test_merchant_cannot_speak_for_another(merchant: Merchant) -> None:
    other = merchant.server.open_account()

    as_other = send(merchant, json.dumps(complete(merchant, mchid=other["mchid"])))
    other_app = send(merchant, json.dumps(complete(merchant, appid=other["appid"])))

    assert (as_other.status_code, as_other.json()["code"]) == (400, "INVALID_REQUEST")
    assert (other_app.status_code, other_app.json()["code"]) == (400, "APPID_MCHID_NOT_MATCH")


def test_errors_are_signed_too(merchant: Merchant) -> None:
    response = send(merchant, json.dumps(complete(merchant, surprise=1)))

    headers = response.headers
    assert headers["Wechatpay-Serial"] == merchant.keys["platform_public_key_id"]
    assert rsa_verify(
        headers["Wechatpay-Timestamp"],
        headers["Wechatpay-Nonce"],
        response.text,
        headers["Wechatpay-Signature"],
        merchant.sdk._core._public_key,
    )


def test_query_takes_mchid_and_nothing_else(merchant: Merchant) -> None:
    number = secrets.token_hex(8)

    for query in ("", f"?mchid={merchant.mchid}&more=1", "?mchid=1900000001"):
        path = f"/v3/pay/transactions/out-trade-no/{number}{query}"
        status, text = merchant.sdk._core.request(path, method=RequestType.GET)
        assert (status, json.loads(text)["code"]) == (400, "PARAM_ERROR")


def test_number_with_a_reserved_character_is_found_in_both_spellings(
    fresh_merchant: Merchant,
) -> None:
    order = fresh_merchant.placed(out_trade_no=f"{secrets.token_hex(6)}*-_|x")

    listed = fresh_merchant.server.items("/orders", mchid=fresh_merchant.mchid)
    path = f"/v3/pay/transactions/out-trade-no/{order['out_trade_no'].replace('|', '%7C')}"
    status, _ = fresh_merchant.sdk._core.request(
        f"{path}?mchid={fresh_merchant.mchid}", method=RequestType.GET
    )

    assert [one["out_trade_no"] for one in listed] == [order["out_trade_no"]]
    assert status == 200
