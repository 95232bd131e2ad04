"""New keys beside the former ones, certificates, and who signs what, through the real SDK."""

import secrets
from typing import Any

import pytest
from cryptography import x509
from wechatpayv3.utils import aes_decrypt, load_certificate, rsa_verify

from tests.sandbox.conftest import Merchant, merchant_of
from tests.sandbox_server import Received, Receiver


def with_keys(merchant: Merchant, keys: dict[str, Any]) -> Merchant:
    """The same merchant with other keys downloaded."""
    return merchant_of(merchant.server, merchant.keys | keys, merchant.notify_url)


def issued(merchant: Merchant, *kinds: str) -> Merchant:
    """The merchant after new keys were issued to it."""
    keys = merchant.server.post(f"/accounts/{merchant.mchid}/keys", issue=list(kinds))
    return with_keys(merchant, keys)


def paid_callback(merchant: Merchant, receiver: Receiver) -> Received:
    merchant = with_keys(merchant, {})
    merchant.notify_url = receiver.new_url()
    # Whoever signs the answer: only the callback is looked at.
    merchant.sdk._core._verify_signature = lambda headers, body: True
    merchant.paid()
    return receiver.wait_for(merchant.notify_url)[0]


def serial_of(received: Received) -> str:
    return received.headers["Wechatpay-Serial"]


def test_new_merchant_key_works_beside_the_former(fresh_merchant: Merchant) -> None:
    renewed = issued(fresh_merchant, "merchant")

    assert renewed.keys["merchant_serial"] != fresh_merchant.keys["merchant_serial"]
    for one in (fresh_merchant, renewed):
        assert one.prepay(one.order())[0] == 200


def test_serial_and_key_must_belong_together(fresh_merchant: Merchant) -> None:
    renewed = issued(fresh_merchant, "merchant")
    mixed = with_keys(fresh_merchant, {"merchant_serial": renewed.keys["merchant_serial"]})

    assert mixed.prepay(mixed.order())[0] == 401


def test_phone_accepts_signatures_of_both_merchant_keys(fresh_merchant: Merchant) -> None:
    renewed = issued(fresh_merchant, "merchant")

    for one in (fresh_merchant, renewed):
        order = one.placed()
        given = one.client_parameters(order["prepay_id"]) | {"openid": order["payer"]["openid"]}
        assert one.server.http.post("/shopper/pay", json=given).status_code == 200


def test_answers_follow_the_key_a_request_names(fresh_merchant: Merchant) -> None:
    renewed = issued(fresh_merchant, "public_key")

    # Each SDK verifies its answer with the one key it knows.
    for one in (fresh_merchant, renewed):
        assert one.prepay(one.order())[0] == 200


def test_callbacks_are_signed_with_the_newest_key(
    fresh_merchant: Merchant, receiver: Receiver
) -> None:
    renewed = issued(fresh_merchant, "public_key")

    received = paid_callback(fresh_merchant, receiver)

    assert serial_of(received) == renewed.keys["platform_public_key_id"]
    assert renewed.sdk.callback(received.headers, received.body)


@pytest.mark.parametrize(("percent", "which"), [(0, "former"), (100, "newest")])
def test_ramp_decides_which_key_signs(
    fresh_merchant: Merchant, receiver: Receiver, percent: int, which: str
) -> None:
    renewed = issued(fresh_merchant, "public_key")
    renewed.set(new_key_percent=percent)
    expected = renewed if which == "newest" else fresh_merchant

    received = paid_callback(fresh_merchant, receiver)

    assert serial_of(received) == expected.keys["platform_public_key_id"]
    assert expected.prepay(expected.order())[0] == 200


def test_ramp_half_way_signs_with_either(fresh_merchant: Merchant) -> None:
    renewed = issued(fresh_merchant, "public_key")
    renewed.set(new_key_percent=50)
    seen: set[str] = set()

    def note(headers: Any, body: str) -> bool:
        seen.add(headers["Wechatpay-Serial"])
        return True

    renewed.sdk._core._verify_signature = note
    for _ in range(40):
        renewed.placed()

    assert seen == {one.keys["platform_public_key_id"] for one in (fresh_merchant, renewed)}


def test_new_apiv3_key_encrypts_callbacks(fresh_merchant: Merchant, receiver: Receiver) -> None:
    renewed = issued(fresh_merchant, "apiv3")

    received = paid_callback(fresh_merchant, receiver)

    assert renewed.sdk.callback(received.headers, received.body)
    assert fresh_merchant.sdk.callback(received.headers, received.body) is None


