"""Refunds that we did not make: recognised wherever they are met, counted, alarmed."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from domain.analytics.alarms import list_alarms
from domain.auditing.gateway_record import read_sandbox_record
from domain.auditing.running import audit
from domain.database import read_clock, reading, transaction
from domain.reconciliation.driving import reconcile_day
from domain.reconciliation.planning import ready_at
from domain.settlement.returning_elsewhere import Recorded, RefundElsewhere, record_elsewhere
from tests.sandbox_server import SandboxServer, wait_until
from tests.scenarios.stage import make_stage
from tests.scenarios.test_alipay_over_rest import Seller, seller
from tests.scenarios.test_lies import hasten, poll
from tests.scenarios.test_reconciling import morning, tomorrow
from tests.world import Phone, World, expect

__all__ = ["seller"]

pytestmark = pytest.mark.transactional

REFUNDS = "SELECT purpose, state, amount_fen FROM refunds WHERE state <> 'closed' ORDER BY id"
ELSEWHERE = "SELECT state FROM refunds WHERE elsewhere_no IS NOT NULL"
NUMBER = "SELECT public_id FROM payments ORDER BY id"


@pytest.fixture
def sandbox(own_sandbox: SandboxServer) -> SandboxServer:
    """A sandbox whose clock the story moves."""
    return own_sandbox


def alarms(world: World) -> set[str]:
    with reading() as session:
        found = list_alarms(session, world.merchant_id, at=read_clock())
    return {alarm.kind for alarm in found}


def refund(world: World, number: str, **options: Any) -> None:
    """Refund a payment at the merchant's own console of WeChat Pay."""
    world.sandbox.post("/refunds/console", out_trade_no=number, mchid=world.mch_no, **options)


def violated(world: World) -> tuple[Any, ...]:
    """Audit, against the gateway's own record, too."""
    record = read_sandbox_record(f"{world.sandbox.url}/control")
    return tuple(audit(at=read_clock(), gateway_record=record).violated)


def a_minute_later(world: World) -> None:
    """Let the minute pass that lies between two refunds of one payment; then do all due work."""
    world.sandbox.advance(61)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("domain.checkout.driving_refunds.SAME_PAYMENT_WAIT", timedelta(0))
        for _ in range(3):
            hasten(world, "drive_refund")
            world.run_jobs()


def number_of(world: World, order: dict[str, Any]) -> str:
    [(number,)] = world.rows(
        "SELECT p.public_id FROM payments p JOIN orders o ON o.id = p.order_id"
        " WHERE o.public_id = :id",
        id=order["id"],
    )
    return str(number)


def test_whole_refund_before_the_end_is_leaving_without_a_subsidy(world: World) -> None:
    leader, order = world.opened()
    member = world.phone()
    other = member.buy(member.join(order["group_id"]))

    refund(world, number_of(world, other))
    wait_until(lambda: member.order(other)["state"] == "refunded")

    assert world.rows(REFUNDS) == [("elsewhere", "arrived", 1990)]
    assert world.rows("SELECT state, taken FROM groups") == [("open", 1)]
    assert "refunds_made_elsewhere" in alarms(world)
    world.end_deadline(order["group_id"])
    world.run_jobs()
    wait_until(lambda: leader.order(order)["state"] == "refunded")
    assert world.rows("SELECT count(*) FROM grants") == [(1,)]
    assert violated(world) == ()


def test_whole_refund_of_the_only_member_closes_its_group(world: World) -> None:
    leader, order = world.opened()

    refund(world, number_of(world, order))
    wait_until(lambda: leader.order(order)["state"] == "refunded")

    assert world.rows("SELECT state, taken, leader_id FROM groups") == [("closed", 0, None)]
    assert world.rows("SELECT count(*) FROM grants") == [(0,)]
    assert violated(world) == ()


def formed(world: World) -> tuple[list[Phone], list[dict[str, Any]]]:
    leader, order = world.opened()
    size = world.rows("SELECT size FROM groups")[0][0]
    phones, orders = [leader], [order]
    for _ in range(size - 1):
        phones.append(world.phone())
        orders.append(phones[-1].buy(phones[-1].join(order["group_id"])))
    return phones, orders


def test_whole_refund_after_forming_refunds_the_order_and_no_other(world: World) -> None:
    phones, orders = formed(world)

    refund(world, number_of(world, orders[-1]))
    wait_until(lambda: phones[-1].order(orders[-1])["state"] == "refunded")

    assert world.rows("SELECT state FROM groups") == [("formed",)]
    assert phones[0].order(orders[0])["state"] == "fulfilling"
    world.run_jobs()
    told = "SELECT parameters ->> 'refund_fen' FROM notices WHERE key = 'order.refunded'"
    assert world.rows(told) == [("1990",)]
    assert violated(world) == ()


