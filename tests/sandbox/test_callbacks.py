"""Callbacks of the sandbox: received by a real server, opened by the real SDK."""

import contextlib
import json
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.sandbox.conftest import Merchant
from tests.sandbox_server import Receiver, wait_until

LADDER = [15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600]


def callback_of(merchant: Merchant, order: dict[str, Any]) -> dict[str, Any]:
    (row,) = merchant.server.items(
        "/callbacks", mchid=merchant.mchid, out_trade_no=order["out_trade_no"]
    )
    return row


def test_payment_callback_is_verified_and_opened_by_the_sdk(
    merchant: Merchant, receiver: Receiver
) -> None:
    order = merchant.paid()

    (received,) = receiver.wait_for(merchant.notify_url)

    event = merchant.sdk.callback(received.headers, received.body)
    assert event["event_type"] == "TRANSACTION.SUCCESS"
    assert event["resource"]["out_trade_no"] == order["out_trade_no"]
    assert event["resource"]["mchid"] == merchant.mchid
    assert event["resource"]["appid"] == merchant.keys["appid"]
    assert event["resource"]["amount"]["total"] == 1990
    assert event["resource"]["payer"] == order["payer"]
    assert received.headers["Wechatpay-Serial"] == merchant.keys["platform_public_key_id"]
    assert abs(time.time() - int(received.headers["Wechatpay-Timestamp"])) < 60


def test_wrong_amount_paid_is_told_the_same_everywhere(
    merchant: Merchant, receiver: Receiver
) -> None:
    order = merchant.placed()
    merchant.server.post("/pay", prepay_id=order["prepay_id"], amount=1, openid="somebody")

    (received,) = receiver.wait_for(merchant.notify_url)
    event = merchant.sdk.callback(received.headers, received.body)

    assert event["resource"]["amount"]["total"] == 1
    assert event["resource"]["payer"] == {"openid": "somebody"}
    assert merchant.query(order)[1]["amount"]["total"] == 1


def test_callbacks_share_kept_connections(merchant: Merchant, receiver: Receiver) -> None:
    before = receiver.connections

    for _ in range(30):
        merchant.paid()
    receiver.wait_for(merchant.notify_url, 30)

    assert receiver.connections - before <= 8


def test_withheld_callback_comes_when_released(merchant: Merchant, receiver: Receiver) -> None:
    merchant.server.post("/callbacks/withhold", mchid=merchant.mchid)
    order = merchant.paid()
    merchant.server.wait_drained()
    withheld = callback_of(merchant, order)

    released = merchant.server.post("/callbacks/release", out_trade_no=order["out_trade_no"])

    assert withheld["is_withheld"]
    assert withheld["attempts"] == 0
    assert released == {"released": 1}
    assert len(receiver.wait_for(merchant.notify_url)) == 1


def test_refund_callback_can_come_before_the_payment_callback(
    merchant: Merchant, receiver: Receiver
) -> None:
    order = merchant.order()
    merchant.server.post("/callbacks/withhold", out_trade_no=order["out_trade_no"])
    merchant.prepay(order)
    merchant.server.post("/pay", out_trade_no=order["out_trade_no"])
    merchant.refund(order)

    wait_until(
        lambda: merchant.server.post("/callbacks/release", event_type="REFUND.SUCCESS")["released"]
    )

    (received,) = receiver.wait_for(merchant.notify_url)
    event = merchant.sdk.callback(received.headers, received.body)
    assert event["event_type"] == "REFUND.SUCCESS"


@pytest.mark.parametrize("parallel", [False, True])
def test_callback_is_repeated_with_the_same_event_id(
    merchant: Merchant, receiver: Receiver, parallel: bool
) -> None:
    order = merchant.paid()
    receiver.wait_for(merchant.notify_url)

    sent = merchant.server.post(
        "/callbacks/send", out_trade_no=order["out_trade_no"], times=12, parallel=parallel
    )

    assert [one["status"] for one in sent["deliveries"]] == [204] * 12
    received = receiver.at(merchant.notify_url)
    events = [merchant.sdk.callback(one.headers, one.body) for one in received]
    assert len(events) == 13
    assert len({event["id"] for event in events}) == 1
    assert len({one.headers["Wechatpay-Signature"] for one in received}) == 13


