"""Faults of callbacks, as rules: lost, late, doubled, out of order, forged, before the answer."""

import time
from typing import Any

import pytest

from sandbox.alipay import forgeries as alipay_forgeries
from sandbox.fault_kinds import FORGED
from sandbox.wechat.forgeries import VARIANTS
from tests.sandbox.conftest import Merchant
from tests.sandbox_server import Received, Receiver, wait_until


def opened(merchant: Merchant, received: Received) -> dict[str, Any] | None:
    """Open a callback as the SDK does, or None if it refuses."""
    try:
        event: dict[str, Any] | None = merchant.sdk.callback(received.headers, received.body)
    except Exception:
        return None
    return event


def state_of(merchant: Merchant, order: dict[str, Any]) -> str:
    (row,) = merchant.server.items("/callbacks", out_trade_no=order["out_trade_no"])
    return str(row["state"])


def test_every_forgery_has_a_fault_of_its_own() -> None:
    assert set(FORGED) == set(VARIANTS) - {"genuine"}


def test_alipay_builds_what_the_faults_name() -> None:
    assert {"tampered", "forged", "unsigned", "stale", "wrong_amount"} <= set(FORGED) & set(
        alipay_forgeries.VARIANTS
    )


def test_callback_is_never_sent_and_a_query_tells(
    fresh_merchant: Merchant, receiver: Receiver
) -> None:
    fresh_merchant.fault("callback_never", count=1)

    order = fresh_merchant.paid()

    wait_until(lambda: state_of(fresh_merchant, order) == "lost")
    assert receiver.at(fresh_merchant.notify_url) == []
    assert fresh_merchant.query(order)[1]["trade_state"] == "SUCCESS"
    fresh_merchant.paid()
    assert len(receiver.wait_for(fresh_merchant.notify_url)) == 1


def test_callback_is_late_by_business_time(own_merchant: Merchant, receiver: Receiver) -> None:
    own_merchant.fault("callback_late", count=1, latency_ms=7_200_000)
    order = own_merchant.paid()
    own_merchant.server.wait_drained()
    assert receiver.at(own_merchant.notify_url) == []

    own_merchant.server.advance(7201)

    assert len(receiver.wait_for(own_merchant.notify_url)) == 1
    wait_until(lambda: state_of(own_merchant, order) == "delivered")


@pytest.mark.parametrize(("name", "times"), [("callback_twice", 2), ("callback_parallel", 8)])
def test_callback_comes_more_than_once_with_the_same_id(
    fresh_merchant: Merchant, receiver: Receiver, name: str, times: int
) -> None:
    fresh_merchant.fault(name, count=1)

    fresh_merchant.paid()

    received = receiver.wait_for(fresh_merchant.notify_url, times)
    events = [opened(fresh_merchant, one) for one in received]
    assert len({event["id"] for event in events if event}) == 1
    assert len(received) == times
    assert len({one.headers["Wechatpay-Nonce"] for one in received}) == times


def test_refund_is_told_before_its_payment(fresh_merchant: Merchant, receiver: Receiver) -> None:
    fresh_merchant.fault("callback_out_of_order", operation="payment_callback", count=1)
    order = fresh_merchant.paid()
    fresh_merchant.refund(order)

    received = receiver.wait_for(fresh_merchant.notify_url, 2)

    events = [opened(fresh_merchant, one) for one in received]
    assert [event and event["event_type"] for event in events] == [
        "REFUND.SUCCESS",
        "TRANSACTION.SUCCESS",
    ]


def test_callback_without_a_follower_comes_an_hour_later(
    own_merchant: Merchant, receiver: Receiver
) -> None:
    own_merchant.fault("callback_out_of_order", count=1)
    own_merchant.paid()
    own_merchant.server.wait_drained()
    assert receiver.at(own_merchant.notify_url) == []

    own_merchant.server.advance(3601)

    assert len(receiver.wait_for(own_merchant.notify_url)) == 1


@pytest.mark.parametrize("name", FORGED)
def test_forged_callback_comes_before_the_genuine(
    fresh_merchant: Merchant, receiver: Receiver, name: str
) -> None:
    fresh_merchant.fault(f"callback_{name}", count=1)

    order = fresh_merchant.paid()

    first, second = receiver.wait_for(fresh_merchant.notify_url, 2)
    forged, genuine = opened(fresh_merchant, first), opened(fresh_merchant, second)
    assert genuine is not None
    assert genuine["resource"]["out_trade_no"] == order["out_trade_no"]
    assert genuine["resource"]["amount"]["total"] == 1990
    if name.startswith("wrong_") and name != "wrong_key":
        assert forged is not None
        assert forged["resource"] != genuine["resource"]
    elif name != "stale":
        assert forged is None
    else:
        assert time.time() - int(first.headers["Wechatpay-Timestamp"]) > 300


@pytest.mark.parametrize("name", ["wrong_amount", "wrong_mchid"])
def test_forged_callback_of_a_transfer_says_something_else(
    funded: Merchant, receiver: Receiver, name: str
) -> None:
    funded.fault(f"callback_{name}", operation="transfer_callback", count=1)
    funded.confirm(funded.transferred())

    first, second = receiver.wait_for(funded.notify_url, 2)

    forged, genuine = opened(funded, first), opened(funded, second)
    assert forged is not None
    assert genuine is not None
    changed = {
        key for key in genuine["resource"] if forged["resource"][key] != genuine["resource"][key]
    }
    assert changed == {"transfer_amount" if name == "wrong_amount" else "mch_id"}