def test_partial_refund_then_leaving_requests_what_is_left(world: World) -> None:
    leader, order = world.opened()
    refund(world, number_of(world, order), amount=500)
    wait_until(lambda: world.rows(ELSEWHERE) == [("arrived",)])
    assert leader.order(order)["state"] == "paid"
    assert violated(world) == ()

    expect(201, leader.post(f"/v1/orders/{order['id']}/cancellation"))
    a_minute_later(world)
    wait_until(lambda: leader.order(order)["state"] == "refunded")

    assert world.rows(REFUNDS) == [("elsewhere", "arrived", 500), ("left", "arrived", 1490)]
    assert violated(world) == ()


def test_partial_refund_then_failure_requests_what_is_left_and_pays_the_subsidy(
    world: World,
) -> None:
    leader, order = world.opened()
    refund(world, number_of(world, order), amount=500)
    wait_until(lambda: world.rows(ELSEWHERE) == [("arrived",)])

    world.end_deadline(order["group_id"])
    world.run_jobs()
    a_minute_later(world)
    wait_until(lambda: leader.order(order)["state"] == "refunded")

    assert world.rows(REFUNDS) == [("elsewhere", "arrived", 500), ("failed", "arrived", 1490)]
    assert world.rows("SELECT count(*) FROM grants") == [(1,)]
    assert violated(world) == ()


def test_two_partial_refunds_that_make_the_whole_are_leaving(world: World) -> None:
    leader, order = world.opened()
    refund(world, number_of(world, order), amount=500)
    world.sandbox.advance(61)
    refund(world, number_of(world, order), amount=1490)
    wait_until(lambda: leader.order(order)["state"] == "refunded")

    assert sorted(world.rows(REFUNDS)) == [
        ("elsewhere", "arrived", 500),
        ("elsewhere", "arrived", 1490),
    ]
    assert violated(world) == ()


@pytest.mark.parametrize("amount", [500, 1990])
def test_refund_elsewhere_that_nobody_told_of_makes_ours_ask_for_what_is_left(
    world: World, amount: int
) -> None:
    """The callback comes after our refund of the whole was rejected."""
    leader, order = world.opened()
    world.sandbox.post("/callbacks/withhold", mchid=world.mch_no)
    refund(world, number_of(world, order), amount=amount)
    world.sandbox.advance(61)
    expect(201, leader.post(f"/v1/orders/{order['id']}/cancellation"))
    world.run_jobs()
    assert world.rows(REFUNDS) == [("left", "rejected", 1990)]

    world.sandbox.post("/callbacks/release")
    wait_until(lambda: world.rows(ELSEWHERE) == [("arrived",)])
    a_minute_later(world)
    wait_until(lambda: leader.order(order)["state"] == "refunded")

    assert sum(fen for _, _, fen in world.rows(REFUNDS)) == 1990
    assert "refunds_rejected" not in alarms(world)
    assert "work_parked" not in alarms(world)
    assert violated(world) == ()


@pytest.mark.parametrize("amount", [500, 1990])
def test_poller_never_seats_a_trade_in_a_refund_state(world: World, amount: int) -> None:
    world.sandbox.post("/callbacks/withhold", mchid=world.mch_no)
    leader = world.phone()
    order = leader.open()
    prepared = leader.prepare(order)
    expect(200, leader.pay(prepared))
    refund(world, prepared["payment_id"], amount=amount)

    poll(world)

    assert leader.order(order)["state"] == "placed"
    assert world.rows("SELECT state, outcome FROM payments") == [
        ("succeeded", "refunded_elsewhere")
    ]
    assert "refunds_made_elsewhere" in alarms(world)
    world.sandbox.post("/callbacks/release")
    wait_until(lambda: ("arrived",) in world.rows(ELSEWHERE))
    a_minute_later(world)
    arrived = "SELECT sum(amount_fen) FROM refunds WHERE state = 'arrived'"
    wait_until(lambda: world.rows(arrived) == [(1990,)])
    assert violated(world) == ()


def test_repeated_callback_of_a_refund_elsewhere_is_recorded_once(world: World) -> None:
    world.sandbox.fault("callback_parallel", operation="refund_callback", mchid=world.mch_no)
    leader, order = world.opened()

    refund(world, number_of(world, order))
    wait_until(lambda: leader.order(order)["state"] == "refunded")

    assert world.rows("SELECT count(*) FROM refunds") == [(1,)]
    assert violated(world) == ()


def test_refund_that_only_the_bill_tells_of_is_recorded(world: World) -> None:
    on = morning()
    leader, order = world.opened()
    world.sandbox.post("/callbacks/withhold", mchid=world.mch_no)
    refund(world, number_of(world, order))
    tomorrow(world, on)

    reconcile_day(on, merchant_id=None, at=ready_at(on) + timedelta(hours=1))

    assert leader.order(order)["state"] == "refunded"
    assert "refunds_made_elsewhere" in alarms(world)


