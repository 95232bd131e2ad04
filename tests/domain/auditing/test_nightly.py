"""Once a night the whole mall is audited; what was found is kept, and told."""

import json
import logging
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from api import create_app
from domain.auditing.nightly import audit_night, audited_day, list_runs
from domain.checkout.looking import find_due
from domain.database import reading
from launcher.addresses import DatabaseUrls
from tests.scenarios.stage import Stage, make_stage

pytestmark = pytest.mark.transactional

FOUR = datetime(2026, 5, 1, 20, tzinfo=UTC)
"""Four in the morning of May 2nd in Shanghai."""
SECOND = timedelta(seconds=1)


@pytest.fixture
def stage(fresh_database: DatabaseUrls) -> Stage:
    return make_stage()


def break_a_counter(database: DatabaseUrls) -> None:
    assert database.bootstrap is not None
    with psycopg.connect(database.bootstrap.replace("+psycopg", "")) as connection:
        connection.execute("UPDATE campaigns SET people_paid = people_paid + 1")


def test_it_is_due_once_a_shanghai_day_from_four_on(stage: Stage) -> None:
    assert audited_day(FOUR - SECOND) == date(2026, 5, 1)
    assert audited_day(FOUR) == date(2026, 5, 2)
    assert "audit" in find_due([], at=FOUR)

    audit_night(at=FOUR)

    assert "audit" not in find_due([], at=FOUR + timedelta(hours=23))
    assert "audit" in find_due([], at=FOUR + timedelta(days=1))


def test_what_it_finds_is_kept_and_told(
    stage: Stage, fresh_database: DatabaseUrls, caplog: pytest.LogCaptureFixture
) -> None:
    audit_night(at=FOUR - timedelta(days=1))
    break_a_counter(fresh_database)
    report = audit_night(at=FOUR)
    audit_night(at=FOUR + SECOND)

    with reading() as session:
        [newest, oldest] = list_runs(session, limit=9)
    assert (oldest.on_date, oldest.broken) == (date(2026, 5, 1), [])
    assert (newest.on_date, newest.audited_at) == (date(2026, 5, 2), FOUR)
    assert newest.checks == len(report.lines)
    assert [line["name"] for line in newest.broken] == list(report.violated)
    told = [r for r in caplog.records if r.message == "an invariant is broken"]
    assert {r.__dict__["check"] for r in told} == set(report.violated)
    assert all(r.levelno == logging.ERROR for r in told)


def test_command_lists_the_nights(stage: Stage, fresh_database: DatabaseUrls) -> None:
    run = create_app().test_cli_runner().invoke
    audit_night(at=FOUR)
    good = run(args=["audits"])
    break_a_counter(fresh_database)
    audit_night(at=FOUR + timedelta(days=1))
    bad = run(args=["audits", "--nights", "1"])

    assert good.exit_code == 0
    assert json.loads(good.stdout)["nights"][0]["on"] == "2026-05-02"
    assert bad.exit_code == 1
    [night] = json.loads(bad.stdout)["nights"]
    assert night["broken"][0]["violations"] == 1
