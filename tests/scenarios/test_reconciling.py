"""A day of trading against the bill that the sandbox writes from its own book."""

import json
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from domain.checkout.looking import find_due
from domain.clock import day_start, shanghai_day
from domain.database import read_clock, reading, transaction
from domain.gateways.errors import GatewayUnknown
from domain.reconciliation.driving import drive_reconciliations, reconcile, reconcile_day
from domain.reconciliation.errors import BillTooRecent
from domain.reconciliation.planning import WORK, plan_reconciliations, ready_at
from domain.reconciliation.reporting import TaskLine, list_tasks
from domain.timekeeping.advancing import leap_clock
from tests.sandbox_server import SandboxServer, wait_until
from tests.world import Phone, World, expect

pytestmark = pytest.mark.transactional

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def sandbox(own_sandbox: SandboxServer) -> SandboxServer:
    """A sandbox whose clock the story moves."""
    return own_sandbox


@pytest.fixture
def traded(world: World) -> date:
    """A Shanghai day with three paid groups, a refund and a withdrawal; its bill is ready."""
    on = morning()
    for _ in range(2):
        world.opened()
    leader, order = world.opened()
    world.end_deadline(order["group_id"])
    world.run_jobs()
    wait_until(lambda: leader.order(order)["state"] == "refunded")
    withdraw(world, leader)
    tomorrow(world, on)
    return on


def morning() -> date:
    """Go to nine in the morning, so that no midnight comes between; the account is as young."""
    on = shanghai_day(read_clock()) + DAY
    leap_clock(day_start(on) + 9 * HOUR)
    with transaction() as session:
        session.execute(text("UPDATE gateway_accounts SET created_at = :at"), {"at": read_clock()})
    return on


def withdraw(world: World, phone: Phone) -> None:
    world.sandbox.post(f"/accounts/{world.mch_no}", balance_fen=100_000)
    path = "/v1/me/withdrawals"
    public_id = expect(201, phone.post(path, {"amount_fen": 500}))["id"]
    world.run_jobs()
    found = expect(200, phone.get(f"{path}/{public_id}"))
    parameters = {**found["client_parameters"], "openid": phone.openid}
    assert world.sandbox.http.post("/shopper/transfer", json=parameters).status_code == 200
    wait_until(lambda: expect(200, phone.get(f"{path}/{public_id}"))["state"] == "succeeded")


def tomorrow(world: World, on: date) -> datetime:
    """Move the sandbox's clock to the moment from which a day's bill is asked for."""
    at = ready_at(on) + timedelta(minutes=1)
    world.sandbox.advance((at - read_clock()).total_seconds())
    return at


def tasks(world: World) -> set[tuple[str, str, int | None, int | None]]:
    return {(t.kind, t.subject, t.our_fen, t.their_fen) for t in listed(world)}


def listed(world: World) -> list[TaskLine]:
    with reading() as session:
        return list_tasks(session, world.merchant_id, is_open=True)


def test_day_of_trading_equals_its_bill(world: World, traded: date) -> None:
    at = ready_at(traded) + HOUR

    assert plan_reconciliations(at=at) == 1
    assert drive_reconciliations(at=at) == 1

    assert tasks(world) == set()
    assert world.rows("SELECT lines, matched FROM reconciliations") == [(5, 5)]
    assert world.rows("SELECT state FROM work_rows WHERE kind = 'reconcile'") == [("done",)]


def test_missing_extra_and_changed_rows_are_exactly_three_tasks(world: World, traded: date) -> None:
    for fault in ("bill_missing_row", "bill_extra_row", "bill_changed_amount"):
        world.sandbox.fault(fault, mchid=world.mch_no, count=1)

    reconcile_day(traded, merchant_id=None, at=ready_at(traded) + HOUR)

    assert sorted(task.kind for task in listed(world)) == [
        "amount_differs",
        "missing_here",
        "missing_there",
    ]


