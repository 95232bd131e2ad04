"""The shopper's side: paying with client parameters, logging in with codes."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.sandbox.conftest import Merchant
from tests.sandbox_server import Receiver


def pay(merchant: Merchant, parameters: dict[str, Any], openid: str) -> httpx.Response:
    return merchant.server.http.post("/shopper/pay", json=parameters | {"openid": openid})


def test_shopper_pays_with_the_client_parameters(merchant: Merchant, receiver: Receiver) -> None:
    order = merchant.placed()
    parameters = merchant.client_parameters(order["prepay_id"])

    response = pay(merchant, parameters, order["payer"]["openid"])

    assert (response.status_code, response.json()) == (200, {"errMsg": "requestPayment:ok"})
    assert merchant.query(order)[1]["trade_state"] == "SUCCESS"
    assert receiver.wait_for(merchant.notify_url)


def test_order_is_paid_once_however_often_it_is_tried(fresh_merchant: Merchant) -> None:
    order = fresh_merchant.placed()
    parameters = fresh_merchant.client_parameters(order["prepay_id"])

    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: pay(fresh_merchant, parameters, order["payer"]["openid"]), range(8))
        )

    assert sorted(one.status_code for one in answers) == [200] + [409] * 7
    assert fresh_merchant.server.get(f"/accounts/{fresh_merchant.mchid}")["balance_fen"] == 1990


@pytest.mark.parametrize(
    "change",
    [
        {"timeStamp": "1"},
        {"nonceStr": "other"},
        {"appId": "wx0000000000000000"},
        {"paySign": "AAAA"},
        {"package": "prepay_id=wx-nobody"},
        {"package": "id=1"},
    ],
)
def test_changed_client_parameters_do_not_pay(merchant: Merchant, change: dict[str, str]) -> None:
    order = merchant.placed()
    parameters = merchant.client_parameters(order["prepay_id"])

    response = pay(merchant, parameters | change, order["payer"]["openid"])

    assert response.status_code == 409
    assert merchant.query(order)[1]["trade_state"] == "NOTPAY"


def test_signature_of_another_merchant_does_not_pay(merchant: Merchant) -> None:
    order = merchant.placed()
    parameters = merchant.client_parameters(order["prepay_id"])
    other = merchant.placed()
    stolen = parameters | {"package": f"prepay_id={other['prepay_id']}"}

    response = pay(merchant, stolen, other["payer"]["openid"])

    assert response.status_code == 409


@pytest.mark.parametrize("change", [{"signType": "MD5"}, {"amount": 1}, {"timeStamp": 1}])
def test_parameters_are_taken_exactly(merchant: Merchant, change: dict[str, Any]) -> None:
    order = merchant.placed()
    parameters = merchant.client_parameters(order["prepay_id"])

    response = pay(merchant, parameters | change, order["payer"]["openid"])

    assert response.status_code == 400


def test_somebody_else_cannot_pay(merchant: Merchant) -> None:
    order = merchant.placed()

    response = pay(merchant, merchant.client_parameters(order["prepay_id"]), "somebody-else")

    assert response.status_code == 409


def test_closed_order_cannot_be_paid(merchant: Merchant) -> None:
    order = merchant.placed()
    merchant.close(order)
    parameters = merchant.client_parameters(order["prepay_id"])

    response = pay(merchant, parameters, order["payer"]["openid"])

    assert response.status_code == 409


def test_money_can_still_come_to_a_closed_order_if_forced(
    merchant: Merchant, receiver: Receiver
) -> None:
    order = merchant.placed()
    merchant.close(order)

    merchant.server.post("/pay", prepay_id=order["prepay_id"], even_if_closed=True)

    assert merchant.query(order)[1]["trade_state"] == "SUCCESS"
    assert receiver.wait_for(merchant.notify_url)


def test_failed_attempt_leaves_the_order_unpaid(merchant: Merchant) -> None:
    order = merchant.placed()

    failed = merchant.server.post("/fail", prepay_id=order["prepay_id"])

    assert failed["state"] == "NOTPAY"
    assert merchant.query(order)[1]["trade_state"] == "NOTPAY"


def test_prepay_id_dies_after_two_hours(own_merchant: Merchant) -> None:
    order = own_merchant.placed()
    parameters = own_merchant.client_parameters(order["prepay_id"])
    own_merchant.server.advance(2 * 3600)

    response = pay(own_merchant, parameters, order["payer"]["openid"])

    assert response.status_code == 409


def login(merchant: Merchant, **changes: str) -> dict[str, Any]:
    parameters = {
        "appid": merchant.keys["appid"],
        "secret": merchant.keys["app_secret"],
        "js_code": "none",
        "grant_type": "authorization_code",
        **changes,
    }
    answer: dict[str, Any] = merchant.server.http.get(
        "/sns/jscode2session", params=parameters
    ).json()
    return answer


def test_login_code_gives_the_openid_once(merchant: Merchant) -> None:
    minted = merchant.server.post("/codes", appid=merchant.keys["appid"], openid="o-shopper-1")

    first, second = (login(merchant, js_code=minted["code"]) for _ in range(2))

    assert first["openid"] == "o-shopper-1"
    assert first["session_key"]
    assert second["errcode"] == 40163


def test_codes_are_minted_by_the_hundred(merchant: Merchant) -> None:
    minted = merchant.server.post("/codes", appid=merchant.keys["appid"], count=100)

    openids = {login(merchant, js_code=one["code"])["openid"] for one in minted["codes"][:3]}

    assert len({one["openid"] for one in minted["codes"]}) == 100
    assert openids == {one["openid"] for one in minted["codes"][:3]}


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({"js_code": "unknown"}, 40029),
        ({"js_code": ""}, 41008),
        ({"secret": "wrong"}, 40125),
        ({"appid": "wx0000000000000000"}, 40013),
        ({"grant_type": "code"}, 40002),
    ],
)
def test_bad_login_is_refused(merchant: Merchant, changes: dict[str, str], errcode: int) -> None:
    assert login(merchant, **changes)["errcode"] == errcode


def test_code_of_another_app_is_unknown(merchant: Merchant) -> None:
    other = merchant.server.open_account()
    minted = merchant.server.post("/codes", appid=other["appid"])

    assert login(merchant, js_code=minted["code"])["errcode"] == 40029
