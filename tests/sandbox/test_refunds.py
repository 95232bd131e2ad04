"""Refunds of the sandbox."""

import secrets
from typing import Any

import pytest

from tests.sandbox.conftest import Merchant, answer
from tests.sandbox_server import Receiver, wait_until


def query(merchant: Merchant, number: str) -> tuple[int, dict[str, Any]]:
    return answer(merchant.sdk.query_refund(number))


def test_refund_is_accepted_then_arrives_with_a_callback(
    merchant: Merchant, receiver: Receiver
) -> None:
    order = merchant.paid()

    status, body = merchant.refund(order, 1990)

    assert (status, body["status"]) == (200, "PROCESSING")
    wait_until(lambda: query(merchant, body["out_refund_no"])[1]["status"] == "SUCCESS")
    events = [
        merchant.sdk.callback(one.headers, one.body)
        for one in receiver.wait_for(merchant.notify_url, 2)
    ]
    (event,) = [one for one in events if one["event_type"] == "REFUND.SUCCESS"]
    assert event["resource"]["refund_status"] == "SUCCESS"
    assert event["resource"]["out_refund_no"] == body["out_refund_no"]
    assert event["resource"]["amount"]["refund"] == 1990
    assert merchant.query(order)[1]["trade_state"] == "REFUND"


def test_same_refund_again_refunds_once(fresh_merchant: Merchant) -> None:
    order, number = fresh_merchant.paid(), secrets.token_hex(8)

    first = fresh_merchant.refund(order, 990, out_refund_no=number)
    second = fresh_merchant.refund(order, 990, out_refund_no=number)

    assert first[0] == second[0] == 200
    assert first[1]["refund_id"] == second[1]["refund_id"]
    assert len(fresh_merchant.server.items("/refunds", mchid=fresh_merchant.mchid)) == 1
    assert fresh_merchant.server.get(f"/accounts/{fresh_merchant.mchid}")["balance_fen"] == 1000


def test_same_refund_number_with_another_amount_is_refused(merchant: Merchant) -> None:
    order, number = merchant.paid(), secrets.token_hex(8)
    merchant.refund(order, 990, out_refund_no=number)

    status, body = merchant.refund(order, 991, out_refund_no=number)

    assert (status, body["code"]) == (400, "INVALID_REQUEST")
    assert "不一致" in body["message"]


@pytest.mark.parametrize(
    "amount",
    [
        {"refund": 1991, "total": 1990, "currency": "CNY"},
        {"refund": 1, "total": 1991, "currency": "CNY"},
    ],
)
def test_refund_never_exceeds_the_order(merchant: Merchant, amount: dict[str, Any]) -> None:
    order = merchant.paid()

    status, body = merchant.refund(order, amount=amount)

    assert (status, body["code"]) == (400, "INVALID_REQUEST")


def test_refunds_together_never_exceed_the_order(own_merchant: Merchant) -> None:
    order = own_merchant.paid()
    own_merchant.refund(order, 1000)
    own_merchant.server.advance(61)

    too_much = own_merchant.refund(order, 991)
    rest = own_merchant.refund(order, 990)

    assert (too_much[0], too_much[1]["code"]) == (400, "INVALID_REQUEST")
    assert rest[0] == 200


def test_second_refund_of_an_order_within_a_minute_is_too_frequent(merchant: Merchant) -> None:
    order = merchant.paid()
    merchant.refund(order, 1)

    status, body = merchant.refund(order, 1)

    assert (status, body["code"]) == (429, "FREQUENCY_LIMITED")


def test_fifty_refunds_of_an_order_are_the_most(own_merchant: Merchant) -> None:
    order = own_merchant.paid()
    for _ in range(50):
        assert own_merchant.refund(order, 1)[0] == 200
        own_merchant.server.advance(61)

    status, body = own_merchant.refund(order, 1)

    assert (status, body["code"]) == (400, "INVALID_REQUEST")


def test_order_is_refundable_for_a_year(own_merchant: Merchant) -> None:
    order, late = own_merchant.paid(), own_merchant.paid()
    own_merchant.server.advance(365 * 86400 - 60)

    in_time = own_merchant.refund(order)
    own_merchant.server.advance(120)
    too_late = own_merchant.refund(late)

    assert in_time[0] == 200
    assert (too_late[0], too_late[1]["code"]) == (400, "INVALID_REQUEST")


