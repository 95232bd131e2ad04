"""Webhooks to servers of others: signed by the Standard Webhooks convention, to public hosts only.

A merchant names the URL, so that it must not reach into our own network: the host is looked up
once, must be public, and that very address is connected to (a name that answers otherwise the next
time gains nothing). Nothing is redirected. A call has one deadline, from the look-up of the host to
the status of the answer. Nothing more of the answer is read. https://www.standardwebhooks.com/
"""

import base64
import hashlib
import hmac
import json
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import httpcore

from domain.addresses import Address, is_public, read_address
from domain.config import Settings, settings
from domain.gateways.errors import GatewayRejected, GatewayRetryable, GatewayUnknown

WEB_PORTS = frozenset({None, 443, 8443})
"""Ports a brand may listen on in production: no other service is to be spoken to."""

SECRET_PREFIX = "whsec_"  # noqa: S105 - the convention's prefix, no secret
CALL_SECONDS = 10.0
"""What a whole call may take, however slowly its server answers."""

_ASKED_AGAIN = frozenset({408, 425, 429})
_OPERATION = "webhook"


class UrlNotAllowed(ValueError):
    """The URL is not https of a public host."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a webhook goes: the URL with its host's address, and the host it is for."""

    url: str
    host: str
    header: str


def sign(secret: str, message_id: str, at: datetime, body: bytes) -> str:
    """Return the signature header of a body: `v1,` and base64 of HMAC-SHA256.

    The secret is base64 behind `whsec_`.
    """
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = f"{message_id}.{int(at.timestamp())}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def check_url(url: str, config: Settings) -> None:
    """Raise UrlNotAllowed unless a URL is https without a login; in development http will do."""
    try:
        named = urlsplit(url)
        port = named.port
    except ValueError as error:
        raise UrlNotAllowed("not a URL") from error
    if config.environment != "development" and port not in WEB_PORTS:
        raise UrlNotAllowed("not a port of the web")
    schemes = {"https"} | ({"http"} if config.environment == "development" else set())
    if named.scheme not in schemes or not named.hostname or "@" in named.netloc:
        raise UrlNotAllowed("not an https URL")


def find_target(url: str, config: Settings, *, seconds: float = CALL_SECONDS) -> Target:
    """Look up where a URL leads. Raises UrlNotAllowed, and OSError where the host is unknown."""
    check_url(url, config)
    named = urlsplit(url)
    host = named.hostname or ""
    port = named.port or (443 if named.scheme == "https" else 80)
    addresses = [_address(found) for found in _look_up(host, port, seconds)]
    if config.environment != "development" and not all(is_public(a) for a in addresses):
        raise UrlNotAllowed("not a public address")
    address = addresses[0]
    literal = f"[{address}]" if address.version == 6 else str(address)
    path = named._replace(scheme="", netloc="", fragment="").geturl() or "/"
    return Target(f"{named.scheme}://{literal}:{port}{path}", host, named.netloc)


def _look_up(host: str, port: int, seconds: float) -> list[str]:
    """Look a host up within a time; a resolver that takes longer is left behind in its thread."""
    found: Future[list[str]] = Future()

    def look_up() -> None:
        try:
            entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.set_result([str(entry[4][0]) for entry in entries])
        except Exception as error:
            found.set_exception(error)

    Thread(target=look_up, daemon=True).start()
    return found.result(seconds)


def _address(found: str) -> Address:
    address = read_address(found)
    if address is None:
        raise UrlNotAllowed("not an address")
    return address


def deliver(
    url: str, *, secret: str, message_id: str, body: Mapping[str, Any], at: datetime
) -> None:
    """Post a message until its server answers 2xx; repeats carry the same `webhook-id`.

    `at` is the real time of this attempt. Raises GatewayRejected where asking again is of no use,
    GatewayRetryable where the server has no time, GatewayUnknown where nobody knows.
    """
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    until = time.monotonic() + CALL_SECONDS
    try:
        target = find_target(url, settings(), seconds=CALL_SECONDS)
    except UrlNotAllowed as error:
        raise GatewayRejected(message=f"webhook: {error}", gateway_code=str(error)) from None
    except (OSError, UnicodeError) as error:
        raise GatewayUnknown(message="webhook: host unknown", gateway_code="no host") from error
    headers = {
        "host": target.header,
        "connection": "close",
        "accept-encoding": "identity",
        "content-type": "application/json",
        "content-length": str(len(content)),
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": sign(secret, message_id, at, content),
    }
    try:
        status = _post(target, headers, content, until)
    except (*_UNHEARD, OSError) as error:
        what = type(error).__name__
        raise GatewayUnknown(message=f"webhook: {what}", gateway_code=what) from None
    _read_status(status)


_UNHEARD = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ConnectionNotAvailable,
)


def _post(target: Target, headers: Mapping[str, str], content: bytes, until: float) -> int:
    """Post once and return the status; the rest of the answer is left unread."""
    extensions = {"sni_hostname": target.host}
    with (
        httpcore.ConnectionPool(
            ssl_context=_trust(), http2=False, network_backend=_Deadline(until)
        ) as pool,
        pool.stream(
            "POST",
            target.url,
            headers=list(headers.items()),
            content=content,
            extensions=extensions,
        ) as answer,
    ):
        return int(answer.status)


@cache
def _trust() -> ssl.SSLContext:
    """Return whom this process believes: loaded once, since that takes a while."""
    return httpcore.default_ssl_context()


class _Deadline(httpcore.NetworkBackend):
    """Connections whose every step has what is left until one instant of the monotonic clock."""

    def __init__(self, until: float) -> None:
        self._until = until

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect."""
        left = _left(self._until, timeout)
        backend = httpcore.SyncBackend()
        stream = backend.connect_tcp(host, port, left, local_address, socket_options)
        return _Timed(stream, self._until)


class _Timed(httpcore.NetworkStream):
    """A connection that ends at an instant of the monotonic clock."""

    def __init__(self, stream: httpcore.NetworkStream, until: float) -> None:
        self._stream = stream
        self._until = until

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what has come."""
        return self._stream.read(max_bytes, _left(self._until, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all."""
        self._stream.write(buffer, _left(self._until, timeout))

    def close(self) -> None:
        """Close."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """Begin TLS."""
        left = _left(self._until, timeout)
        return _Timed(self._stream.start_tls(ssl_context, server_hostname, left), self._until)

    def get_extra_info(self, info: str) -> Any:
        """Say what httpcore asks of a connection."""
        return self._stream.get_extra_info(info)


def _left(until: float, timeout: float | None) -> float:
    """Return the seconds left, or fewer where the caller wants fewer. Raises ReadTimeout."""
    left = until - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout
    return left if timeout is None else min(left, timeout)


def _read_status(status: int) -> None:
    if 200 <= status < 300:
        return
    kind: type[GatewayRejected | GatewayRetryable | GatewayUnknown] = GatewayUnknown
    if status in _ASKED_AGAIN:
        kind = GatewayRetryable
    elif 300 <= status < 500:
        kind = GatewayRejected
    raise kind(message=f"webhook: {status}", operation=_OPERATION, gateway_code=str(status))
