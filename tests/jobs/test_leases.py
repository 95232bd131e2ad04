"""A lease ends: who holds an older one writes nothing."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import text

from domain import work
from domain.checkout import driving_refunds, renewing, working_off
from domain.checkout.driving_payments import drive_payments
from domain.checkout.settling import settle_due_groups
from domain.database import read_clock, transaction
from domain.gateways.wechat import WeChatPayments
from domain.settlement.refunding import WORK
from domain.settlement.taking import SETTLE_GROUP
from domain.work import Lease, LeaseLost
from tests.concurrency.arena import DAY, Arena
from tests.concurrency.racing import PATIENCE_SECONDS, Pause
from tests.sandbox_server import wait_until
from tests.world import World, expect

pytestmark = pytest.mark.transactional

REFUND_WORK = "SELECT fence, state, attempts FROM work_rows WHERE kind = 'drive_refund'"


def claim(arena: Arena, *, lease_seconds: float | None = None) -> list[Lease]:
    with transaction() as session:
        return work.claim(
            session, SETTLE_GROUP, limit=10, at=arena.start + DAY, lease_seconds=lease_seconds
        )


def overtaken(arena: Arena) -> tuple[Lease, Lease]:
    """Return a lease that ran out, and the one that took its row over."""
    arena.opened(arena.start)
    [old] = claim(arena, lease_seconds=-1)
    [new] = claim(arena)
    return old, new


def test_work_is_leased_once(arena: Arena) -> None:
    arena.opened(arena.start)

    assert len(claim(arena)) == 1
    assert claim(arena) == []


def test_lease_that_ran_out_is_leased_again_with_a_higher_fence(arena: Arena) -> None:
    old, new = overtaken(arena)

    assert new.subject == old.subject
    assert (new.fence, new.attempts) == (old.fence + 1, old.attempts + 1)


@pytest.mark.parametrize(
    "write",
    [
        lambda session, lease, at: work.finish(session, [lease]),
        lambda session, lease, at: work.put_back(session, [lease], due_at=at),
        lambda session, lease, at: work.retry_later(session, lease, at=at, error="late"),
        lambda session, lease, at: work.fail(session, lease, at=at, error="late"),
    ],
    ids=["finish", "put_back", "retry_later", "fail"],
)
def test_overtaken_lease_writes_nothing(arena: Arena, write: Any) -> None:
    old, new = overtaken(arena)

    with pytest.raises(LeaseLost), transaction() as session:
        write(session, old, arena.start + DAY)

    with transaction() as session:
        assert work.hold(session, [old]) == []
        assert work.hold(session, [new]) == [new]


def test_worker_paused_beyond_its_lease_settles_nothing(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    group_id = arena.opened(arena.start)
    pause = pause_first(monkeypatch)

    with ThreadPoolExecutor(1) as pool:
        paused = pool.submit(settle_due_groups, at=arena.start + DAY)
        assert pause.is_reached.wait(PATIENCE_SECONDS)
        wait_until(lambda: settle_due_groups(at=arena.start + DAY) == 1)
        assert arena.group(group_id)["state"] == "failed"
        pause.let_go()
        paused.result()

    assert arena.one("SELECT count(*) FROM grants") == 1
    assert arena.one("SELECT fence FROM work_rows WHERE kind = 'settle_group'") == 2
    assert arena.one("SELECT state FROM work_rows WHERE kind = 'settle_group'") == "done"
    arena.assert_sound(arena.start + DAY)


def test_worker_paused_beyond_its_lease_leaves_the_group_to_the_other(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are in the middle; the one that was paused goes on first."""
    group_id = arena.opened(arena.start)
    pause = pause_first(monkeypatch)

    with ThreadPoolExecutor(1) as pool:
        paused = pool.submit(settle_due_groups, at=arena.start + DAY)
        assert pause.is_reached.wait(PATIENCE_SECONDS)
        [other] = wait_until(lambda: claim(arena))
        pause.let_go()
        paused.result()

    assert arena.group(group_id)["state"] == "open"
    with transaction() as session:
        assert work.hold(session, [other]) == [other]


