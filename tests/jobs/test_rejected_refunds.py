"""A refund that is refused: what an earlier try did counts, and a person may have it repeated."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from domain import work
from domain.checkout import driving_refunds
from domain.checkout.driving_refunds import drive_refunds
from domain.checkout.settling import settle_due_groups
from domain.database import read_clock, reading, transaction
from domain.gateways.errors import GatewayConflict, GatewayRejected
from domain.gateways.protocol import GatewayRefund, RefundRequest, RefundStatus
from domain.gateways.wechat import WeChatPayments
from domain.money import Fen
from domain.settlement.applying_refunds import repeat_refund
from domain.settlement.refunding import WORK as DRIVE_REFUND
from tests.sandbox_server import wait_until
from tests.world import World

pytestmark = pytest.mark.transactional

REFUND = "SELECT state, error_code FROM refunds"
WORK = "SELECT state, error FROM work_rows WHERE kind = 'drive_refund'"
LATER = timedelta(minutes=1)


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


class Refusal:
    """A gateway that refuses every refund from now on, and counts how often it is asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.error: Exception = GatewayRejected(gateway_code="SIGN_ERROR")
        query_refund = WeChatPayments.query_refund

        def refund(provider: WeChatPayments, request: RefundRequest) -> GatewayRefund:
            raise self.error

        def query(provider: WeChatPayments, number: str, trade_no: str) -> GatewayRefund:
            self.asked.append(number)
            return query_refund(provider, number, trade_no)

        monkeypatch.setattr(WeChatPayments, "refund", refund)
        monkeypatch.setattr(WeChatPayments, "query_refund", query)


