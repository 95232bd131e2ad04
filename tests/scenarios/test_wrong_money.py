"""Money that is not what was asked for: confirmed by the gateway, sent back, told as an alarm."""

import logging
from datetime import timedelta
from typing import Any

import pytest

from domain.database import read_clock
from domain.gateways.protocol import GatewayPayment, PaymentStatus
from domain.gateways.wechat import WeChatPayments
from tests.sandbox_server import wait_until
from tests.world import Phone, World, expect

pytestmark = pytest.mark.transactional

PAYMENT = "SELECT state, received_fen, outcome FROM payments ORDER BY id DESC LIMIT 1"
REFUND = "SELECT state, amount_fen, purpose FROM refunds"


def prepared(world: World) -> tuple[Phone, dict[str, Any], str]:
    """Return a shopper, an order to be paid, and its payment's number."""
    leader = world.phone()
    order = leader.open()
    number: str = leader.prepare(order)["payment_id"]
    return leader, order, number


def closed(world: World) -> str:
    """Return the number of a payment that was given up and closed; its work is done."""
    leader, order, number = prepared(world)
    expect(201, leader.post(f"/v1/orders/{order['id']}/cancellation"))
    world.run_jobs()
    assert world.rows(PAYMENT) == [("closed", None, None)]
    assert world.rows("SELECT state FROM work_rows WHERE kind = 'drive_payment'") == [("done",)]
    return number


def alarms(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        str(vars(record)["why"])
        for record in caplog.records
        if record.getMessage() == "unexpected money goes back" and record.levelno == logging.ERROR
    ]


def test_wrong_amount_is_refunded_at_its_callback(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    _, _, number = prepared(world)

    world.sandbox.post("/pay", out_trade_no=number, amount=1000)
    wait_until(lambda: world.rows(REFUND))

    assert world.rows(PAYMENT) == [("succeeded", 1000, "wrong_amount")]
    assert world.rows(REFUND) == [("requested", 1000, "wrong_amount")]
    assert alarms(caplog) == ["wrong_amount"]


def test_wrong_amount_at_a_closed_payment_is_refunded_at_its_callback(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    number = closed(world)

    world.sandbox.post("/pay", out_trade_no=number, amount=1000, even_if_closed=True)
    wait_until(lambda: world.rows(REFUND))

    assert world.rows(PAYMENT) == [("succeeded", 1000, "wrong_amount")]
    assert world.rows(REFUND) == [("requested", 1000, "wrong_amount")]
    assert alarms(caplog) == ["wrong_amount"]


def test_money_at_a_closed_payment_is_an_alarm(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    number = closed(world)

    world.sandbox.post("/pay", out_trade_no=number, even_if_closed=True)
    wait_until(lambda: world.rows(REFUND))

    assert world.rows(REFUND) == [("requested", 1990, "closed_payment")]
    assert alarms(caplog) == ["closed_payment"]


def test_money_that_is_merely_late_is_no_alarm(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    _, opened = world.opened()
    member = world.phone()
    number = member.prepare(member.join(opened["group_id"]))["payment_id"]
    world.end_deadline(opened["group_id"])

    late = (read_clock() + timedelta(seconds=5)).isoformat(timespec="seconds")
    world.sandbox.post("/pay", out_trade_no=number, success_time=late)
    wait_until(lambda: world.rows(REFUND))

    assert world.rows(PAYMENT) == [("succeeded", 1990, "late")]
    assert alarms(caplog) == []


def test_callback_that_tells_another_amount_than_the_gateway_is_corrected(world: World) -> None:
    leader, order, number = prepared(world)
    world.sandbox.post("/callbacks/withhold", mchid=world.mch_no)
    world.sandbox.post("/pay", out_trade_no=number)

    told = world.sandbox.post("/callbacks/send", out_trade_no=number, variant="wrong_amount")

    assert [one["status"] for one in told["deliveries"]] == [204]
    assert world.rows(PAYMENT) == [("succeeded", 1990, "seated")]
    assert leader.order(order)["state"] == "paid"


def test_wrong_amount_is_asked_for_again_where_the_gateway_cannot_confirm_it(world: World) -> None:
    number = closed(world)
    world.sandbox.post("/callbacks/withhold", mchid=world.mch_no)
    world.sandbox.post("/pay", out_trade_no=number, amount=1000, even_if_closed=True)
    world.sandbox.fault("error_before", operation="query", mchid=world.mch_no, count=1)

    first = world.sandbox.post("/callbacks/send", out_trade_no=number)
    assert world.rows(PAYMENT) == [("closed", None, None)]
    again = world.sandbox.post("/callbacks/send", out_trade_no=number)

    assert [d["status"] for d in first["deliveries"] + again["deliveries"]] == [502, 204]
    assert world.rows(REFUND) == [("requested", 1000, "wrong_amount")]


def test_amount_that_the_gateway_does_not_confirm_does_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    leader, order, number = prepared(world)
    world.sandbox.post("/callbacks/withhold", mchid=world.mch_no)
    world.sandbox.post("/pay", out_trade_no=number, amount=1000)
    monkeypatch.setattr(
        WeChatPayments,
        "query",
        lambda self, number: GatewayPayment(number, PaymentStatus.PENDING),
    )

    told = world.sandbox.post("/callbacks/send", out_trade_no=number)

    assert [one["status"] for one in told["deliveries"]] == [502]
    assert leader.order(order)["state"] == "placed"
    assert world.rows(REFUND) == []
