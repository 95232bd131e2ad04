import pytest
from flask import Flask

from api import request_context
from domain.config import settings


def test_repeated_headers_are_one_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINBU_TRUSTED_PROXIES", "127.0.0.0/8")
    settings.cache_clear()
    try:
        with Flask("x").test_request_context(
            headers=[("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-For", "7.7.7.7, 1.1.1.1:80")],
            environ_base={"REMOTE_ADDR": "127.0.0.1"},
        ):
            assert request_context.client_address() == "1.1.1.1"
    finally:
        monkeypatch.undo()
        settings.cache_clear()


@pytest.mark.parametrize(
    ("value", "found"), [("device-9", "device-9"), ("a b", None), ("x" * 65, None), ("", None)]
)
def test_device_is_taken_only_if_well_formed(value: str, found: str | None) -> None:
    with Flask("x").test_request_context(headers={"X-Device-Id": value}):
        assert request_context.device() == found


def test_outside_a_request_there_is_no_id() -> None:
    assert request_context.request_id() == "-"
