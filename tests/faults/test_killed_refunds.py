"""A worker is killed between the gateway's refund and our record of it."""

import pytest

from domain.checkout.settling import settle_due_groups
from domain.database import read_clock
from launcher.addresses import DatabaseUrls
from tests.faults.conftest import OwnValkey, Start, lapse_leases
from tests.sandbox_server import wait_until
from tests.world import World

pytestmark = pytest.mark.transactional

HANGS_MS = 20_000


def test_refund_that_was_accepted_unheard_is_repeated_with_the_same_number(
    own_valkey: OwnValkey, fresh_database: DatabaseUrls, world: World, start: Start
) -> None:
    _, order = world.opened()
    world.end_deadline(order["group_id"])
    settle_due_groups(at=read_clock())
    world.sandbox.post("/callbacks/withhold", mchid=world.mch_no)
    hanging = world.sandbox.fault(
        "latency_after", operation="refund", mchid=world.mch_no, latency_ms=HANGS_MS, count=1
    )
    counting = world.sandbox.fault("latency", operation="refund", mchid=world.mch_no)
    start("jobs.scheduler")
    victim = start("jobs.worker", "gateway")
    wait_until(lambda: calls(world, hanging["id"]) == 1, seconds=30)
    [accepted] = wait_until(lambda: world.sandbox.items("/refunds", mchid=world.mch_no))

    victim.stop()
    assert world.rows("SELECT state FROM refunds") == [("sending",)]
    lapse_leases(fresh_database)
    start("jobs.worker", "gateway")
    wait_until(lambda: world.rows("SELECT state FROM refunds") != [("sending",)], seconds=30)

    assert calls(world, counting["id"]) == 2
    assert (
        world.sandbox.items("/refunds", mchid=world.mch_no)[0]["refund_id"]
        == (accepted["refund_id"])
    )
    world.sandbox.post("/callbacks/release", mchid=world.mch_no)
    wait_until(lambda: world.rows("SELECT state FROM refunds") == [("arrived",)])
    [refund] = world.sandbox.items("/refunds", mchid=world.mch_no)
    [[number]] = world.rows("SELECT public_id FROM refunds")
    assert (refund["out_refund_no"], refund["status"]) == (number, "SUCCESS")
    assert world.rows(
        "SELECT kind, count(*) FROM ledger_transactions WHERE kind LIKE 'refund.%'"
        " GROUP BY 1 ORDER BY 1"
    ) == [("refund.arrived", 1), ("refund.requested", 1)]


def calls(world: World, fault_id: int) -> int:
    """Return how often a fault has struck."""
    found = world.sandbox.get("/faults")["items"]
    return next(int(fault["fired"]) for fault in found if fault["id"] == fault_id)