def test_former_apiv3_key_encrypts_during_a_ramp(
    fresh_merchant: Merchant, receiver: Receiver
) -> None:
    issued(fresh_merchant, "apiv3").set(new_key_percent=0)

    received = paid_callback(fresh_merchant, receiver)

    assert fresh_merchant.sdk.callback(received.headers, received.body)


def test_retired_keys_are_refused(fresh_merchant: Merchant) -> None:
    renewed = issued(fresh_merchant, "merchant", "public_key")
    path = f"/control/accounts/{fresh_merchant.mchid}/keys"

    assert fresh_merchant.server.http.delete(path).json() == {"retired": 2}

    assert fresh_merchant.prepay(fresh_merchant.order())[0] == 401
    assert renewed.prepay(renewed.order())[0] == 200
    shown = renewed.server.get(f"/accounts/{renewed.mchid}/keys")
    assert shown["valid_merchant_serials"] == [renewed.keys["merchant_serial"]]
    assert shown["valid_platform_ids"] == [renewed.keys["platform_public_key_id"]]


def test_opening_the_account_again_shows_the_newest_keys(fresh_merchant: Merchant) -> None:
    renewed = issued(fresh_merchant, "merchant", "apiv3")

    again = fresh_merchant.server.open_account(fresh_merchant.keys["appid"])

    assert again["merchant_serial"] == renewed.keys["merchant_serial"]
    assert again["apiv3_key"] == renewed.keys["apiv3_key"] != fresh_merchant.keys["apiv3_key"]


def test_new_keys_survive_a_restart(own_merchant: Merchant) -> None:
    renewed = issued(own_merchant, "merchant", "public_key")

    own_merchant.server.stop()
    own_merchant.server.start()

    for one in (own_merchant, renewed):
        assert one.prepay(one.order())[0] == 200


def test_unknown_kind_of_key_is_refused(fresh_merchant: Merchant) -> None:
    path = f"/control/accounts/{fresh_merchant.mchid}/keys"
    post = fresh_merchant.server.http.post

    assert post(path, json={"issue": ["passport"]}).status_code == 400
    assert post("/control/accounts/1600000000/keys", json={"issue": ["apiv3"]}).status_code == 404


def test_new_merchants_have_no_platform_certificate(merchant: Merchant) -> None:
    status, body = merchant.call("GET", "/v3/certificates")

    assert (status, body["code"]) == (404, "RESOURCE_NOT_EXISTS")


def test_certificate_mode_signs_with_the_certificate_it_hands_out(
    fresh_merchant: Merchant, receiver: Receiver
) -> None:
    fresh_merchant.set(signs_with="certificate")
    shown = fresh_merchant.server.get(f"/accounts/{fresh_merchant.mchid}/keys")

    status, text = fresh_merchant.sdk._core.request("/v3/certificates", skip_verify=True)
    received = paid_callback(fresh_merchant, receiver)

    assert status == 200
    assert serial_of(received) == shown["platform_certificate_serial"]
    certificate = x509.load_pem_x509_certificate(shown["platform_certificate"].encode())
    assert f"{certificate.serial_number:X}" == serial_of(received)
    assert rsa_verify(
        received.headers["Wechatpay-Timestamp"],
        received.headers["Wechatpay-Nonce"],
        received.body.decode(),
        received.headers["Wechatpay-Signature"],
        certificate.public_key(),
    )
    assert shown["platform_certificate_serial"] in text


def test_certificates_are_encrypted_with_the_apiv3_key(fresh_merchant: Merchant) -> None:
    fresh_merchant.set(signs_with="certificate")

    _, body = fresh_merchant.call("GET", "/v3/certificates")

    (one,) = body["data"]
    sealed = one["encrypt_certificate"]
    pem = aes_decrypt(
        sealed["nonce"],
        sealed["ciphertext"],
        sealed["associated_data"],
        fresh_merchant.keys["apiv3_key"],
    )
    certificate = load_certificate(pem)
    assert f"{certificate.serial_number:X}" == one["serial_no"]
    assert one["effective_time"] < one["expire_time"]


def test_public_key_stays_good_in_certificate_mode(fresh_merchant: Merchant) -> None:
    fresh_merchant.set(signs_with="certificate")

    assert fresh_merchant.prepay(fresh_merchant.order())[0] == 200


def test_serial_nobody_knows_is_refused(merchant: Merchant) -> None:
    stranger = with_keys(
        merchant, {"platform_public_key_id": f"PUB_KEY_ID_{secrets.token_hex(16)}"}
    )

    status, body = stranger.prepay(stranger.order())

    assert (status, body["code"]) == (400, "PARAM_ERROR")
