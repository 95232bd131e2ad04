import pytest
from flask import Flask

from api import request_context
from domain.config import settings


@pytest.mark.parametrize(
    ("hops", "forwarded", "found"),
    [
        (0, ["1.1.1.1"], "9.9.9.9"),
        (1, [], "9.9.9.9"),
        (1, ["1.1.1.1"], "1.1.1.1"),
        (1, ["6.6.6.6", "1.1.1.1"], "1.1.1.1"),
        (2, ["6.6.6.6", "1.1.1.1", "10.0.0.1"], "1.1.1.1"),
        (2, ["1.1.1.1"], "9.9.9.9"),
        (1, ["not an address"], "9.9.9.9"),
        (1, [" 2001:DB8::1 "], "2001:db8::1"),
    ],
)
def test_only_what_trusted_hops_say_counts(hops: int, forwarded: list[str], found: str) -> None:
    assert request_context.address_behind("9.9.9.9", forwarded, trusted_hops=hops) == found


def test_repeated_headers_are_one_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINBU_PROXY_HOPS", "1")
    settings.cache_clear()
    try:
        with Flask("x").test_request_context(
            headers=[("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-For", "7.7.7.7, 1.1.1.1")]
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
