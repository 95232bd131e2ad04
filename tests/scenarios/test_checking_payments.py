"""A client that was told "paid" has its payment looked up at once, callback or not."""

import time

import pytest

from domain.auditing.gateway_record import read_sandbox_record
from domain.auditing.running import audit
from domain.checkout.driving_payments import drive_payments
from domain.checkout.looking import find_due
from domain.database import read_clock
from tests.world import World, expect

pytestmark = pytest.mark.transactional

LOOKS = ["drive_payment"]


def test_payment_whose_callback_is_withheld_is_found_when_asked_for(world: World) -> None:
    """The scheduler's look finds nothing before, and the payment afterwards; asking repeats."""
    world.sandbox.post("/callbacks/withhold", mchid=world.mch_no)
    shopper = world.phone()
    order = shopper.open()
    expect(200, shopper.pay(shopper.prepare(order)))
    before = find_due(LOOKS, at=read_clock())
    began = time.monotonic()

    asked = [expect(200, shopper.post(f"/v1/orders/{order['id']}/payments/check"))] * 2
    due = find_due(LOOKS, at=read_clock())
    drive_payments(at=read_clock())

    assert "work.drive_payment" not in before
    assert [a["state"] for a in asked] == ["placed"] * 2
    assert "work.drive_payment" in due
    assert shopper.order(order)["state"] == "paid"
    assert time.monotonic() - began < 3
    again = expect(200, shopper.post(f"/v1/orders/{order['id']}/payments/check"))
    assert again["state"] == "paid"
    world.run_jobs()
    record = read_sandbox_record(f"{world.sandbox.url}/control")
    report = audit(at=read_clock(), gateway_record=record)
    assert report.is_ok, report.to_text()


def test_check_that_comes_before_the_payment_changes_nothing(world: World) -> None:
    shopper = world.phone()
    order = shopper.open()
    prepared = shopper.prepare(order)

    expect(200, shopper.post(f"/v1/orders/{order['id']}/payments/check"))
    drive_payments(at=read_clock())

    assert shopper.order(order)["state"] == "placed"
    expect(200, shopper.pay(prepared))
    expect(200, shopper.post(f"/v1/orders/{order['id']}/payments/check"))
    world.run_jobs()
    assert shopper.order(order)["state"] == "paid"
