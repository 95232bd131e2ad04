"""`flask --app api unpark`: what is parked, and making it due again."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import Result
from flask import Flask

from api import create_app
from domain.config import settings
from domain.states import RefundState
from launcher.addresses import DatabaseUrls
from tests.scenarios.stage import Stage, make_stage

pytestmark = pytest.mark.transactional

STATES = "SELECT state FROM work_rows WHERE kind = 'drive_refund' ORDER BY subject_id"


@pytest.fixture
def app(fresh_database: DatabaseUrls) -> Iterator[Flask]:
    yield create_app()
    settings.cache_clear()


@pytest.fixture
def stage(app: Flask) -> Stage:
    """A merchant with two rejected refunds, whose work is parked, beside work that is due."""
    stage = make_stage()
    for _ in range(2):
        stage.refund_that(RefundState.REJECTED)
    stage.opened(stage.start)
    return stage


def unpark(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(args=["unpark", *arguments])


def told(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def subjects(stage: Stage) -> list[str]:
    return [f"{stage.merchant_id}/{row[0]}" for row in stage.rows("SELECT id FROM refunds")]


def test_parked_work_is_listed_with_its_error(app: Flask, stage: Stage) -> None:
    assert told(unpark(app)) == {
        "parked": [
            {"kind": "drive_refund", "subject": subject, "error": "NO_AUTH"}
            for subject in subjects(stage)
        ]
    }
    assert stage.rows(STATES) == [("parked",), ("parked",)]


def test_all_of_a_kind_is_made_due_again(app: Flask, stage: Stage) -> None:
    assert told(unpark(app, "drive_refund")) == {"unparked": 2}

    assert stage.rows(STATES) == [("due",), ("due",)]
    assert told(unpark(app)) == {"parked": []}


def test_one_row_is_made_due_again(app: Flask, stage: Stage) -> None:
    _, second = subjects(stage)

    assert told(unpark(app, "drive_refund", second)) == {"unparked": 1}

    assert stage.rows(STATES) == [("parked",), ("due",)]


def test_what_is_not_parked_is_refused(app: Flask, stage: Stage) -> None:
    for arguments in (("settle_group",), ("drive_refund", "0/0"), ("drive_refund", "one")):
        result = unpark(app, *arguments)

        assert result.exit_code == 1
        assert "nothing of that is parked" in result.output
    assert stage.rows(STATES) == [("parked",), ("parked",)]
