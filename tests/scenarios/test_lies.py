"""Gateways that say what is not so, well signed: nothing is believed, all is kept and alarmed."""

from datetime import timedelta
from typing import Any

import pytest

from domain.analytics.alarms import list_alarms
from domain.auditing.running import audit
from domain.database import read_clock, reading
from tests.sandbox_server import wait_until
from tests.scenarios.test_alipay_over_rest import Seller, seller
from tests.world import Phone, World, expect

__all__ = ["seller"]

pytestmark = pytest.mark.transactional

PAYMENT = "SELECT state, received_fen, outcome FROM payments ORDER BY id DESC LIMIT 1"
FINDINGS = "SELECT kind, heard_by FROM gateway_findings ORDER BY id"
CALLBACK, QUERY = "payment_callback", "query"


def alarms(world: World) -> set[str]:
    with reading() as session:
        found = list_alarms(session, world.merchant_id, at=read_clock())
    return {alarm.kind for alarm in found}


def paid_in_silence(world: World) -> tuple[Phone, dict[str, Any], str]:
    """Return a shopper and an order that is paid at the gateway; nobody has called back."""
    world.sandbox.post("/callbacks/withhold", mchid=world.mch_no)
    leader = world.phone()
    order = leader.open()
    prepared = leader.prepare(order)
    expect(200, leader.pay(prepared))
    return leader, order, prepared["payment_id"]


def poll(world: World) -> None:
    """Ask about all payments now."""
    hasten(world, "drive_payment")
    world.run_jobs()


def hasten(world: World, kind: str) -> None:
    from sqlalchemy import text  # noqa: PLC0415

    from domain.database import transaction  # noqa: PLC0415

    with transaction() as session:
        session.execute(
            text("UPDATE work_rows SET due_at = :at WHERE kind = :kind AND state = 'due'"),
            {"at": read_clock(), "kind": kind},
        )


@pytest.mark.parametrize(
    ("lie", "kind", "alarm"),
    [
        ("lie_currency", "payment_differs", "payments_differ"),
        ("lie_number", "payment_differs", "payments_differ"),
        ("lie_account", "payment_differs", "payments_differ"),
        ("lie_first_year", "unreadable", "gateway_unreadable"),
        ("lie_last_year", "unreadable", "gateway_unreadable"),
        ("lie_half_emoji", "unreadable", "gateway_unreadable"),
        ("lie_list_state", "unreadable", "gateway_unreadable"),
        ("lie_new_state", "unreadable", "gateway_unreadable"),
    ],
)
def test_query_that_says_something_else_is_no_success(
    world: World, lie: str, kind: str, alarm: str
) -> None:
    leader, order, _ = paid_in_silence(world)
    world.sandbox.fault(lie, operation=QUERY, mchid=world.mch_no, count=1)

    poll(world)

    assert leader.order(order)["state"] == "placed"
    assert world.rows(PAYMENT) == [("pending", None, None)]
    assert world.rows(FINDINGS) == [(kind, "query")]
    assert alarm in alarms(world)
    poll(world)
    assert leader.order(order)["state"] == "paid"
    assert audit(at=read_clock()).violated == ()


def statuses(world: World, number: str) -> list[int | None]:
    """Return how the callbacks of an order were answered the last time."""
    told = world.sandbox.items("/callbacks", out_trade_no=number)
    return [one["last_status"] for one in told]


@pytest.mark.parametrize(
    ("lie", "kind"),
    [
        ("lie_currency", "payment_differs"),
        ("lie_account", "payment_differs"),
        ("lie_first_year", "unreadable"),
        ("lie_last_year", "unreadable"),
        ("lie_half_emoji", "unreadable"),
        ("lie_list_state", "unreadable"),
    ],
)
def test_callback_that_says_something_else_is_refused_and_kept(
    world: World, lie: str, kind: str
) -> None:
    world.sandbox.fault(lie, operation=CALLBACK, mchid=world.mch_no, count=1)
    leader = world.phone()
    order = leader.open()
    number = leader.prepare(order)["payment_id"]

    world.sandbox.post("/pay", out_trade_no=number)
    wait_until(lambda: world.rows(FINDINGS))

    assert world.rows(FINDINGS) == [(kind, "callback")]
    wait_until(lambda: statuses(world, number) == [401])
    [(said,)] = world.rows("SELECT said FROM gateway_findings")
    assert "TRANSACTION.SUCCESS" in said
    assert leader.order(order)["state"] == "placed"
    poll(world)
    assert leader.order(order)["state"] == "paid"


@pytest.mark.parametrize("lie", ["lie_no_payer", "lie_scalars"])
@pytest.mark.parametrize("operation", [QUERY, CALLBACK])
def test_what_nobody_reads_may_be_missing_or_of_another_form(
    world: World, lie: str, operation: str
) -> None:
    if operation == QUERY:
        leader, order, _ = paid_in_silence(world)
        world.sandbox.fault(lie, operation=QUERY, mchid=world.mch_no)
        poll(world)
    else:
        world.sandbox.fault(lie, operation=CALLBACK, mchid=world.mch_no)
        leader = world.phone()
        order = leader.buy(leader.open())

    assert leader.order(order)["state"] == "paid"
    assert world.rows(FINDINGS) == []


