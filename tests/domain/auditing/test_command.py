import json
from collections.abc import Iterator

import psycopg
import pytest
from click.testing import Result
from flask import Flask

from api import create_app
from domain.config import settings
from launcher.addresses import DatabaseUrls
from tests.scenarios.stage import make_stage

pytestmark = pytest.mark.transactional


@pytest.fixture
def app(fresh_database: DatabaseUrls) -> Iterator[Flask]:
    yield create_app()
    settings.cache_clear()


def run(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(args=["audit", *arguments])


def move_an_end(database: DatabaseUrls) -> None:
    assert database.bootstrap is not None
    address = database.bootstrap.replace("+psycopg", "")
    with psycopg.connect(address) as connection:
        connection.execute("UPDATE campaigns SET ends_at = ends_at + interval '1 day'")


def park_some_work(database: DatabaseUrls) -> None:
    assert database.bootstrap is not None
    address = database.bootstrap.replace("+psycopg", "")
    with psycopg.connect(address) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE work_rows SET state = 'parked', error = 'poison'")


def test_sound_books_are_reported_line_by_line(app: Flask) -> None:
    stage = make_stage()
    stage.joined(stage.opened(stage.start), stage.start)

    result = run(app)

    assert "ok             seats.within-size" in result.stdout
    assert "work.drives-payments" in result.stdout
    assert "rest.groups" not in result.stdout
    assert "hold." in result.stdout.splitlines()[-1]
    assert result.exit_code == 0


def test_broken_invariant_is_named_and_ends_with_1(
    app: Flask, fresh_database: DatabaseUrls
) -> None:
    stage = make_stage()
    move_an_end(fresh_database)

    result = run(app)

    assert result.exit_code == 1
    assert "1 violation    campaigns.follow-their-rules" in result.stdout
    assert f"- campaign {stage.merchant_id}/{stage.campaign.id} is published, by " in result.stdout
    assert result.stdout.splitlines()[-1].endswith("1 of them broken.")


def test_json_has_every_check(app: Flask, fresh_database: DatabaseUrls) -> None:
    make_stage()
    move_an_end(fresh_database)

    result = run(app, "--json", "--at-rest")

    report = json.loads(result.stdout)
    assert not report["is_ok"]
    [broken] = [line for line in report["lines"] if not line["is_ok"]]
    assert broken["name"] == "campaigns.follow-their-rules"
    assert (broken["invariant"], broken["violations"], len(broken["examples"])) == (16, 1, 1)
    assert "rest.groups" in {line["name"] for line in report["lines"]}
    assert report["warnings"] == []


def test_parked_work_is_a_warning_only(app: Flask, fresh_database: DatabaseUrls) -> None:
    stage = make_stage()
    stage.opened(stage.start)
    park_some_work(fresh_database)

    text, report = run(app), json.loads(run(app, "--json").stdout)

    assert text.exit_code == 0
    assert "warning        work.parked" in text.stdout
    assert "settle_group" in text.stdout
    assert report["warnings"][0]["name"] == "work.parked"


def test_gateway_record_is_read_in_development_only(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PINBU_ENV", "production")
    settings.cache_clear()

    result = run(app, "--gateway-record", "http://127.0.0.1:1/control")

    assert result.exit_code == 2
    assert "in development only" in result.output
