"""A subsidy counts on the day of its group's deadline, as the failure does; beside it, in cash."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from domain.analytics.counting import Period
from domain.analytics.figures import measure_period
from domain.database import merchant_transaction
from tests.domain.analytics.recounting import Rows, recount
from tests.scenarios.stage import Stage, make_stage

pytestmark = pytest.mark.transactional

FIRST, SECOND = date(2026, 5, 11), date(2026, 5, 12)
NOON = datetime(2026, 5, 11, 4, tzinfo=UTC)
MIDNIGHT = NOON + timedelta(hours=12)


@pytest.fixture
def stage(database: object) -> Stage:
    """A campaign whose groups end at 24:00, if they were opened at noon."""
    return make_stage(
        life_seconds=12 * 3600,
        starts_at=datetime(2026, 5, 1, tzinfo=UTC),
        ends_at=datetime(2026, 6, 1, tzinfo=UTC),
    )


def play(stage: Stage, *, settled_at: datetime) -> None:
    """One group forms at noon, one fails at 24:00 with one member."""
    formed = stage.opened(NOON)
    for _ in range(2):
        stage.joined(formed, NOON)
    stage.settle(stage.opened(NOON), settled_at)


def measure(stage: Stage, period: Period) -> Any:
    with merchant_transaction(stage.merchant_id) as session:
        return measure_period(session, stage.merchant_id, period, at=MIDNIGHT + timedelta(days=9))


@pytest.mark.parametrize("seconds", [0, 1, 599, 86_400 * 3])
def test_subsidy_of_a_group_that_ends_at_midnight_belongs_to_the_day_that_ends(
    stage: Stage, seconds: int
) -> None:
    play(stage, settled_at=MIDNIGHT + timedelta(seconds=seconds))

    days = dict(measure(stage, Period(FIRST, SECOND)).days)

    assert [days[on]["groups_failed"] for on in (FIRST, SECOND)] == [1, 0]
    assert [days[on]["subsidies_issued"] for on in (FIRST, SECOND)] == [1, 0]
    assert [days[on]["subsidies_issued_fen"] for on in (FIRST, SECOND)] == [1000, 0]
    assert [days[on]["subsidy_share_of_formed_bps"] for on in (FIRST, SECOND)] == [1675, None]
    assert [days[on]["total_incentive_fen"] for on in (FIRST, SECOND)] == [1000 + 3030, 0]


def test_day_of_credit_stands_beside_it(stage: Stage) -> None:
    play(stage, settled_at=MIDNIGHT)

    found = measure(stage, Period(FIRST, SECOND))

    days = dict(found.days)
    assert [days[on]["subsidies_credited"] for on in (FIRST, SECOND)] == [0, 1]
    assert [days[on]["subsidies_credited_fen"] for on in (FIRST, SECOND)] == [0, 1000]
    assert [days[on]["credited_share_of_formed_bps"] for on in (FIRST, SECOND)] == [0, None]
    assert found.total["credited_share_of_formed_bps"] == 1675


def test_days_are_what_is_recounted_from_raw_rows(stage: Stage) -> None:
    play(stage, settled_at=MIDNIGHT + timedelta(seconds=3))

    rows = Rows(stage.merchant_id)
    for on, figures in measure(stage, Period(FIRST, SECOND)).days:
        assert figures == recount(rows, on, on, None)
