"""A last seat that was paid in time forms its group, however long nobody worked, in whatever order.

The last seat is paid just before the deadline, its callback is not heard, and the workers are away.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.checkout.driving_payments import drive_payments
from domain.checkout.settling import release_due_holds, settle_due_groups
from tests.world import World, expect

pytestmark = pytest.mark.transactional

QUEUES: dict[str, Callable[[datetime], int]] = {
    "groups": lambda at: settle_due_groups(at=at),
    "payments": lambda at: drive_payments(at=at),
    "holds": lambda at: release_due_holds(at=at),
}
ORDERS = [
    ("groups", "payments", "holds"),
    ("payments", "groups", "holds"),
    ("holds", "groups", "payments"),
]
OUTAGES = [timedelta(seconds=s) for s in (0, 119, 121, 180, 300, 20 * 60)]
TICK = timedelta(seconds=15)
GROUP = "SELECT state, paid_seats, ended_at FROM groups"
LAST = "SELECT state, seat_state FROM orders ORDER BY id DESC LIMIT 1"


@dataclass
class Play:
    """A group whose last seat is paid at the gateway, and nobody here knows."""

    world: World
    deadline: datetime

    def work(self, order: Sequence[str], at: datetime, *, until: datetime | None = None) -> None:
        """Drain the queues in an order, tick by tick, until the group is over or an instant."""
        until = until or at + timedelta(minutes=15)
        while at < until and self.group[0] in ("open", "closing"):
            for queue in order:
                QUEUES[queue](at)
            at += TICK

    @property
    def group(self) -> tuple[Any, ...]:
        return self.world.rows(GROUP)[0]

    def be_away(self) -> None:
        for operation in ("query", "close"):
            self.world.sandbox.fault("error_before", operation=operation, mchid=self.world.mch_no)

    def be_back(self) -> None:
        self.world.sandbox.http.delete("/control/faults")


def play(world: World, *, is_given_up: bool = False, is_paid: bool = True) -> Play:
    """Fill a group but for its last seat, which is paid in silence; the deadline is now."""
    _, opened = world.opened()
    member = world.phone()
    member.buy(member.join(opened["group_id"]))
    last = world.phone()
    order = last.join(opened["group_id"])
    prepared = last.prepare(order)
    world.sandbox.post("/callbacks/withhold", mchid=world.mch_no)
    if is_paid:
        expect(200, last.pay(prepared))
    if is_given_up:
        expect(201, last.post(f"/v1/orders/{order['id']}/cancellation"))
    world.end_deadline(opened["group_id"])
    [(deadline,)] = world.rows("SELECT deadline_at FROM groups")
    return Play(world, deadline)


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
@pytest.mark.parametrize("outage", OUTAGES, ids=str)
def test_group_forms_after_an_outage_whatever_is_worked_off_first(
    world: World, outage: timedelta, order: tuple[str, ...]
) -> None:
    told = play(world)

    told.work(order, told.deadline + outage)

    assert told.group[:2] == ("formed", 3)
    assert world.rows(LAST) == [("fulfilling", "taken")]


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_seat_that_was_releasing_before_an_outage_of_twenty_minutes_is_asked_about_first(
    world: World, order: tuple[str, ...]
) -> None:
    """It has been releasing for longer than the fifteen minutes after which seats are freed."""
    told = play(world, is_given_up=True)

    told.work(order, told.deadline + timedelta(minutes=20))

    assert told.group[:2] == ("formed", 3)


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
@pytest.mark.parametrize("outage", [OUTAGES[0], OUTAGES[-1]], ids=str)
def test_group_waits_ten_minutes_for_a_gateway_that_is_away(
    world: World, order: tuple[str, ...], outage: timedelta
) -> None:
    told = play(world, is_given_up=True)
    told.be_away()
    back = told.deadline + outage

    told.work(order, back, until=back + timedelta(minutes=9, seconds=30))
    assert told.group[0] == "closing"
    told.work(order, back + timedelta(minutes=9, seconds=30))

    state, paid_seats, ended_at = told.group
    assert (state, paid_seats) == ("failed", 2)
    assert timedelta(minutes=10) <= ended_at - back <= timedelta(minutes=10, seconds=30)


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_group_forms_where_the_gateway_comes_back_within_ten_minutes(
    world: World, order: tuple[str, ...]
) -> None:
    told = play(world)
    told.be_away()
    told.work(order, told.deadline, until=told.deadline + timedelta(minutes=8))

    told.be_back()
    told.work(order, told.deadline + timedelta(minutes=8))

    assert told.group[:2] == ("formed", 3)


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_group_forms_where_workers_die_after_it_moved_to_closing(
    world: World, order: tuple[str, ...]
) -> None:
    """An ask in vain before an outage is no answer after it."""
    told = play(world)
    told.be_away()
    told.work(order, told.deadline, until=told.deadline + 2 * TICK)
    assert told.group[0] == "closing"

    told.be_back()
    told.work(order, told.deadline + timedelta(minutes=20))

    assert told.group[:2] == ("formed", 3)


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_group_fails_at_once_where_the_gateway_says_that_nobody_paid(
    world: World, order: tuple[str, ...]
) -> None:
    told = play(world, is_paid=False)

    told.work(order, told.deadline)

    state, paid_seats, ended_at = told.group
    assert (state, paid_seats) == ("failed", 2)
    assert ended_at - told.deadline <= 2 * TICK
    assert world.rows(LAST) == [("expired", "released")]
