"""Facts, consumers, work and looks know of each other."""

import importlib

from domain.checkout.looking import find_due
from domain.notices.sending import SEND_MESSAGE
from domain.outbox import CONSUMERS
from domain.points.programmes import DELIVER_POINTS
from domain.reconciliation.planning import WORK as RECONCILE
from domain.settlement.forming import REWARD_GROUP
from domain.settlement.granting import ISSUE_GRANT
from domain.settlement.paying_out import WORK as DRIVE_WITHDRAWAL
from domain.settlement.pushing import GIVE_PUSH
from domain.settlement.refunding import WORK as DRIVE_REFUND
from domain.settlement.releasing import DRIVE_PAYMENT
from domain.settlement.taking import SETTLE_GROUP
from jobs.queues import NAMES
from jobs.reactions import REACTIONS
from jobs.schedule import SCHEDULE, WORK_KINDS


def test_every_consumer_of_facts_has_its_reaction() -> None:
    assert set(REACTIONS) == {name for names in CONSUMERS.values() for name in names}


def test_every_kind_of_work_is_looked_for() -> None:
    driven = {
        SETTLE_GROUP,
        ISSUE_GRANT,
        REWARD_GROUP,
        GIVE_PUSH,
        DRIVE_PAYMENT,
        DRIVE_REFUND,
        DRIVE_WITHDRAWAL,
        RECONCILE,
        SEND_MESSAGE,
        DELIVER_POINTS,
    }

    assert set(WORK_KINDS) == driven | set(REACTIONS)


def test_every_look_is_a_function_on_a_queue_that_is_served() -> None:
    for entry in SCHEDULE:
        module, _, function = entry.function.rpartition(".")
        assert callable(getattr(importlib.import_module(module), function))
        assert entry.queue in NAMES


def test_everything_that_is_looked_for_can_be_found() -> None:
    other = {e.looks_for for e in SCHEDULE if e.looks_for and not e.looks_for.startswith("work.")}

    assert other == {
        "holds",
        "bills",
        "expiries",
        "warnings",
        "movements",
        "seals",
        "audit",
        "late",
    }
    assert find_due.__doc__ is not None
    assert all(f"`{name}`" in find_due.__doc__ for name in other)