def test_alipay_refund_at_its_console_is_leaving(seller: Seller) -> None:
    world = seller.world
    leader, order = seller.opened()

    world.sandbox.post(
        "/alipay/refunds/console", out_trade_no=number_of(world, order), number="console1"
    )
    wait_until(lambda: leader.order(order)["state"] == "refunded")

    assert world.rows(REFUNDS) == [("elsewhere", "arrived", 1990)]
    assert violated(world) == ()


@pytest.mark.parametrize("amount", [500, 1990])
def test_alipay_refund_without_a_number_is_known_by_its_sum(seller: Seller, amount: int) -> None:
    world = seller.world
    leader, order = seller.opened()

    world.sandbox.post(
        "/alipay/refunds/console", out_trade_no=number_of(world, order), amount=amount
    )
    wait_until(lambda: world.rows(ELSEWHERE) == [("arrived",)])

    assert world.rows(REFUNDS) == [("elsewhere", "arrived", amount)]
    assert leader.order(order)["state"] == ("refunded" if amount == 1990 else "paid")
    if amount == 500:
        expect(201, leader.post(f"/v1/orders/{order['id']}/cancellation"))
        a_minute_later(world)
        wait_until(lambda: leader.order(order)["state"] == "refunded")
        assert world.rows(REFUNDS)[1:] == [("left", "arrived", 1490)]


def test_alipay_trade_closed_by_a_refund_is_never_seated(seller: Seller) -> None:
    world = seller.world
    world.sandbox.post("/callbacks/withhold", mchid=seller.seller_id)
    leader = seller.phone()
    order = leader.open()
    prepared = leader.prepare(order)
    expect(200, seller.tap(leader, prepared))
    world.sandbox.post("/alipay/refunds/console", out_trade_no=prepared["payment_id"])

    poll(world)

    assert leader.order(order)["state"] == "placed"
    assert world.rows("SELECT outcome FROM payments") == [("refunded_elsewhere",)]


@pytest.mark.usefixtures("fresh_database")
def test_refund_elsewhere_races_with_leaving_and_pays_once() -> None:
    for _ in range(5):
        stage = make_stage()
        at = stage.start
        order = stage.open(stage.shopper(), at)
        number = stage.add_payment(order, at)
        stage.succeed(number, at)
        told = RefundElsewhere(
            (stage.merchant_id, stage.account_id), "c1", number, 500, None, True, "callback"
        )

        def record(told: RefundElsewhere = told, at: Any = at) -> Recorded:
            with transaction() as session:
                return record_elsewhere(session, told, at=at)

        def settle(stage: Any = stage, order: Any = order, at: Any = at) -> None:
            stage.settle(order["group_id"], at + timedelta(days=1))

        with ThreadPoolExecutor(4) as pool:
            futures = [pool.submit(f) for f in (record, settle, record, settle)]
            results = [future.result() for future in futures]

        assert sorted(r for r in results if r is not None) == [
            Recorded.RECORDED,
            Recorded.REPEATED,
        ]
        live = stage.rows(
            "SELECT sum(amount_fen) FROM refunds WHERE state <> 'closed' AND merchant_id = :v",
            stage.merchant_id,
        )
        assert live == [(1990,)]
    assert audit(at=at + timedelta(days=1)).violated == ()


@pytest.mark.usefixtures("fresh_database")
def test_refund_elsewhere_that_fails_half_way_leaves_nothing_and_comes_again() -> None:
    stage = make_stage()
    order = stage.open(stage.shopper(), stage.start)
    number = stage.add_payment(order, stage.start)
    stage.succeed(number, stage.start)
    told = RefundElsewhere(
        (stage.merchant_id, stage.account_id), "c1", number, 1990, None, True, "callback"
    )

    def fail_half_way() -> None:
        with transaction() as session:
            record_elsewhere(session, told, at=stage.start)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()

    with transaction() as session:
        again = record_elsewhere(session, told, at=stage.start)

    assert again is Recorded.RECORDED
    assert stage.states(order["group_id"]) == [("refunded", "released")]
    assert audit(at=stage.start).violated == ()


@pytest.mark.usefixtures("fresh_database")
def test_more_than_was_received_is_contradictory_and_changes_nothing() -> None:
    stage = make_stage()
    order = stage.open(stage.shopper(), stage.start)
    number = stage.add_payment(order, stage.start)
    stage.succeed(number, stage.start)
    told = RefundElsewhere(
        (stage.merchant_id, stage.account_id), "c1", number, 1991, None, True, "bill"
    )

    with transaction() as session:
        recorded = record_elsewhere(session, told, at=stage.start)

    assert recorded is Recorded.CONTRADICTORY
    assert stage.rows("SELECT kind FROM gateway_findings") == [("refund_differs",)]
    assert stage.states(order["group_id"]) == [("paid", "taken")]
