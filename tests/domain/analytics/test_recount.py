"""A recount from raw rows equals the figures, on random histories."""

from datetime import UTC, date, datetime, timedelta

import pytest

from domain import clock
from domain.analytics.counting import Period
from domain.analytics.figures import measure_period
from domain.database import merchant_transaction
from domain.terms import Limits
from tests.domain.analytics.histories import History
from tests.domain.analytics.recounting import Rows, recount
from tests.scenarios.stage import Stage, make_stage

pytestmark = pytest.mark.transactional

DAY = timedelta(days=1)
LATER = datetime(2026, 6, 1, tzinfo=UTC)
START = datetime(2026, 5, 10, 22, tzinfo=UTC)


def make_busy_stage() -> Stage:
    return make_stage(
        group_size=3,
        life_seconds=21_600,
        limits=Limits(open_groups=90, participations_per_day=90, expired_holds_per_day=90),
        starts_at=datetime(2026, 5, 1, tzinfo=UTC),
        ends_at=datetime(2026, 6, 1, tzinfo=UTC),
    )


@pytest.fixture(scope="module", params=[1, 2])
def history(database: object, request: pytest.FixtureRequest) -> History:
    history = History(make_busy_stage(), request.param, START)
    history.play(150)
    return history


PERIODS = [
    Period(date(2026, 5, 11), date(2026, 5, 14)),
    Period(date(2026, 5, 12), date(2026, 5, 13)),
    Period(date(2026, 5, 13), date(2026, 5, 13)),
]


def test_recount_from_rows_equals_the_figures(history: History) -> None:
    rows = Rows(history.merchant_id)

    for period in PERIODS:
        for campaign in (None, *(stage.campaign for stage in history.stages)):
            campaign_id = None if campaign is None else campaign.id
            public_id = None if campaign is None else campaign.public_id
            with merchant_transaction(history.merchant_id) as session:
                found = measure_period(
                    session, history.merchant_id, period, at=LATER, campaign=public_id
                )
            before, start = period.first - DAY, period.first - period.length * DAY
            assert found.total == recount(rows, period.first, period.last, campaign_id)
            assert found.previous == recount(rows, start, before, campaign_id)
            assert dict(found.days) == {
                on: recount(rows, on, on, campaign_id) for on in period.days
            }


def test_recount_up_to_the_same_time_equals_the_period_before(history: History) -> None:
    rows = Rows(history.merchant_id)

    for period in PERIODS:
        for hours in (3, 11, 17.5):
            at = clock.day_start(period.last) + timedelta(hours=hours)
            with merchant_transaction(history.merchant_id) as session:
                found = measure_period(session, history.merchant_id, period, at=at)
            before, start = period.first - DAY, period.first - period.length * DAY
            until = at - period.length * DAY
            assert found.previous == recount(rows, start, before, None, until=until)
            assert found.previous_until == until


def test_history_has_everything_that_figures_look_at(history: History) -> None:
    with merchant_transaction(history.merchant_id) as session:
        found = measure_period(session, history.merchant_id, PERIODS[0], at=LATER)

    assert [key for key, value in found.total.items() if not value] == []
    rows = Rows(history.merchant_id)
    became = {m["to_state"] for m in rows.tables["state_moves"] if m["machine"] == "grant"}
    assert {"issued", "held", "denied"} <= became
    assert any(o["seat_state"] == "released" and o["paid_at"] for o in rows.tables["orders"])
