"""Notifications of the sandbox's Alipay: signed, repeated on the ladder until `success`."""

from urllib.parse import parse_qs

import pytest

from tests.sandbox.alipay import AlipayMerchant
from tests.sandbox_server import Received, Receiver, wait_until

LADDER = (240, 600, 600, 3600, 7200, 21600, 54000)


def said(received: Received) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(received.body.decode()).items()}


def is_genuine(alipay: AlipayMerchant, received: Received) -> bool:
    parts = said(received)
    signature = parts.pop("sign")
    assert parts.pop("sign_type") == "RSA2"
    text = "&".join(f"{name}={parts[name]}" for name in sorted(parts))
    return alipay.is_signed(text, signature)


def test_payment_is_told_signed(alipay: AlipayMerchant, receiver: Receiver) -> None:
    order = alipay.paid()

    (received,) = receiver.wait_for(alipay.notify_url)

    told = said(received)
    assert is_genuine(alipay, received)
    assert told["trade_status"] == "TRADE_SUCCESS"
    assert told["total_amount"] == "19.90"
    assert told["out_trade_no"] == order["out_trade_no"]
    assert (told["seller_id"], told["app_id"]) == (alipay.seller_id, alipay.keys["app_id"])
    assert "out_biz_no" not in told


def test_closing_is_told(alipay: AlipayMerchant, receiver: Receiver) -> None:
    alipay.close(alipay.placed())

    told = said(receiver.wait_for(alipay.notify_url)[0])

    assert told["trade_status"] == "TRADE_CLOSED"
    assert "gmt_payment" not in told


def test_refunds_are_told_with_their_number_and_their_sum(
    alipay: AlipayMerchant, receiver: Receiver
) -> None:
    order = alipay.paid()
    receiver.wait_for(alipay.notify_url)
    alipay.refund(order, "5.00", "r1")
    receiver.wait_for(alipay.notify_url, 2)
    alipay.refund(order, "14.90", "r2")

    told = [said(one) for one in receiver.wait_for(alipay.notify_url, 3)][1:]

    assert [(one["out_biz_no"], one["refund_fee"], one["trade_status"]) for one in told] == [
        ("r1", "5.00", "TRADE_SUCCESS"),
        ("r2", "19.90", "TRADE_CLOSED"),
    ]
    assert all(one["gmt_refund"] for one in told)


def test_only_the_word_success_ends_the_tries(
    own_alipay: AlipayMerchant, receiver: Receiver
) -> None:
    receiver.status = 204
    own_alipay.paid()
    for count, pause in enumerate(LADDER, 1):
        receiver.wait_for(own_alipay.notify_url, count)
        wait_until(lambda count=count: attempts(own_alipay) == count)
        assert len(receiver.at(own_alipay.notify_url)) == count
        own_alipay.server.advance(pause + 1)
    received = receiver.wait_for(own_alipay.notify_url, 8)

    (row,) = wait_until(lambda: own_alipay.server.items("/callbacks", state="exhausted"))

    assert row["attempts"] == 8
    assert len({said(one)["notify_id"] for one in received}) == 1
    assert len({one.body for one in received}) == 1


def attempts(alipay: AlipayMerchant) -> int:
    (row,) = alipay.server.items("/callbacks")
    return int(row["attempts"])


def test_success_ends_the_tries(own_alipay: AlipayMerchant, receiver: Receiver) -> None:
    own_alipay.paid()
    receiver.wait_for(own_alipay.notify_url)

    (row,) = wait_until(lambda: own_alipay.server.items("/callbacks", state="delivered"))
    own_alipay.server.advance(86400)
    own_alipay.server.wait_drained()

    assert row["attempts"] == 1
    assert len(receiver.at(own_alipay.notify_url)) == 1


def test_notification_is_withheld_and_released(alipay: AlipayMerchant, receiver: Receiver) -> None:
    order = alipay.placed()
    alipay.server.post("/callbacks/withhold", out_trade_no=order["out_trade_no"])
    alipay.server.post("/alipay/pay", out_trade_no=order["out_trade_no"])
    alipay.server.wait_drained()
    assert receiver.at(alipay.notify_url) == []

    alipay.server.post("/callbacks/release", out_trade_no=order["out_trade_no"])

    assert len(receiver.wait_for(alipay.notify_url)) == 1


def test_notification_is_sent_again(alipay: AlipayMerchant, receiver: Receiver) -> None:
    order = alipay.paid()
    receiver.wait_for(alipay.notify_url)

    sent = alipay.server.post("/alipay/callbacks/send", out_trade_no=order["out_trade_no"], times=2)

    assert sent["deliveries"] == [{"status": 200, "error": None}] * 2
    assert len({said(one)["notify_id"] for one in receiver.at(alipay.notify_url)}) == 1


@pytest.mark.parametrize(
    ("variant", "genuine"), [("reordered", True), ("tampered", False), ("forged", False)]
)
def test_variants_are_what_they_say(
    alipay: AlipayMerchant, receiver: Receiver, variant: str, *, genuine: bool
) -> None:
    order = alipay.paid()
    receiver.wait_for(alipay.notify_url)

    alipay.server.post(
        "/alipay/callbacks/send", out_trade_no=order["out_trade_no"], variant=variant
    )

    assert is_genuine(alipay, receiver.at(alipay.notify_url)[-1]) is genuine