REFUSED_BY_THE_SDK = [
    "tampered",
    "forged",
    "signtest",
    "unknown_serial",
    "no_signature_type",
    "unsigned",
    "wrong_key",
]


@pytest.mark.parametrize("variant", REFUSED_BY_THE_SDK)
def test_forgery_is_refused_by_the_sdk(
    merchant: Merchant, receiver: Receiver, variant: str
) -> None:
    order = merchant.placed()
    merchant.server.post("/callbacks/send", out_trade_no=order["out_trade_no"], variant=variant)

    (received,) = receiver.wait_for(merchant.notify_url)

    try:
        opened = merchant.sdk.callback(received.headers, received.body)
    except Exception:
        opened = None
    assert opened is None


def test_signtest_probe_begins_as_wechat_says(merchant: Merchant, receiver: Receiver) -> None:
    order = merchant.placed()

    merchant.server.post("/callbacks/send", out_trade_no=order["out_trade_no"], variant="signtest")

    (received,) = receiver.at(merchant.notify_url)
    assert received.headers["Wechatpay-Signature"].startswith("WECHATPAY/SIGNTEST/")


def test_stale_callback_is_signed_well_and_ten_minutes_old(
    merchant: Merchant, receiver: Receiver
) -> None:
    order = merchant.paid()
    receiver.wait_for(merchant.notify_url)

    merchant.server.post("/callbacks/send", out_trade_no=order["out_trade_no"], variant="stale")

    received = receiver.at(merchant.notify_url)[-1]
    assert merchant.sdk.callback(received.headers, received.body)
    assert time.time() - int(received.headers["Wechatpay-Timestamp"]) > 500


@pytest.mark.parametrize(
    ("variant", "field", "value"),
    [
        ("wrong_mchid", "mchid", "1900000001"),
        ("wrong_appid", "appid", "wx0000000000000000"),
    ],
)
def test_well_signed_callback_may_speak_of_somebody_else(
    merchant: Merchant, receiver: Receiver, variant: str, field: str, value: str
) -> None:
    order = merchant.placed()

    merchant.server.post("/callbacks/send", out_trade_no=order["out_trade_no"], variant=variant)

    (received,) = receiver.at(merchant.notify_url)
    assert merchant.sdk.callback(received.headers, received.body)["resource"][field] == value


def test_genuine_callback_of_an_unpaid_order_does_not_exist(merchant: Merchant) -> None:
    order = merchant.placed()

    response = merchant.server.http.post(
        "/control/callbacks/send", json={"out_trade_no": order["out_trade_no"]}
    )

    assert response.status_code == 404


def test_refused_callback_climbs_the_real_ladder(
    own_merchant: Merchant, receiver: Receiver
) -> None:
    receiver.status = 500
    order = own_merchant.paid()
    waits = []

    for attempts in range(1, 16):
        row = wait_until(
            lambda attempts=attempts: (
                row if (row := callback_of(own_merchant, order))["attempts"] == attempts else None
            )
        )
        now = datetime.fromisoformat(own_merchant.server.get("/clock")["now"])
        waits.append((datetime.fromisoformat(row["due_at"]) - now).total_seconds())
        own_merchant.server.advance(LADDER[attempts - 1] + 1)
    wait_until(lambda: callback_of(own_merchant, order)["state"] == "exhausted")

    received = receiver.at(own_merchant.notify_url)
    assert len(received) == 16
    assert len({one.headers["Wechatpay-Signature"] for one in received}) == 16
    assert all(abs(wait - step) <= 3 for wait, step in zip(waits, LADDER, strict=True))


