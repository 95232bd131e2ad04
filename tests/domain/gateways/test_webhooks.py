"""Webhooks to servers of others: how they are signed, and where they may go."""

import gzip
import socket
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Event, Thread
from typing import Any

import pytest

from domain.config import Settings, settings
from domain.gateways import webhooks
from domain.gateways.errors import GatewayRejected, GatewayRetryable, GatewayUnknown
from domain.gateways.webhooks import UrlNotAllowed, deliver, find_target, sign

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_signature_is_the_conventions_own_example() -> None:
    at = datetime.fromtimestamp(1614265330, UTC)

    found = sign(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}')

    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.fixture
def production() -> Settings:
    return replace(settings(), environment="production")


def answer_names_with(patch: pytest.MonkeyPatch, *addresses: str) -> None:
    def look_up(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in addresses]

    patch.setattr(socket, "getaddrinfo", look_up)


@pytest.mark.parametrize(
    "url",
    [
        "http://brand.example/points",
        "ftp://brand.example/points",
        "https://user:password@brand.example/",
        "https:///points",
        "https://brand.example:port/",
        "https://brand.example:22/",
        "https://brand.example:80/",
        "https://brand.example:6379/",
        "brand.example",
        "",
    ],
)
def test_only_https_without_a_login_is_allowed(production: Settings, url: str) -> None:
    with pytest.raises(UrlNotAllowed):
        find_target(url, production)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - an address not to be asked
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::7f00:1",
        "2002:7f00:1::",
        "2001::7f00:1",
        "::7f00:1",
        "::ffff:0:7f00:1",
        "fe80::1%eth0",
    ],
)
def test_no_host_of_our_own_network_is_asked(
    production: Settings, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    answer_names_with(monkeypatch, "93.184.216.34", address)

    with pytest.raises(UrlNotAllowed):
        find_target("https://brand.example/points", production)


def test_the_address_that_was_checked_is_the_one_connected_to(
    production: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_names_with(monkeypatch, "93.184.216.34")

    found = find_target("https://brand.example:8443/points?a=1#b", production)

    assert (found.url, found.host, found.header) == (
        "https://93.184.216.34:8443/points?a=1",
        "brand.example",
        "brand.example:8443",
    )


@contextmanager
def brand(*statuses: int, location: str | None = None) -> Iterator[tuple[str, list[Any]]]:
    """Run a brand's server that gives these answers; yields its URL and what it heard."""
    heard: list[Any] = []
    left = list(statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            heard.append((self.path, dict(self.headers), body))
            self.send_response(left.pop(0))
            if location is not None:
                self.send_header("location", location)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_port}/points", heard
    finally:
        server.shutdown()
        server.server_close()


def send(url: str) -> None:
    at = datetime.fromtimestamp(1614265330, UTC)
    deliver(url, secret=SECRET, message_id="m1", body={"points": 5}, at=at)


def test_message_is_posted_signed() -> None:
    with brand(204) as (url, heard):
        send(url)

    [(path, headers, body)] = heard
    at = datetime.fromtimestamp(1614265330, UTC)
    assert (path, body) == ("/points", b'{"points":5}')
    assert headers["webhook-id"] == "m1"
    assert headers["webhook-timestamp"] == "1614265330"
    assert headers["webhook-signature"] == sign(SECRET, "m1", at, body)
    assert headers["host"].startswith("localhost:")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (301, GatewayRejected),
        (400, GatewayRejected),
        (410, GatewayRejected),
        (408, GatewayRetryable),
        (429, GatewayRetryable),
        (500, GatewayUnknown),
        (503, GatewayUnknown),
    ],
)
def test_answers_are_sorted(status: int, error: type[Exception]) -> None:
    with brand(status, 200, location="/elsewhere") as (url, heard):
        with pytest.raises(error):
            send(url)
        assert len(heard) == 1


def test_silence_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        monkeypatch.setattr(webhooks, "CALL_SECONDS", 0.2)
        with pytest.raises(GatewayUnknown):
            send(f"http://127.0.0.1:{deaf.getsockname()[1]}/")
    with pytest.raises(GatewayUnknown):
        send("http://no-such-host.invalid/")


@contextmanager
def raw_brand(said: bytes, *, then_every_seconds: float) -> Iterator[str]:
    """Run a server that says this to one caller, then a byte every so often."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = Event()

        def serve() -> None:
            caller, _ = server.accept()
            with caller, suppress(OSError):
                caller.recv(65_536)
                caller.sendall(said)
                while not over.wait(then_every_seconds):
                    caller.sendall(b"x")

        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        over.set()
        thread.join(5)


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nx-slow: "])
def test_dripping_head_has_one_deadline(monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    monkeypatch.setattr(webhooks, "CALL_SECONDS", 1.0)
    began = time.monotonic()
    with raw_brand(said, then_every_seconds=0.2) as url, pytest.raises(GatewayUnknown):
        send(url)

    assert time.monotonic() - began < 2


def test_body_of_the_answer_is_not_waited_for() -> None:
    said = b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n"
    began = time.monotonic()
    with raw_brand(said, then_every_seconds=0.2) as url:
        send(url)
        took = time.monotonic() - began

    assert took < 1


def test_packed_answer_is_not_unpacked() -> None:
    packed = gzip.compress(bytes(100_000_000))
    said = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed)
    tracemalloc.start()
    with raw_brand(said + packed, then_every_seconds=1) as url:
        tracemalloc.reset_peak()
        send(url)
        _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 5_000_000


def test_only_plain_answers_are_asked_for() -> None:
    with brand(200) as (url, heard):
        send(url)

    assert heard[0][1]["accept-encoding"] == "identity"


def test_slow_resolver_has_the_same_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "CALL_SECONDS", 0.3)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(3))
    began = time.monotonic()

    with pytest.raises(GatewayUnknown):
        send("http://slow.example/")

    assert time.monotonic() - began < 2
