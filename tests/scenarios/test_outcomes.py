"""A group fills, or it fails: who gets what."""

from datetime import timedelta

import pytest

from domain.settlement.applying_payments import Applied
from tests.scenarios.stage import Stage, make_stage

pytestmark = pytest.mark.transactional

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


@pytest.fixture
def stage(database: object) -> Stage:
    return make_stage()


def test_last_paid_seat_forms_the_group(stage: Stage) -> None:
    group_id = stage.opened(stage.start)
    stage.joined(group_id, stage.start + MINUTE)

    stage.joined(group_id, stage.start + 2 * MINUTE)

    group = stage.group(group_id)
    assert (group["state"], group["taken"], group["paid_seats"]) == ("formed", 3, 3)
    assert stage.states(group_id) == [("fulfilling", "taken")] * 3


def test_failed_group_refunds_and_credits_every_paid_member(stage: Stage) -> None:
    group_id = stage.opened(stage.start)
    stage.joined(group_id, stage.start + MINUTE)
    deadline = stage.group(group_id)["deadline_at"]
    assert deadline == stage.start + DAY

    stage.settle(group_id, deadline)

    group = stage.group(group_id)
    assert (group["state"], group["taken"], group["paid_seats"]) == ("failed", 0, 2)
    assert stage.states(group_id) == [("refunding", "released")] * 2
    grants = stage.rows(
        "SELECT g.state, g.amount_fen, g.shopper_id FROM grants g WHERE group_id = :v", group["id"]
    )
    assert [(state, amount) for state, amount, _ in grants] == [("issued", 1000)] * 2
    assert [stage.wallet(shopper) for _, _, shopper in grants] == [1000, 1000]
    refunds = stage.rows(
        "SELECT r.state, r.amount_fen FROM refunds r JOIN orders o ON o.id = r.order_id"
        " WHERE o.group_id = :v",
        group["id"],
    )
    assert refunds == [("requested", 1990)] * 2


def test_settling_twice_changes_nothing(stage: Stage) -> None:
    group_id = stage.opened(stage.start)
    stage.settle(group_id, stage.start + DAY)

    stage.settle(group_id, stage.start + DAY)

    inner = stage.group(group_id)["id"]
    assert stage.one("SELECT count(*) FROM grants WHERE group_id = :v", inner) == 1


def test_group_is_not_settled_before_its_deadline(stage: Stage) -> None:
    group_id = stage.opened(stage.start)

    stage.settle(group_id, stage.start + DAY - timedelta(microseconds=1))

    assert stage.group(group_id)["state"] == "open"


def test_payment_after_the_deadline_is_refunded(stage: Stage) -> None:
    group_id = stage.opened(stage.start)
    deadline = stage.start + DAY
    order = stage.join(stage.shopper(), group_id, deadline - 2 * MINUTE)
    number = stage.add_payment(order, deadline - 2 * MINUTE)
    stage.settle(group_id, deadline)

    applied = stage.succeed(number, deadline, at=deadline + MINUTE)

    assert applied is Applied.REFUNDED
    assert stage.rows(
        "SELECT purpose FROM refunds r JOIN payments p ON p.id = r.payment_id"
        " WHERE p.public_id = :v",
        number,
    ) == [("late",)]


def test_payment_in_time_that_is_learned_late_is_a_member_of_the_failed_group(
    stage: Stage,
) -> None:
    group_id = stage.opened(stage.start)
    deadline = stage.start + DAY
    shopper = stage.shopper()
    order = stage.join(shopper, group_id, deadline - 2 * MINUTE)
    number = stage.add_payment(order, deadline - 2 * MINUTE)
    stage.settle(group_id, deadline)
    assert stage.group(group_id)["state"] == "failed"

    applied = stage.succeed(number, deadline - timedelta(milliseconds=1), at=deadline + MINUTE)

    assert applied is Applied.SEATED
    assert stage.states(group_id)[1] == ("refunding", "released")
    assert stage.wallet(shopper[1]) == 1000


def test_group_waits_for_a_last_seat_that_is_releasing(stage: Stage) -> None:
    group_id = stage.opened(stage.start)
    deadline = stage.start + DAY
    stage.joined(group_id, stage.start + MINUTE)
    order = stage.join(stage.shopper(), group_id, deadline - 2 * MINUTE)
    number = stage.add_payment(order, deadline - 2 * MINUTE)
    stage.settle(group_id, deadline)
    assert stage.group(group_id)["state"] == "closing"

    stage.succeed(number, deadline - timedelta(milliseconds=1), at=deadline + MINUTE)

    assert stage.group(group_id)["state"] == "formed"


def test_group_that_waited_two_minutes_fails(stage: Stage) -> None:
    group_id = stage.opened(stage.start)
    deadline = stage.start + DAY
    stage.joined(group_id, stage.start + MINUTE)
    order = stage.join(stage.shopper(), group_id, deadline - 2 * MINUTE)
    number = stage.add_payment(order, deadline - 2 * MINUTE)
    stage.settle(group_id, deadline)

    stage.ask(number, deadline + 110 * SECOND)
    stage.settle(group_id, deadline + 119 * SECOND)
    assert stage.group(group_id)["state"] == "closing"
    stage.settle(group_id, deadline + 2 * MINUTE)

    assert stage.group(group_id)["state"] == "failed"


def test_group_waits_its_two_minutes_from_when_it_was_looked_at(stage: Stage) -> None:
    group_id = stage.opened(stage.start)
    deadline = stage.start + DAY
    stage.joined(group_id, stage.start + MINUTE)
    order = stage.join(stage.shopper(), group_id, deadline - 2 * MINUTE)
    number = stage.add_payment(order, deadline - 2 * MINUTE)

    stage.settle(group_id, deadline + 3 * MINUTE)

    assert stage.group(group_id)["state"] == "closing"
    stage.succeed(number, deadline - MINUTE, at=deadline + 4 * MINUTE)
    assert stage.group(group_id)["state"] == "formed"


def test_unpaid_opening_is_abandoned_and_gives_the_budget_back(stage: Stage) -> None:
    order = stage.open(stage.shopper(), stage.start)

    stage.expire(stage.start + 5 * MINUTE)

    assert stage.group(order["group_id"])["state"] == "abandoned"
    assert stage.states(order["group_id"]) == [("expired", "released")]