def test_payment_that_only_the_bill_tells_of_is_applied_and_told(world: World) -> None:
    """Damage: a shopper has paid, the callback was lost, nobody asked: no seat, no refund."""
    on = morning()
    leader = world.phone()
    order = leader.open()
    prepared = leader.prepare(order)
    world.sandbox.post("/callbacks/withhold", mchid=world.mch_no)
    expect(200, leader.pay(prepared))
    at = tomorrow(world, on)

    reconcile_day(on, merchant_id=None, at=at)

    assert leader.order(order)["state"] == "paid"
    assert tasks(world) == {("late", "payment", 1990, 1990)}
    [source] = world.rows(
        "SELECT actor FROM state_moves WHERE machine = 'payment' AND to_state = 'succeeded'"
    )
    assert source == ("gateway:bill",)


def test_bill_that_is_late_is_asked_for_again(world: World, traded: date) -> None:
    at = ready_at(traded) + HOUR
    world.sandbox.fault("bill_late", mchid=world.mch_no, count=1)
    plan_reconciliations(at=at)

    drive_reconciliations(at=at)
    assert world.rows("SELECT compared_at FROM reconciliations") == [(None,)]
    assert drive_reconciliations(at=at) == 0
    drive_reconciliations(at=at + HOUR)

    assert world.rows("SELECT lines FROM reconciliations") == [(5,)]


def test_bill_whose_hash_differs_is_not_believed(world: World, traded: date) -> None:
    at = ready_at(traded) + HOUR
    world.sandbox.fault("bill_bad_hash", mchid=world.mch_no, count=1)
    with pytest.raises(GatewayUnknown):
        reconcile_day(traded, merchant_id=None, at=at)
    assert world.rows("SELECT count(*) FROM bill_lines") == [(0,)]

    reconcile_day(traded, merchant_id=None, at=at)

    assert world.rows("SELECT lines, matched FROM reconciliations") == [(5, 5)]


def test_day_without_trade_has_an_empty_bill(world: World) -> None:
    on = shanghai_day(read_clock())
    at = tomorrow(world, on)

    [key] = reconcile_day(on, merchant_id=world.merchant_id, at=at)

    assert reconcile(key, at=at) == []
    assert world.rows("SELECT lines FROM reconciliations") == [(0,)]


def test_day_is_not_asked_for_before_its_bill_is_made(world: World) -> None:
    on = shanghai_day(read_clock())

    with pytest.raises(BillTooRecent):
        reconcile_day(on, merchant_id=None, at=day_start(on) + DAY)
    assert plan_reconciliations(at=day_start(on) + DAY) == 0
    assert find_due([WORK], at=day_start(on) + DAY) == {"audit"}


def test_missed_days_are_caught_up_with(world: World) -> None:
    on = shanghai_day(read_clock())

    assert "bills" in find_due([WORK], at=ready_at(on))
    assert plan_reconciliations(at=ready_at(on + 2 * DAY)) == 3
    assert plan_reconciliations(at=ready_at(on + 2 * DAY)) == 0
    assert find_due([WORK], at=ready_at(on + 2 * DAY)) == {"audit", "work.reconcile"}


def test_operator_reconciles_and_resolves_by_command(
    world: World, traded: date, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = ready_at(traded) + HOUR
    monkeypatch.setattr("api.reconcile_commands.read_clock", lambda: at)
    world.sandbox.fault("bill_extra_row", mchid=world.mch_no, count=1)

    found = run("--day", traded.isoformat(), "--csv", str(tmp_path / "csv"))
    [task] = [json.loads(line) for line in run("tasks").stdout.splitlines()]
    resolved = run("resolve", task["id"], "--reason", "a test of the gateway's", "--by", "ann")
    again = run("resolve", task["id"], "--reason", "twice")

    assert (found.exit_code, json.loads(found.stdout)["open"]) == (1, 1)
    [file] = (tmp_path / "csv").iterdir()
    assert "missing_here" in file.read_text()
    assert (task["kind"], task["number"] in file.read_text()) == ("missing_here", True)
    assert resolved.exit_code == 0
    assert again.exit_code == 1
    assert "reconciliation_task_resolved" in again.output
    assert run("tasks").stdout == ""
    assert run("resolve", task["id"]).exit_code == 2
    assert run().exit_code == 2
    assert run("--day", "yesterday").exit_code == 2


def run(*arguments: str) -> Any:
    from api import create_app  # noqa: PLC0415 - it reads the settings of this world

    app: Flask = create_app()
    return app.test_cli_runner().invoke(args=["reconcile", *arguments])