def refunding(world: World) -> tuple[Phone, dict[str, Any]]:
    """Return the leader of a failed group; the gateway has not been asked for the refund yet."""
    leader, order = world.opened()
    world.end_deadline(order["group_id"])
    return leader, order


REFUND = "SELECT state, arrived_at IS NOT NULL FROM refunds"


@pytest.mark.parametrize("lie", ["lie_amount", "lie_currency", "lie_number", "lie_transaction"])
@pytest.mark.parametrize("operation", ["query_refund", "refund"])
def test_refund_that_is_told_otherwise_has_not_arrived(
    world: World, lie: str, operation: str
) -> None:
    leader, order = refunding(world)
    world.sandbox.post("/callbacks/withhold", mchid=world.mch_no)
    world.sandbox.fault(lie, operation=operation, mchid=world.mch_no)

    world.run_jobs()
    hasten(world, "drive_refund")
    world.run_jobs()

    if operation == "query_refund":
        assert leader.order(order)["state"] == "refunding"
        assert world.rows(REFUND) == [("accepted", False)]
    assert {kind for kind, _ in world.rows(FINDINGS)} == {"refund_differs"}
    assert "refunds_differ" in alarms(world)
    world.sandbox.clear()
    hasten(world, "drive_refund")
    world.run_jobs()
    wait_until(lambda: leader.order(order)["state"] == "refunded")
    assert audit(at=read_clock()).violated == ()


@pytest.mark.parametrize("lie", ["lie_amount", "lie_currency", "lie_transaction"])
def test_refund_callback_with_less_than_was_asked_for_is_no_arrival(world: World, lie: str) -> None:
    leader, order = refunding(world)
    world.sandbox.fault(lie, operation="refund_callback", mchid=world.mch_no, count=1)

    world.run_jobs()
    wait_until(lambda: world.rows(FINDINGS))

    assert leader.order(order)["state"] == "refunding"
    assert [arrived for _, arrived in world.rows(REFUND)] == [False]
    assert "refunds_differ" in alarms(world)
    [(fields,)] = world.rows("SELECT fields FROM gateway_findings")
    if lie == "lie_amount":
        assert fields["amount_fen"] == {"ours": 1990, "theirs": 995}


def test_same_lie_told_again_is_one_finding(world: World) -> None:
    _, _, number = paid_in_silence(world)
    world.sandbox.fault("lie_currency", operation=QUERY, mchid=world.mch_no, count=2)

    poll(world)
    poll(world)

    assert world.rows("SELECT number, times FROM gateway_findings") == [(number, 2)]


@pytest.mark.parametrize(("lie", "sign"), [("lie_early", -1), ("lie_late", 1)])
def test_success_time_that_cannot_be_is_taken_for_the_nearer_bound(
    world: World, lie: str, sign: int
) -> None:
    leader, order, _ = paid_in_silence(world)
    world.sandbox.fault(lie, operation=QUERY, mchid=world.mch_no, count=1)

    poll(world)

    [(succeeded_at, created_at, learned_at)] = world.rows(
        "SELECT succeeded_at, created_at, learned_at FROM payments"
    )
    minute = timedelta(minutes=1)
    assert succeeded_at == (created_at - minute if sign < 0 else learned_at + minute)
    assert leader.order(order)["state"] == "paid"
    assert world.rows(FINDINGS) == [("success_time_bounded", "query")]
    assert "success_times_bounded" in alarms(world)
    assert audit(at=read_clock()).violated == ()


def test_second_transaction_of_a_number_is_an_alarm(world: World) -> None:
    leader, order, number = paid_in_silence(world)
    poll(world)
    world.sandbox.fault("lie_transaction", operation=CALLBACK, mchid=world.mch_no, count=1)

    world.sandbox.post("/callbacks/release")
    wait_until(lambda: statuses(world, number) == [204])

    assert leader.order(order)["state"] == "paid"
    assert world.rows(FINDINGS) == [("second_transaction", "callback")]
    assert "second_transactions" in alarms(world)


@pytest.mark.parametrize(
    ("lie", "kind"),
    [
        ("lie_currency", "payment_differs"),
        ("lie_first_year", "unreadable"),
        ("lie_list_state", "unreadable"),
    ],
)
def test_alipay_that_says_something_else_is_no_success(seller: Seller, lie: str, kind: str) -> None:
    world = seller.world
    world.sandbox.post("/callbacks/withhold", mchid=seller.seller_id)
    leader = seller.phone()
    order = leader.open()
    expect(200, seller.tap(leader, leader.prepare(order)))
    world.sandbox.fault(lie, operation=QUERY, mchid=seller.seller_id, count=1)

    poll(world)

    assert leader.order(order)["state"] == "placed"
    assert world.rows(FINDINGS) == [(kind, "query")]
    poll(world)
    assert leader.order(order)["state"] == "paid"


def test_alipay_refund_told_smaller_has_not_arrived(seller: Seller) -> None:
    world = seller.world
    leader, order = seller.opened()
    world.end_deadline(order["group_id"])
    world.sandbox.post("/callbacks/withhold", mchid=seller.seller_id)
    world.sandbox.fault("lie_amount", operation="refund", mchid=seller.seller_id, count=1)

    world.run_jobs()

    assert leader.order(order)["state"] == "refunding"
    assert world.rows(FINDINGS) == [("refund_differs", "query")]
    hasten(world, "drive_refund")
    world.run_jobs()
    assert leader.order(order)["state"] == "refunded"
