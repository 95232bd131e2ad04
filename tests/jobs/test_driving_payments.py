"""Driving payments: what a gateway does not say when asked to close, it says when asked."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from domain.checkout.driving_payments import drive_payments
from domain.database import read_clock
from domain.gateways.errors import GatewayRejected, GatewayUnknown
from domain.gateways.protocol import GatewayPayment, PaymentStatus
from domain.gateways.wechat import WeChatPayments
from tests.world import Phone, World, expect

pytestmark = pytest.mark.transactional

STATES = "SELECT p.state, o.state FROM payments p JOIN orders o ON o.id = p.order_id"
WORK = "SELECT state, error FROM work_rows WHERE kind = 'drive_payment'"


@pytest.fixture
def deaf(world: World) -> Iterator[World]:
    """A world whose callbacks do not come."""
    world.sandbox.post("/callbacks/withhold", mchid=world.mch_no)
    yield world
    world.sandbox.post("/callbacks/release", mchid=world.mch_no)


def given_up(world: World, *, is_paid: bool) -> Phone:
    """Open a group, pay or not, and give the order up: its payment is to be closed."""
    leader = world.phone()
    order = leader.open()
    prepared = leader.prepare(order)
    if is_paid:
        expect(200, leader.pay(prepared))
    expect(201, leader.post(f"/v1/orders/{order['id']}/cancellation"))
    assert world.rows(STATES) == [("closing", "placed")]
    return leader


def test_payment_that_was_paid_is_found_though_closing_fails(deaf: World) -> None:
    given_up(deaf, is_paid=True)
    deaf.sandbox.fault("error_before", operation="close", mchid=deaf.mch_no)

    drive_payments(at=read_clock())

    assert deaf.rows(STATES) == [("succeeded", "paid")]
    assert deaf.rows(WORK) == [("done", None)]


def test_payment_that_was_paid_is_found_though_closing_is_refused(
    deaf: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_up(deaf, is_paid=True)

    def close(self: WeChatPayments, number: str) -> Any:
        raise GatewayRejected(operation="close")

    monkeypatch.setattr(WeChatPayments, "close", close)

    drive_payments(at=read_clock())

    assert deaf.rows(STATES) == [("succeeded", "paid")]


def test_payment_that_was_closed_unheard_is_found_closed(deaf: World) -> None:
    given_up(deaf, is_paid=False)
    deaf.sandbox.fault("error_after", operation="close", mchid=deaf.mch_no, count=1)

    drive_payments(at=read_clock())

    assert deaf.rows(STATES) == [("closed", "cancelled")]


def test_payment_that_is_neither_paid_nor_closed_is_closed_again_later(deaf: World) -> None:
    given_up(deaf, is_paid=False)
    deaf.sandbox.fault("error_before", operation="close", mchid=deaf.mch_no, count=1)
    at = read_clock()

    drive_payments(at=at)
    assert deaf.rows(STATES) == [("closing", "placed")]
    assert deaf.rows(WORK) == [("due", "gateway_unknown")]
    drive_payments(at=at + timedelta(seconds=2))

    assert deaf.rows(STATES) == [("closed", "cancelled")]


def test_payment_the_gateway_does_not_know_is_closed_after_its_time_out_only(
    deaf: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_up(deaf, is_paid=False)

    def close(self: WeChatPayments, number: str) -> Any:
        raise GatewayUnknown(operation="close")

    monkeypatch.setattr(WeChatPayments, "close", close)
    monkeypatch.setattr(
        WeChatPayments,
        "query",
        lambda self, number: GatewayPayment(number, PaymentStatus.NOT_FOUND),
    )
    [(expires_at,)] = deaf.rows("SELECT expires_at FROM payments")

    drive_payments(at=expires_at - timedelta(seconds=10))
    assert deaf.rows(STATES) == [("closing", "placed")]
    drive_payments(at=expires_at)

    assert deaf.rows(STATES) == [("closed", "cancelled")]