def test_callback_refused_once_is_delivered_at_the_next_step(
    own_merchant: Merchant, receiver: Receiver
) -> None:
    receiver.status = 401
    order = own_merchant.paid()
    wait_until(lambda: callback_of(own_merchant, order)["attempts"])
    receiver.status = 204

    own_merchant.server.advance(16)
    wait_until(lambda: callback_of(own_merchant, order)["state"] == "delivered")

    assert len(receiver.at(own_merchant.notify_url)) == 2


def test_paid_order_and_its_callback_survive_kill_9(
    own_merchant: Merchant, receiver: Receiver
) -> None:
    server = own_merchant.server
    server.post("/callbacks/withhold")
    order = own_merchant.paid()
    keys = server.post("/accounts", appid=own_merchant.keys["appid"])

    server.stop(signal.SIGKILL)
    server.start()

    assert keys == server.post("/accounts", appid=own_merchant.keys["appid"])
    assert own_merchant.query(order)[1]["trade_state"] == "SUCCESS"
    server.post("/callbacks/release")
    (received,) = receiver.wait_for(own_merchant.notify_url)
    assert own_merchant.sdk.callback(received.headers, received.body)


def test_every_payment_that_was_acknowledged_survives_kill_9_under_load(
    own_merchant: Merchant,
) -> None:
    server = own_merchant.server
    numbers = [own_merchant.placed()["out_trade_no"] for _ in range(80)]
    acknowledged: list[str] = []

    def pay(number: str) -> None:
        with contextlib.suppress(httpx.TransportError):
            server.post("/pay", out_trade_no=number)
            acknowledged.append(number)

    with ThreadPoolExecutor(8) as pool:
        for number in numbers:
            pool.submit(pay, number)
        wait_until(lambda: len(acknowledged) >= 20)
        server.stop(signal.SIGKILL)
    server.start()

    paid = {one["out_trade_no"] for one in server.items("/orders", state="SUCCESS")}
    told = {one["out_trade_no"] for one in server.items("/callbacks")}
    balance = server.get(f"/accounts/{own_merchant.mchid}")["balance_fen"]
    assert set(acknowledged) <= paid == told
    assert balance == 1990 * len(paid)


def test_clock_and_undelivered_callback_survive_a_restart(
    own_merchant: Merchant, receiver: Receiver
) -> None:
    server = own_merchant.server
    server.advance(3600)
    receiver.status = 500
    order = own_merchant.paid()
    wait_until(lambda: callback_of(own_merchant, order)["attempts"])

    server.stop()
    receiver.status = 204
    server.start()
    server.advance(16)
    wait_until(lambda: callback_of(own_merchant, order)["state"] == "delivered")

    assert server.get("/clock")["offset_seconds"] == 3616


def test_clock_is_never_turned_back(own_merchant: Merchant) -> None:
    own_merchant.server.advance(60)

    response = own_merchant.server.http.post("/control/clock", json={"offset_seconds": 59})

    assert response.status_code == 409


def test_next_due_instant_is_told(own_merchant: Merchant, receiver: Receiver) -> None:
    receiver.status = 500
    order = own_merchant.paid()
    row = wait_until(
        lambda: row if (row := callback_of(own_merchant, order))["attempts"] == 1 else None
    )

    drained = own_merchant.server.get("/drained")

    assert drained == {
        "pending_callbacks": 0,
        "pending_refunds": 0,
        "pending_transfers": 0,
        "next_due_at": row["due_at"],
    }


def test_callback_body_has_the_documented_shape(merchant: Merchant, receiver: Receiver) -> None:
    merchant.paid()

    (received,) = receiver.wait_for(merchant.notify_url)

    body = json.loads(received.body)
    assert set(body) == {"id", "create_time", "resource_type", "event_type", "summary", "resource"}
    assert body["resource_type"] == "encrypt-resource"
    assert body["resource"]["algorithm"] == "AEAD_AES_256_GCM"
    assert len(body["resource"]["nonce"]) == 12
