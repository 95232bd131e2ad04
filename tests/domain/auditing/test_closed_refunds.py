import pytest

from domain.auditing.running import audit
from domain.database import read_clock
from domain.states import RefundState
from tests.domain.auditing.stories import begin
from tests.domain.auditing.world import DAY, MINUTE
from tests.world import World

pytestmark = pytest.mark.transactional


def test_refund_the_gateway_closed_is_requested_anew(world: World) -> None:
    world.sandbox.fault("refund_closed", mchid=world.mch_no, count=1)
    _, order = world.opened()
    world.end_deadline(order["group_id"])

    world.run_jobs()
    world.sandbox.wait_drained()
    world.run_jobs()

    assert world.rows("SELECT state FROM refunds ORDER BY id") == [("closed",), ("requested",)]
    assert world.rows("SELECT count(DISTINCT public_id) FROM refunds") == [(2,)]
    assert world.rows("SELECT state FROM orders") == [("refunding",)]
    report = audit(at=read_clock(), at_rest=True)
    assert report.is_ok, report.to_text()


def test_order_is_not_refunded_while_a_part_of_it_was_closed(fresh_database: object) -> None:
    staged = begin()
    at = staged.start
    order = staged.stage.open(staged.stage.shopper(), at)
    number = staged.add_payment(order, at)
    staged.close_payment(number, at)
    staged.pay(order, at)
    at += DAY
    staged.settle(at)
    staged.move_refunds(order, RefundState.SENDING, RefundState.CLOSED, at=at)

    staged.stage.succeed(number, staged.start, at=at)
    [(refund_id,)] = staged.stage.rows("SELECT id FROM refunds WHERE purpose = 'closed_payment'")
    staged.move_refund(refund_id, RefundState.SENDING, RefundState.ARRIVED, at=at)

    [(state,)] = staged.stage.rows("SELECT state FROM orders")
    assert state == "refunding"


def test_refund_closed_again_and_again_is_sent_later_each_time(fresh_database: object) -> None:
    staged = begin()
    at = staged.start
    order = staged.stage.open(staged.stage.shopper(), at)
    staged.pay(order, at)
    at += DAY
    staged.settle(at)

    pauses = []
    for _ in range(10):
        refund_id = staged.stage.one("SELECT max(id) FROM refunds")
        staged.move_refund(refund_id, RefundState.SENDING, RefundState.CLOSED, at=at)
        due_at = staged.stage.one(
            "SELECT due_at FROM work_rows WHERE kind = 'drive_refund' ORDER BY id DESC LIMIT 1"
        )
        pauses.append((due_at - at) // MINUTE)

    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    report = audit(at=at)
    assert report.is_ok, report.to_text()