def test_refund_accepted_unheard_and_then_refused_arrives(
    world: World, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.sandbox.fault("error_after", operation="refund", mchid=world.mch_no, count=1)
    drive_refunds(at=at)
    assert world.rows(REFUND) == [("unknown", "SYSTEM_ERROR")]
    Refusal(monkeypatch)

    drive_refunds(at=at + LATER)

    assert world.rows(REFUND) == [("arrived", None)]
    assert world.rows("SELECT state FROM orders") == [("refunded",)]
    assert world.rows(WORK) == [("done", None)]


class Killed(BaseException):
    """Nobody catches it, as nobody catches SIGKILL."""


def test_refund_accepted_by_a_worker_that_died_and_then_refused_arrives(
    world: World, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*args: Any, **values: Any) -> None:
        raise Killed

    with monkeypatch.context() as dying:
        dying.setattr(driving_refunds, "record_accepted", die)
        with pytest.raises(Killed):
            drive_refunds(at=at)
    assert world.rows(REFUND) == [("sending", None)]
    lapse_leases()
    Refusal(monkeypatch)

    drive_refunds(at=at)

    assert world.rows(REFUND) == [("arrived", None)]
    assert world.rows("SELECT state FROM orders") == [("refunded",)]


def test_refund_refused_at_its_first_try_is_rejected_and_told_at_once(
    world: World, at: datetime, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    refusal = Refusal(monkeypatch)

    drive_refunds(at=at)

    assert world.rows(REFUND) == [("rejected", "SIGN_ERROR")]
    assert world.rows(WORK) == [("parked", "SIGN_ERROR")]
    assert refusal.asked == []
    [told] = [r for r in caplog.records if r.getMessage() == "refund went wrong"]
    assert told.levelno == logging.ERROR


def test_refund_that_was_not_heard_and_then_refused_is_rejected_once_the_gateway_knows_nothing(
    world: World, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.sandbox.fault("error_before", operation="refund", mchid=world.mch_no, count=1)
    drive_refunds(at=at)
    refusal = Refusal(monkeypatch)

    drive_refunds(at=at + LATER)

    assert len(refusal.asked) == 1
    assert world.rows(REFUND) == [("rejected", "SIGN_ERROR")]


def test_refused_refund_that_cannot_be_asked_after_stays_unknown(
    world: World, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.sandbox.fault("error_before", operation="refund", mchid=world.mch_no, count=1)
    drive_refunds(at=at)
    Refusal(monkeypatch)

    def query(self: WeChatPayments, number: str, trade_no: str) -> Any:
        raise GatewayRejected(gateway_code="SIGN_ERROR")

    monkeypatch.setattr(WeChatPayments, "query_refund", query)

    drive_refunds(at=at + LATER)

    assert world.rows(REFUND) == [("unknown", "SIGN_ERROR")]
    assert world.rows(WORK) == [("due", "SIGN_ERROR")]


def test_number_the_gateway_knows_with_another_amount_is_rejected(
    world: World, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.sandbox.fault("error_before", operation="refund", mchid=world.mch_no, count=1)
    drive_refunds(at=at)
    Refusal(monkeypatch).error = GatewayConflict(gateway_code="INVALID_REQUEST")
    monkeypatch.setattr(
        WeChatPayments,
        "query_refund",
        lambda self, number, trade_no: GatewayRefund(
            number, RefundStatus.SUCCESS, amount_fen=Fen(1)
        ),
    )

    drive_refunds(at=at + LATER)

    assert world.rows(REFUND) == [("rejected", "INVALID_REQUEST")]


def test_repeated_refund_is_sent_under_the_same_number(
    world: World, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as refusing:
        Refusal(refusing)
        drive_refunds(at=at)
    [(refund_id, order_id, number)] = world.rows("SELECT id, order_id, public_id FROM refunds")

    with transaction() as session:
        repeat_refund(session, (world.merchant_id, refund_id), order_id, at=at, actor="test")
    drive_refunds(at=at)
    drive_refunds(at=at + LATER)

    assert world.rows(REFUND) == [("arrived", None)]
    [at_gateway] = world.sandbox.items("/refunds", mchid=world.mch_no)
    assert at_gateway["out_refund_no"] == number
    assert moves(world)[:5] == ["sending", "rejected", "requested", "sending", "accepted"]


def test_unparked_refund_is_repeated(
    world: World, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys that were wrong are mended once for all: all the work they parked is unparked."""
    with monkeypatch.context() as refusing:
        Refusal(refusing)
        drive_refunds(at=at)
    [(refund_id,)] = world.rows("SELECT id FROM refunds")

    with transaction() as session:
        work.unpark(session, DRIVE_REFUND, [(world.merchant_id, refund_id)], due_at=at)
    drive_refunds(at=at)

    assert world.rows(REFUND) == [("accepted", None)]


def test_refund_refused_again_waits_again(
    world: World, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = Refusal(monkeypatch)
    drive_refunds(at=at)
    [(refund_id,)] = world.rows("SELECT id FROM refunds")

    with transaction() as session:
        work.unpark(session, DRIVE_REFUND, [(world.merchant_id, refund_id)], due_at=at)
    drive_refunds(at=at)

    assert world.rows(REFUND) == [("rejected", "SIGN_ERROR")]
    assert world.rows(WORK) == [("parked", "SIGN_ERROR")]
    assert len(refusal.asked) == 1


def test_callback_of_a_rejected_refund_is_looked_into(
    world: World, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was accepted, and the query that came before the refusal was recorded did not show it."""
    world.sandbox.fault("error_after", operation="refund", mchid=world.mch_no, count=1)
    drive_refunds(at=at)
    Refusal(monkeypatch)
    with monkeypatch.context() as blind:
        blind.setattr(
            WeChatPayments,
            "query_refund",
            lambda self, number, trade_no: GatewayRefund(number, RefundStatus.NOT_FOUND),
        )
        drive_refunds(at=at + LATER)
    assert world.rows(REFUND) == [("rejected", "SIGN_ERROR")]

    world.sandbox.post("/callbacks/release", mchid=world.mch_no)
    wait_until(lambda: world.rows(REFUND) == [("requested", None)])
    drive_refunds(at=at + 2 * LATER)

    assert world.rows(REFUND) == [("arrived", None)]
    assert world.rows("SELECT state FROM orders") == [("refunded",)]


def moves(world: World) -> list[str]:
    with reading() as session:
        rows = session.execute(
            text("SELECT to_state FROM state_moves WHERE machine = 'refund' ORDER BY id")
        )
        return [row.to_state for row in rows]


def lapse_leases() -> None:
    with transaction() as session:
        session.execute(
            text(
                "UPDATE work_rows SET leased_until = now() - interval '1 second'"
                " WHERE state = 'leased'"
            )
        )
