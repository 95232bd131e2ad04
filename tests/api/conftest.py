"""The API in this process, and people who call it."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api import create_app, limits
from api.views import campaigns as campaign_views
from api.views import shares as share_views
from launcher.addresses import DatabaseUrls
from tests.api.callers import Caller, Mall, open_mall
from tests.contract import strict_client_of


@pytest.fixture(scope="session")
def app(database: DatabaseUrls) -> Flask:
    """The application; its test clients hold every answer to `/openapi.json`."""
    app = create_app()
    app.test_client_class = strict_client_of(app)
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(autouse=True)
def _forget_what_processes_remember(monkeypatch: pytest.MonkeyPatch) -> None:
    # All tests of a worker come from one address, and failures are counted in the database.
    monkeypatch.setenv("PINBU_PASSWORD_ATTEMPTS_PER_ADDRESS", "100000")
    limits.password_limits.cache_clear()
    limits.own_password_limiter.cache_clear()
    limits.visit_limiter.cache_clear()
    limits.order_limiter.cache_clear()
    limits.sign_in_limiter.cache_clear()
    limits.phone_limiter.cache_clear()
    limits.payment_check_limiter.cache_clear()
    limits.share_code_limiter.cache_clear()
    limits.share_link_limiter.cache_clear()
    campaign_views.kept.clear()
    share_views.codes.clear()
    share_views.links.clear()


@pytest.fixture
def anyone(client: FlaskClient) -> Caller:
    return Caller(client)


@pytest.fixture
def mall(client: FlaskClient) -> Mall:
    return open_mall(client)


@pytest.fixture
def other_mall(client: FlaskClient) -> Mall:
    """Another merchant on the same installation."""
    return open_mall(client)
