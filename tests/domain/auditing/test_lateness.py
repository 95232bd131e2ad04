"""Whoever was served late is named for ever, and hides no broken book."""

import json
import logging
from datetime import timedelta

import psycopg
import pytest
from click.testing import Result

from api import create_app
from domain.auditing.nightly import audit_night, list_runs
from domain.auditing.running import audit
from domain.config import settings
from domain.database import reading
from launcher.addresses import DatabaseUrls
from tests.scenarios.stage import Stage, make_stage

pytestmark = pytest.mark.transactional

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
CLOCKS = ["late.credits", "late.refund-requests"]


@pytest.fixture
def stage(fresh_database: DatabaseUrls) -> Stage:
    return make_stage()


def fail(stage: Stage, *, after: timedelta) -> None:
    """Let a group fail, settled so long after its deadline."""
    stage.settle(stage.opened(stage.start), stage.start + DAY + after)


def command(*arguments: str) -> Result:
    try:
        return create_app().test_cli_runner().invoke(args=["audit", *arguments])
    finally:
        settings.cache_clear()


def test_who_is_settled_within_ten_minutes_is_not_late(stage: Stage) -> None:
    fail(stage, after=10 * MINUTE)

    report = audit(at=stage.start + 9 * DAY)

    assert (report.is_ok, report.late) == (True, [])


def test_who_was_settled_late_is_named_for_ever(stage: Stage) -> None:
    fail(stage, after=11 * MINUTE)

    report = audit(at=stage.start + 90 * DAY)

    assert report.is_ok
    assert [line.check.name for line in report.late] == CLOCKS
    assert report.to_json()["is_in_time"] is False
    assert "1 late" in report.to_text()
    assert "Served late, for ever: 2 rows, by 2 of the clocks." in report.to_text()


def test_who_still_waits_is_named(stage: Stage) -> None:
    stage.opened(stage.start)

    waiting = audit(at=stage.start + DAY + 10 * MINUTE)
    late = audit(at=stage.start + DAY + 11 * MINUTE)

    assert waiting.late == []
    assert [line.check.name for line in late.late] == ["late.decisions"]


def test_what_is_learned_late_starts_its_clock_then(stage: Stage) -> None:
    group_id = stage.opened(stage.start)
    order = stage.join(stage.shopper(), group_id, stage.start + DAY - 2 * MINUTE)
    number = stage.add_payment(order, stage.start + DAY - 2 * MINUTE)
    stage.settle(group_id, stage.start + DAY + MINUTE)

    stage.succeed(number, stage.start + DAY - MINUTE, at=stage.start + DAY + 60 * MINUTE)

    report = audit(at=stage.start + 2 * DAY)
    assert report.is_ok, report.to_text()
    assert report.late == []


def test_lateness_hides_no_broken_book(stage: Stage, fresh_database: DatabaseUrls) -> None:
    fail(stage, after=180 * MINUTE)
    late = command()
    move_an_end(fresh_database)
    broken = command("--json")

    assert late.exit_code == 0
    assert "all of them hold" in late.stdout
    assert command("--in-time").exit_code == 1
    assert broken.exit_code == 1
    report = json.loads(broken.stdout)
    assert [line["name"] for line in report["lines"] if not line["is_ok"]] == [
        "campaigns.follow-their-rules",
        *CLOCKS,
    ]
    assert [line["name"] for line in report["lines"] if line["is_clock"]][:2] == CLOCKS


def test_nights_keep_who_was_late_and_tell_it_once(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    fail(stage, after=11 * MINUTE)
    at = stage.start + 3 * DAY
    audit_night(at=at)
    audit_night(at=at + DAY)
    before = len(told(caplog))
    fail(stage, after=11 * MINUTE)
    audit_night(at=at + 2 * DAY)

    with reading() as session:
        runs = list_runs(session, limit=9)
    assert [[line["violations"] for line in run.late] for run in runs] == [[2, 2], [1, 1], [1, 1]]
    assert [run.broken for run in runs] == [[], [], []]
    assert (before, len(told(caplog))) == (2, 4)


def told(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [r for r in caplog.records if r.message == "members were served late"]


def move_an_end(database: DatabaseUrls) -> None:
    assert database.bootstrap is not None
    with psycopg.connect(database.bootstrap.replace("+psycopg", "")) as connection:
        connection.execute("UPDATE campaigns SET ends_at = ends_at + interval '1 day'")