def test_refused_genuine_callback_after_a_forged_one_climbs_the_ladder(
    fresh_merchant: Merchant, receiver: Receiver
) -> None:
    receiver.status = 500
    fresh_merchant.fault("callback_tampered", count=1)

    order = fresh_merchant.paid()

    rows = wait_until(
        lambda: (
            rows
            if (rows := fresh_merchant.server.items("/callbacks", mchid=fresh_merchant.mchid))[0][
                "attempts"
            ]
            else []
        )
    )
    assert rows[0]["out_trade_no"] == order["out_trade_no"]
    assert (rows[0]["state"], rows[0]["attempts"]) == ("pending", 1)


def test_faults_of_callbacks_and_of_calls_leave_each_other_alone(
    fresh_merchant: Merchant, receiver: Receiver
) -> None:
    fresh_merchant.fault("callback_twice")
    fresh_merchant.fault("error_before", count=1, operation="close")
    generic = fresh_merchant.fault("latency", count=2, latency_ms=0)

    fresh_merchant.paid()
    receiver.wait_for(fresh_merchant.notify_url, 2)

    rules = {one["id"]: one for one in fresh_merchant.server.get("/faults")["items"]}
    assert rules[generic["id"]]["fired"] == 1


def test_refund_ends_and_is_told_before_its_answer(
    fresh_merchant: Merchant, receiver: Receiver
) -> None:
    order = fresh_merchant.paid()
    receiver.wait_for(fresh_merchant.notify_url)
    fresh_merchant.set(refund_delay_seconds=3600)
    fresh_merchant.fault("callback_before_answer", operation="refund", count=1)

    status, body = fresh_merchant.refund(order)

    assert (status, body["status"]) == (200, "PROCESSING")
    told = opened(fresh_merchant, receiver.at(fresh_merchant.notify_url)[-1])
    assert told is not None
    assert told["event_type"] == "REFUND.SUCCESS"


def test_payment_is_told_before_the_prepay_answers(
    fresh_merchant: Merchant, receiver: Receiver
) -> None:
    fresh_merchant.fault("callback_before_answer", operation="prepay", count=1)

    fresh_merchant.placed()

    assert len(receiver.at(fresh_merchant.notify_url)) == 1


def test_order_is_paid_after_it_was_closed(fresh_merchant: Merchant, receiver: Receiver) -> None:
    order = fresh_merchant.placed()
    fresh_merchant.fault("closed_then_paid", count=1)

    assert fresh_merchant.close(order)[0] == 204

    assert fresh_merchant.query(order)[1]["trade_state"] == "SUCCESS"
    assert len(receiver.wait_for(fresh_merchant.notify_url)) == 1


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("refund_too_soon", 429, "FREQUENCY_LIMITED"),
        ("refund_too_many", 400, "INVALID_REQUEST"),
        ("refund_too_old", 400, "INVALID_REQUEST"),
    ],
)
def test_refund_is_refused_as_the_fault_says(
    fresh_merchant: Merchant, name: str, status: int, code: str
) -> None:
    order = fresh_merchant.paid()
    fresh_merchant.fault(name, count=1)

    refused = fresh_merchant.refund(order)

    assert (refused[0], refused[1]["code"]) == (status, code)
    assert fresh_merchant.refund(order)[0] == 200


def test_slow_refund_stays_processing_for_days(own_merchant: Merchant) -> None:
    order = own_merchant.paid()
    own_merchant.fault("refund_slow", count=1, days=5)
    _, refund = own_merchant.refund(order)
    own_merchant.server.advance(5 * 86400 - 60)
    own_merchant.server.wait_drained()
    (before,) = own_merchant.server.items("/refunds", out_refund_no=refund["out_refund_no"])

    own_merchant.server.advance(61)

    assert before["status"] == "PROCESSING"
    own_merchant.server.wait_drained()
    (after,) = own_merchant.server.items("/refunds", out_refund_no=refund["out_refund_no"])
    assert after["status"] == "SUCCESS"


@pytest.mark.parametrize("kind", ["query", "query_refund"])
def test_lagging_record_does_not_find_what_exists(fresh_merchant: Merchant, kind: str) -> None:
    order = fresh_merchant.paid()
    _, refund = fresh_merchant.refund(order)
    fresh_merchant.fault("not_found", operation=kind, count=1)
    asked = {
        "query": lambda: fresh_merchant.query(order)[0],
        "query_refund": lambda: fresh_merchant.sdk.query_refund(refund["out_refund_no"])[0],
    }

    assert [asked[kind]() for _ in range(2)] == [404, 200]


def test_refunds_have_a_quota_per_second(fresh_merchant: Merchant) -> None:
    orders = [fresh_merchant.paid() for _ in range(4)]
    fresh_merchant.set(refunds_per_second=2)

    answers = [fresh_merchant.refund(order) for order in orders]

    assert [status for status, _ in answers] == [200, 200, 429, 429]
    assert answers[-1][1]["code"] == "FREQUENCY_LIMITED"
    time.sleep(1.05)
    assert fresh_merchant.refund(orders[-1])[0] == 200
    fresh_merchant.set(refunds_per_second=None)
    assert (
        fresh_merchant.server.get(f"/accounts/{fresh_merchant.mchid}")["refunds_per_second"] is None
    )