@pytest.mark.parametrize("prepare", ["placed", "order"])
def test_unpaid_or_unknown_order_cannot_be_refunded(merchant: Merchant, prepare: str) -> None:
    order = getattr(merchant, prepare)()

    status, body = merchant.refund(order)

    assert (status, body["code"]) == (404, "RESOURCE_NOT_EXISTS")


def test_refund_beyond_the_balance_waits_for_a_top_up(fresh_merchant: Merchant) -> None:
    order, number = fresh_merchant.paid(), secrets.token_hex(8)
    fresh_merchant.server.post(f"/accounts/{fresh_merchant.mchid}", balance_fen=1989)

    poor = fresh_merchant.refund(order, out_refund_no=number)
    fresh_merchant.server.post(f"/accounts/{fresh_merchant.mchid}", balance_fen=1990)
    rich = fresh_merchant.refund(order, out_refund_no=number)

    assert (poor[0], poor[1]["code"]) == (403, "NOT_ENOUGH")
    assert rich[0] == 200
    assert fresh_merchant.server.get(f"/accounts/{fresh_merchant.mchid}")["balance_fen"] == 0


def test_unlimited_account_always_has_enough(fresh_merchant: Merchant) -> None:
    order = fresh_merchant.paid()
    fresh_merchant.server.post(
        f"/accounts/{fresh_merchant.mchid}", balance_fen=0, is_unlimited=True
    )

    status, _ = fresh_merchant.refund(order)

    assert status == 200


def test_refund_takes_as_long_as_it_is_told(own_merchant: Merchant) -> None:
    own_merchant.server.post(f"/accounts/{own_merchant.mchid}", refund_delay_seconds=3 * 86400)
    _, body = own_merchant.refund(own_merchant.paid())
    own_merchant.server.advance(2 * 86400)
    own_merchant.server.wait_drained()
    waiting = query(own_merchant, body["out_refund_no"])[1]

    own_merchant.server.advance(86400)

    assert waiting["status"] == "PROCESSING"
    wait_until(lambda: query(own_merchant, body["out_refund_no"])[1]["status"] == "SUCCESS")


@pytest.mark.parametrize("status", ["ABNORMAL", "CLOSED"])
def test_refund_may_end_badly(fresh_merchant: Merchant, receiver: Receiver, status: str) -> None:
    fresh_merchant.server.post(f"/accounts/{fresh_merchant.mchid}", refund_delay_seconds=3600)
    order = fresh_merchant.paid()
    _, body = fresh_merchant.refund(order)

    fresh_merchant.server.post("/refunds/end", out_refund_no=body["out_refund_no"], status=status)

    assert query(fresh_merchant, body["out_refund_no"])[1]["status"] == status
    events = [
        fresh_merchant.sdk.callback(one.headers, one.body)["event_type"]
        for one in receiver.wait_for(fresh_merchant.notify_url, 2)
    ]
    assert f"REFUND.{status}" in events
    balance = fresh_merchant.server.get(f"/accounts/{fresh_merchant.mchid}")["balance_fen"]
    assert balance == (1990 if status == "CLOSED" else 0)


def test_closed_refund_needs_and_gets_a_new_number(own_merchant: Merchant) -> None:
    own_merchant.server.fault("refund_closed", count=1)
    order = own_merchant.paid()
    _, first = own_merchant.refund(order)
    wait_until(lambda: query(own_merchant, first["out_refund_no"])[1]["status"] == "CLOSED")
    own_merchant.server.advance(61)

    same = own_merchant.refund(order, out_refund_no=first["out_refund_no"])
    new = own_merchant.refund(order)

    assert same[1]["status"] == "CLOSED"
    assert new[1]["status"] == "PROCESSING"


def test_finished_refund_cannot_end_again(merchant: Merchant) -> None:
    _, body = merchant.refund(merchant.paid())
    wait_until(lambda: query(merchant, body["out_refund_no"])[1]["status"] == "SUCCESS")

    response = merchant.server.http.post(
        "/control/refunds/end", json={"out_refund_no": body["out_refund_no"], "status": "CLOSED"}
    )

    assert response.status_code == 409


def test_unknown_refund_does_not_exist(merchant: Merchant) -> None:
    status, body = query(merchant, "nobody-knows-me")

    assert (status, body["code"]) == (404, "RESOURCE_NOT_EXISTS")
