"""The access token: one fetch at a time for all processes, renewed before its end."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from domain import clock
from domain.database import transaction
from domain.gateways import miniprogram_token
from domain.gateways.errors import GatewayRejected, GatewayRetryable, GatewayUnknown
from launcher.addresses import DatabaseUrls
from tests.domain.gateways.apps import App, keep_app
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.transactional


@pytest.fixture
def app(database: DatabaseUrls, sandbox: SandboxServer) -> App:
    """An app of the shared sandbox, whose token nobody has fetched or forced."""
    return keep_app(sandbox, sandbox.open_account())


@pytest.fixture
def own_app(database: DatabaseUrls, own_sandbox: SandboxServer) -> App:
    return keep_app(own_sandbox, own_sandbox.open_account())


def test_token_is_fetched_once_and_kept_sealed(app: App) -> None:
    counter = app.count()

    first, second = app.token(), app.token()

    assert first == second
    assert app.fired(counter) == 1
    assert first.encode() not in bytes(app.row().token_sealed)
    assert app.row().token_lease_until is None


def test_many_at_once_make_one_fetch(app: App) -> None:
    counter = app.count(latency_ms=300)
    start = threading.Barrier(8)

    def fetch(_: int) -> str:
        start.wait()
        return app.token()

    with ThreadPoolExecutor(8) as pool:
        tokens = set(pool.map(fetch, range(8)))

    assert len(tokens) == 1
    assert app.fired(counter) == 1


def test_without_the_lease_many_at_once_make_many_fetches(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    anyone = str(miniprogram_token._LEASE).replace("token_lease_until < :real_now", "true")
    monkeypatch.setattr(miniprogram_token, "_LEASE", miniprogram_token.text(anyone))
    counter = app.count(latency_ms=300)
    start = threading.Barrier(4)

    def fetch(_: int) -> str:
        start.wait()
        return app.token()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(fetch, range(4)))

    assert app.fired(counter) > 1


def test_token_about_to_end_is_renewed(own_app: App) -> None:
    first = own_app.token()
    own_app.server.advance(7200 - 200)
    own_app.set_end(clock.real_now() + timedelta(seconds=200))

    second = own_app.token()

    assert second != first
    assert own_app.row().token_expires_at > clock.real_now() + timedelta(hours=1)


def test_refused_token_that_is_still_in_force_is_forced(app: App) -> None:
    first = app.token()
    counter = app.count()

    second = app.token(refused=first)

    assert second != first
    assert app.fired(counter) == 2
    assert app.token() == second


def test_token_somebody_else_has_renewed_is_taken_over(app: App) -> None:
    first = app.token()
    second = app.token(refused=first)
    counter = app.count()

    assert app.token(refused=first) == second
    assert app.fired(counter) == 0


def test_lease_of_a_dead_process_runs_out(app: App) -> None:
    app.set_lease(clock.real_now() + timedelta(seconds=1))

    assert app.token()


def test_lease_that_lasts_is_waited_for_and_then_given_up(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(miniprogram_token, "PATIENCE_SECONDS", 0.2)
    app.set_lease(clock.real_now() + timedelta(seconds=30))

    with pytest.raises(GatewayRetryable):
        app.token()


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("drop_before", GatewayUnknown),
        ("drop_after", GatewayUnknown),
        ("error_before", GatewayUnknown),
        ("frequency_limited", GatewayRetryable),
    ],
)
def test_failed_fetch_gives_the_lease_back(app: App, fault: str, kind: type[Exception]) -> None:
    app.server.fault(fault, operation="stable_token", count=1)

    with pytest.raises(kind):
        app.token()

    assert app.row().token_lease_until is None
    assert app.token()


def test_wrong_secret_is_rejected_and_shown_nowhere(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(GatewayRejected) as caught:
        app.token(secret="wrong-secret")

    assert caught.value.details["gateway_code"] == "40125"
    assert "wrong-secret" not in caplog.text + repr(caught.value)


def test_token_is_not_asked_for_inside_a_transaction(app: App) -> None:
    with transaction(), pytest.raises(RuntimeError, match="nest"):
        app.token()