def test_worker_paused_beyond_its_lease_takes_the_group_without_fences(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    group_id = arena.opened(arena.start)
    pause = pause_first(monkeypatch)
    monkeypatch.setattr(work, "hold", lambda session, leases: list(leases))
    finish = work.finish

    def finish_whoever_leased(session: Any, leases: Sequence[Lease]) -> None:
        finish(session, [Lease(m.merchant_id, m.id, m.subject_id, 2, 2) for m in leases])

    with ThreadPoolExecutor(1) as pool:
        paused = pool.submit(settle_due_groups, at=arena.start + DAY)
        assert pause.is_reached.wait(PATIENCE_SECONDS)
        [other] = wait_until(lambda: claim(arena))
        monkeypatch.setattr(work, "finish", finish_whoever_leased)
        pause.let_go()
        paused.result()

    assert arena.group(group_id)["state"] == "failed"
    with pytest.raises(LeaseLost), transaction() as session:
        finish(session, [other])


def pause_first(monkeypatch: pytest.MonkeyPatch) -> Pause:
    """Stop the first worker between its lease, which is short, and its work."""
    pause = Pause()
    pause.before(monkeypatch, working_off, "_do")
    shorten_leases(monkeypatch)
    return pause


def test_refund_sent_by_a_worker_paused_beyond_its_lease_is_sent_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_a_group_fail(world)
    pause = Pause()
    pause.after(monkeypatch, WeChatPayments, "refund")
    shorten_leases(monkeypatch)

    with ThreadPoolExecutor(1) as pool:
        paused = pool.submit(driving_refunds.drive_refunds, at=read_clock())
        assert pause.is_reached.wait(PATIENCE_SECONDS)
        wait_until(lambda: driving_refunds.drive_refunds(at=read_clock()) == 1)
        [done] = world.rows(REFUND_WORK)
        pause.let_go()
        paused.result()

    assert world.rows(REFUND_WORK) == [done]
    [refund] = world.sandbox.items("/refunds", mchid=world.mch_no)
    [[ours]] = world.rows("SELECT public_id FROM refunds")
    assert refund["out_refund_no"] == ours


def test_refund_keeps_its_lease_while_the_gateway_is_called(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_a_group_fail(world)
    pause = Pause()
    pause.after(monkeypatch, WeChatPayments, "refund")
    renew_often(monkeypatch)

    with ThreadPoolExecutor(1) as pool:
        calling = pool.submit(driving_refunds.drive_refunds, at=read_clock())
        assert pause.is_reached.wait(PATIENCE_SECONDS)
        outlive_a_lease()
        assert driving_refunds.drive_refunds(at=read_clock()) == 0
        pause.let_go()
        calling.result()

    [(fence, _, attempts)] = world.rows(REFUND_WORK)
    assert (fence, attempts) == (1, 1)


def test_payment_keeps_its_lease_while_the_gateway_is_asked(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    leader = world.phone()
    order = leader.open()
    leader.prepare(order)
    expect(201, leader.post(f"/v1/orders/{order['id']}/cancellation"))
    at = read_clock()
    pause = Pause()
    pause.after(monkeypatch, WeChatPayments, "close")
    renew_often(monkeypatch)

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(drive_payments, at=at)
        assert pause.is_reached.wait(PATIENCE_SECONDS)
        outlive_a_lease()
        assert drive_payments(at=at) == 0
        pause.let_go()
        assert asking.result() == 1


def test_refund_whose_lease_was_lost_while_it_waited_for_a_slot_is_not_sent(world: World) -> None:
    at = let_a_group_fail(world)
    paused = driving_refunds._Driving(read_clock, PATIENCE_SECONDS)

    with paused.belt:
        with transaction() as session:
            waiting, _ = paused._look(session, paused._lease(session, 1, at))
        with transaction() as session:
            session.execute(text("UPDATE work_rows SET leased_until = now() - interval '1 second'"))
        with transaction() as session:
            [other] = work.claim(session, WORK, limit=1, at=at)
        with transaction() as session:
            started, left = paused._start(session, waiting, at)

    assert len(waiting) == 1
    assert (started, dict(left)) == ([], {})
    assert world.rows("SELECT state FROM refunds") == [("requested",)]
    with transaction() as session:
        assert work.hold(session, [other]) == [other]


def let_a_group_fail(world: World) -> datetime:
    """Let a group with one paid seat fail; returns when its refund is due."""
    _, order = world.opened()
    world.end_deadline(order["group_id"])
    at = read_clock()
    settle_due_groups(at=at)
    return at


def renew_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make leases last half a second, renewed ten times in it."""
    monkeypatch.setattr(work, "LEASE_SECONDS", 0.5)
    monkeypatch.setattr(renewing, "EVERY_SECONDS", 0.05)


def outlive_a_lease() -> None:
    time.sleep(1)


def shorten_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the first worker leases that run out at once; it renews none, and leases no more."""
    claim, first = work.claim, []

    def claim_shortly(*args: Any, **values: Any) -> list[Lease]:
        if not first:
            first.append(threading.get_ident())
            return claim(*args, **{**values, "lease_seconds": 0.2})
        return [] if threading.get_ident() in first else claim(*args, **values)

    monkeypatch.setattr(work, "claim", claim_shortly)
    monkeypatch.setattr(renewing, "EVERY_SECONDS", DAY.total_seconds())
