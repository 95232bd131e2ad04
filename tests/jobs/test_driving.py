"""Driving refunds: asked after until they arrive, less often the longer a gateway is unheard."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.checkout.driving_refunds import drive_refunds
from domain.checkout.settling import settle_due_groups
from domain.database import read_clock
from domain.gateways.errors import GatewayUnknown
from domain.gateways.protocol import GatewayRefund, RefundStatus
from domain.gateways.wechat import WeChatPayments
from tests.sandbox_server import wait_until
from tests.world import World

pytestmark = pytest.mark.transactional

HOUR = timedelta(hours=1)
WORK = "SELECT state, due_at FROM work_rows WHERE kind = 'drive_refund'"


@pytest.fixture
def at(world: World) -> Iterator[datetime]:
    """The instant at which a failed group's refund is requested; its callbacks do not come."""
    _, order = world.opened()
    world.sandbox.post("/callbacks/withhold", mchid=world.mch_no)
    world.end_deadline(order["group_id"])
    found = read_clock()
    settle_due_groups(at=found)
    yield found
    world.sandbox.post("/callbacks/release", mchid=world.mch_no)


def test_refund_whose_callback_never_comes_is_found_by_asking(world: World, at: datetime) -> None:
    drive_refunds(at=at)
    assert world.rows("SELECT state FROM refunds") == [("accepted",)]

    drive_refunds(at=at + timedelta(seconds=30))

    assert world.rows("SELECT state FROM refunds") == [("arrived",)]
    assert world.rows("SELECT state FROM orders") == [("refunded",)]


def test_accepted_refund_the_gateway_does_not_find_is_asked_after_again(
    world: World, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    drive_refunds(at=at)
    monkeypatch.setattr(
        WeChatPayments,
        "query_refund",
        lambda self, number: GatewayRefund(number, RefundStatus.NOT_FOUND),
    )

    drive_refunds(at=at + timedelta(seconds=30))

    assert world.rows("SELECT state FROM refunds") == [("accepted",)]
    [(state, _)] = world.rows(WORK)
    assert state == "due"


def test_gateway_that_is_not_heard_is_asked_less_often_each_time(
    world: World, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refund(self: WeChatPayments, request: Any) -> Any:
        raise GatewayUnknown(operation="refund")

    monkeypatch.setattr(WeChatPayments, "refund", refund)
    waits = []

    for _ in range(4):
        drive_refunds(at=at)
        [(_, due_at)] = world.rows(WORK)
        waits.append((due_at - at).total_seconds())
        at = due_at

    assert waits == [2, 4, 8, 16]


def test_gateway_that_is_not_heard_parks_nothing_with_the_next_error(
    world: World, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = iter([GatewayUnknown(operation="refund")] * 6 + [ValueError("ours")] * 5)

    def refund(self: WeChatPayments, request: Any) -> Any:
        raise next(errors)

    monkeypatch.setattr(WeChatPayments, "refund", refund)
    states = []

    for _ in range(11):
        drive_refunds(at=at)
        [(state, at)] = world.rows(WORK)
        states.append(state)

    assert states == ["due"] * 10 + ["parked"]


def test_abnormal_refund_is_asked_after_every_hour_until_it_arrives(
    world: World, at: datetime
) -> None:
    world.sandbox.fault("refund_abnormal", mchid=world.mch_no, count=1)
    drive_refunds(at=at)
    at += timedelta(seconds=30)
    drive_refunds(at=at)
    assert world.rows("SELECT state FROM refunds") == [("abnormal",)]
    for _ in range(2):
        assert world.rows(WORK) == [("due", at + HOUR)]
        at += HOUR
        drive_refunds(at=at)
    [(number,)] = world.rows("SELECT public_id FROM refunds")
    world.sandbox.post("/refunds/end", out_refund_no=number, status="SUCCESS")

    drive_refunds(at=at + HOUR)

    assert world.rows("SELECT state FROM refunds") == [("arrived",)]
    assert world.rows("SELECT state FROM orders") == [("refunded",)]


def test_refund_that_a_callback_calls_abnormal_is_asked_after_every_hour(
    world: World, at: datetime
) -> None:
    world.sandbox.fault("refund_abnormal", mchid=world.mch_no, count=1)
    drive_refunds(at=at)
    world.sandbox.post("/callbacks/release", mchid=world.mch_no)
    wait_until(lambda: world.rows("SELECT state FROM refunds") == [("abnormal",)])

    at += timedelta(seconds=30)
    drive_refunds(at=at)

    assert world.rows(WORK) == [("due", at + HOUR)]
