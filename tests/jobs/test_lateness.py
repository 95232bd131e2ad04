"""Members who wait too long are told of in the log while there is time to mend it."""

import logging
from datetime import timedelta

import pytest

from domain import clock
from domain.checkout.looking import find_due
from jobs.housekeeping import tell_late
from launcher.addresses import DatabaseUrls
from tests.concurrency.arena import DAY, Arena
from tests.concurrency.racing import as_owner

pytestmark = pytest.mark.transactional

LEASE = "UPDATE work_rows SET state = 'leased' WHERE kind = 'settle_group'"
PARK = "UPDATE work_rows SET state = 'parked' WHERE kind = 'settle_group'"


def late(arena: Arena, ago: timedelta) -> bool:
    arena.opened(clock.real_now() - DAY - ago)
    return "late" in find_due([], at=clock.real_now())


def test_three_minutes_are_late(arena: Arena) -> None:
    assert not late(arena, timedelta(minutes=2, seconds=50))
    assert late(arena, timedelta(minutes=3, seconds=1))


def test_lateness_is_an_error_in_the_log(arena: Arena, caplog: pytest.LogCaptureFixture) -> None:
    late(arena, timedelta(minutes=5))
    late(arena, timedelta(minutes=4))

    tell_late()

    [told] = [r for r in caplog.records if r.message == "settling is late"]
    assert told.levelno == logging.ERROR
    assert (told.__dict__["kind"], told.__dict__["waiting"]) == ("settle_group", 2)
    assert 300 <= told.__dict__["seconds"] < 330


@pytest.mark.parametrize("moves", [(LEASE,), (LEASE, PARK)], ids=["leased", "parked"])
def test_what_a_dead_worker_holds_and_what_is_parked_is_late_too(
    arena: Arena, crowd: DatabaseUrls, caplog: pytest.LogCaptureFixture, moves: tuple[str, ...]
) -> None:
    late(arena, timedelta(minutes=5))
    as_owner(crowd, *moves)

    assert "late" in find_due([], at=clock.real_now())
    tell_late()

    [told] = [r for r in caplog.records if r.message == "settling is late"]
    assert (told.__dict__["kind"], told.__dict__["waiting"]) == ("settle_group", 1)
