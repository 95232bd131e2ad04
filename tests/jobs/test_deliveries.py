"""A fact reaches its consumer at least once, and acts exactly once."""

import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.checkout.reacting import consume_facts
from domain.database import core_engine, transaction
from domain.notices.writing import write_notices
from domain.settlement.failing import settle_groups
from domain.work import Key
from jobs.reactions import REACTIONS
from tests.concurrency.arena import DAY, Arena, raised
from tests.concurrency.racing import race

pytestmark = pytest.mark.transactional

NOTIFY = REACTIONS["notify"]
NOTICES = "SELECT count(*) FROM notices"
DELIVERIES = "SELECT state, attempts FROM work_rows WHERE kind = 'notify' ORDER BY id"
DIE_HALF_WAY = """
import os, signal
from domain.checkout.reacting import consume_facts
from domain.database import read_clock
from domain.notices.writing import write_notices

def write_and_die(session, facts, at):
    write_notices(session, facts, at=at)
    os.kill(os.getpid(), signal.SIGKILL)

consume_facts("notify", write_and_die, at=read_clock())
"""


def settled(arena: Arena, groups: int) -> None:
    """Let groups of one member each fail: a fact of each, and a notice for its member."""
    for _ in range(groups):
        arena.settle(arena.opened(arena.start), arena.start + DAY)


def lapse() -> None:
    """Let the leases run out, as time does."""
    with transaction() as session:
        session.execute(
            text(
                "UPDATE work_rows SET leased_until = now() - interval '1 second'"
                " WHERE state = 'leased'"
            )
        )


def test_delivery_is_done_once_though_its_consumer_is_killed_half_way(arena: Arena) -> None:
    settled(arena, 3)

    died = subprocess.run([sys.executable, "-c", DIE_HALF_WAY], check=False, timeout=60)

    assert died.returncode == -9
    assert arena.one(NOTICES) == 0
    assert consume_facts("notify", NOTIFY, at=arena.start + DAY) == 0
    lapse()
    assert consume_facts("notify", NOTIFY, at=arena.start + DAY) == 3
    assert consume_facts("notify", NOTIFY, at=arena.start + DAY) == 0
    assert arena.one(NOTICES) == 3
    assert arena.rows(DELIVERIES) == [("done", 2)] * 3
    arena.assert_sound(arena.start + DAY)


def test_delivery_is_done_twice_where_effect_and_delivery_are_two_transactions(
    arena: Arena,
) -> None:
    settled(arena, 1)
    told: list[Key] = []

    class Died(BaseException):
        pass

    def tell_and_die(session: Session, facts: Sequence[Key], at: object) -> None:
        told.extend(facts)
        if len(told) == 1:
            raise Died

    with pytest.raises(Died):
        consume_facts("notify", tell_and_die, at=arena.start + DAY)
    lapse()
    consume_facts("notify", tell_and_die, at=arena.start + DAY)

    assert len(told) == 2


def test_consumers_at_once_share_the_facts(arena: Arena) -> None:
    settled(arena, 12)

    ends = race([lambda: consume_facts("notify", NOTIFY, at=arena.start + DAY, limit=5)] * 5)

    assert raised(ends) == []
    assert sum(ends) == 12
    assert arena.one(NOTICES) == 12
    arena.assert_sound(arena.start + DAY)


def test_poison_fact_is_isolated_and_parked(arena: Arena) -> None:
    settled(arena, 3)
    poison = arena.one("SELECT min(subject_id) FROM work_rows WHERE kind = 'notify'")

    def choke_on_one(session: Session, facts: Sequence[Key], at: object) -> None:
        write_notices(session, facts, at=at)  # type: ignore[arg-type]
        if (arena.merchant_id, poison) in facts:
            raise ValueError("indigestible")

    for n in range(6):
        consume_facts("notify", choke_on_one, at=arena.start + DAY + n * timedelta(minutes=1))

    assert arena.one(NOTICES) == 2
    assert arena.rows(DELIVERIES) == [("parked", 5), ("done", 1), ("done", 1)]
    assert "indigestible" in arena.one("SELECT error FROM work_rows WHERE state = 'parked'")


def test_fact_of_a_change_that_is_rolled_back_is_not_told(arena: Arena) -> None:
    group_id = arena.opened(arena.start)
    with Session(core_engine()) as session:
        settle_groups(session, [arena.group_key(group_id)], at=arena.start + DAY)
        session.rollback()

    assert arena.one("SELECT count(*) FROM facts") == 0
    assert consume_facts("notify", NOTIFY, at=arena.start + DAY) == 0
