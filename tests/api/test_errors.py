"""The table of `api/errors.py`: views that raise, and what their callers are told."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy.exc
from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from api import errors
from domain import errors as kinds
from domain.database import core_engine, transaction
from domain.models import Variant
from launcher.addresses import DatabaseUrls
from tests.factories.merchants import make_merchant
from tests.factories.products import make_product, make_variant

pytestmark = pytest.mark.transactional

Raising = Callable[[Callable[[], Any]], TestResponse]


class GroupTooSmall(kinds.Conflict):
    """For these tests."""


@pytest.fixture
def raising() -> Raising:
    def get(view: Callable[[], Any]) -> TestResponse:
        app = Flask("raising")
        app.logger.disabled = True
        errors.register_error_handlers(app)
        app.add_url_rule("/", "view", view)
        return app.test_client().get("/", headers={"Accept-Language": "en"})

    return get


def throw(error: Exception) -> Callable[[], Any]:
    def view() -> Any:
        raise error

    return view


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (kinds.NotFound(), 404, "not_found"),
        (kinds.Forbidden(), 403, "forbidden"),
        (kinds.Unauthenticated(), 401, "unauthenticated"),
        (kinds.Conflict(), 409, "conflict"),
        (GroupTooSmall(), 409, "group_too_small"),
        (kinds.Busy(), 409, "busy"),
        (kinds.Rejected(), 422, "rejected"),
        (kinds.GatewayFailed(), 502, "gateway_failed"),
        (kinds.TooManyAttempts(retry_after_seconds=9), 429, "too_many_attempts"),
    ],
)
def test_kind_decides_the_status(
    raising: Raising, error: Exception, status: int, code: str
) -> None:
    answer = raising(throw(error))

    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    assert answer.json is not None
    assert (answer.json["status"], answer.json["code"]) == (status, code)


def test_busy_says_when_to_come_back(raising: Raising) -> None:
    assert raising(throw(kinds.Busy())).headers["Retry-After"] == "1"
    assert raising(throw(kinds.TooManyAttempts(retry_after_seconds=9))).headers["Retry-After"] == (
        "9"
    )


def test_unauthenticated_names_the_scheme(raising: Raising) -> None:
    assert raising(throw(kinds.Unauthenticated())).headers["WWW-Authenticate"] == "Bearer"


def test_details_are_told_but_cannot_replace_the_frame(raising: Raising) -> None:
    answer = raising(throw(kinds.Rejected(field="amount_fen", status=200, most_fen=5)))

    assert answer.json is not None
    assert answer.json["field"] == "amount_fen"
    assert answer.json["most_fen"] == 5
    assert answer.json["status"] == 422


def test_what_a_gateway_said_stays_in_the_log(raising: Raising) -> None:
    answer = raising(throw(kinds.GatewayFailed(gateway_message="mch 123 over quota")))

    assert "quota" not in answer.text


def test_parameters_are_filled_into_the_detail(raising: Raising) -> None:
    answer = raising(throw(kinds.TooManyAttempts(retry_after_seconds=9)))

    assert answer.json is not None
    assert answer.json["detail"] == "Too many attempts: try again in 9 seconds"


def test_listed_failures_get_their_sentences(raising: Raising) -> None:
    error = kinds.Rejected(errors=[{"field": "ends_at", "code": "before_start"}])

    answer = raising(throw(error))

    assert answer.json is not None
    assert answer.json["errors"] == [
        {"field": "ends_at", "code": "before_start", "detail": "This must be after the start"}
    ]


def test_unexpected_error_tells_nothing_and_is_logged(
    raising: Raising, caplog: pytest.LogCaptureFixture
) -> None:
    answer = raising(throw(ZeroDivisionError("the key is hunter2")))

    assert answer.status_code == 500
    assert answer.json is not None
    assert answer.json["code"] == "internal_error"
    assert "hunter2" not in answer.text
    assert "Traceback" not in answer.text
    assert any(record.exc_info for record in caplog.records)


@pytest.mark.parametrize(
    ("sqlstate", "status", "code"),
    [
        ("55P03", 409, "busy"),
        ("40P01", 409, "busy"),
        ("40001", 409, "busy"),
        ("57014", 503, "unavailable"),
        ("57P01", 503, "unavailable"),
        (None, 503, "unavailable"),
    ],
)
def test_contention_is_busy_and_the_rest_is_unavailable(
    raising: Raising, sqlstate: str | None, status: int, code: str
) -> None:
    cause = Exception("refused")
    cause.sqlstate = sqlstate  # type: ignore[attr-defined]

    answer = raising(throw(sqlalchemy.exc.OperationalError("SELECT 1", {}, cause)))

    assert answer.status_code == status
    assert answer.json is not None
    assert answer.json["code"] == code
    assert "Retry-After" in answer.headers
    assert "SELECT" not in answer.text


def test_exhausted_pool_is_503(raising: Raising) -> None:
    answer = raising(throw(sqlalchemy.exc.TimeoutError("QueuePool limit")))

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "2"


@pytest.fixture
def variant(database: DatabaseUrls) -> Variant:
    with transaction() as session:
        merchant = make_merchant(session)
        return make_variant(session, make_product(session, merchant.id), stock_units=3)


def test_waiting_too_long_for_a_lock_is_busy(raising: Raising, variant: Variant) -> None:
    lock = text("SELECT 1 FROM variants WHERE merchant_id = :m AND id = :id FOR UPDATE")
    key = {"m": variant.merchant_id, "id": variant.id}

    def view() -> Any:
        with transaction() as session:
            session.execute(text("SET LOCAL lock_timeout = '50ms'"))
            session.execute(lock, key)

    with core_engine().connect() as other:
        other.execute(lock, key)
        answer = raising(view)

    assert answer.status_code == 409
    assert answer.json is not None
    assert answer.json["code"] == "busy"


def test_broken_constraint_is_told_by_its_name(raising: Raising, variant: Variant) -> None:
    def view() -> Any:
        with transaction() as session:
            session.execute(
                text("UPDATE variants SET stock_units = -1 WHERE merchant_id = :m AND id = :id"),
                {"m": variant.merchant_id, "id": variant.id},
            )

    answer = raising(view)

    assert answer.status_code == 409
    assert answer.json is not None
    assert answer.json["code"] == "stock_below_zero"


def test_unnamed_constraint_is_a_defect(raising: Raising, variant: Variant) -> None:
    def view() -> Any:
        with transaction() as session:
            session.execute(
                text("UPDATE variants SET list_price_fen = 0 WHERE merchant_id = :m AND id = :id"),
                {"m": variant.merchant_id, "id": variant.id},
            )

    assert raising(view).status_code == 500


def test_named_constraints_exist(database: DatabaseUrls) -> None:
    with transaction() as session:
        existing = set(
            session.execute(
                text(
                    "SELECT conname FROM pg_constraint UNION SELECT relname FROM pg_class"
                    " WHERE relkind = 'i'"
                )
            ).scalars()
        )

    assert set(errors.CONSTRAINTS) <= existing


def test_text_that_cannot_be_stored_is_the_callers_fault(
    raising: Raising, variant: Variant
) -> None:
    def view() -> Any:
        with transaction() as session:
            session.execute(
                text("UPDATE variants SET title = :title WHERE merchant_id = :m AND id = :id"),
                {"title": "a\x00b", "m": variant.merchant_id, "id": variant.id},
            )

    answer = raising(view)

    assert answer.status_code == 422
    assert answer.json is not None
    assert answer.json["code"] == "invalid_request"
