"""Webhooks to servers of others: signed by the Standard Webhooks convention, to public hosts only.

A merchant names the URL, so that it must not reach into our own network: the host is looked up
once, must be public, and that very address is connected to (a name that answers otherwise the next
time gains nothing). Nothing is redirected. https://www.standardwebhooks.com/
"""

import base64
import hashlib
import hmac
import ipaddress
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from domain.config import Settings, settings
from domain.gateways.errors import GatewayRejected, GatewayRetryable, GatewayUnknown

SECRET_PREFIX = "whsec_"  # noqa: S105 - the convention's prefix, no secret
_TIMEOUT = httpx.Timeout(10, connect=3)
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
        _ = named.port
    except ValueError as error:
        raise UrlNotAllowed("not a URL") from error
    schemes = {"https"} | ({"http"} if config.environment == "development" else set())
    if named.scheme not in schemes or not named.hostname or "@" in named.netloc:
        raise UrlNotAllowed("not an https URL")


def find_target(url: str, config: Settings) -> Target:
    """Look up where a URL leads. Raises UrlNotAllowed, and OSError where the host is unknown."""
    check_url(url, config)
    named = urlsplit(url)
    host = named.hostname or ""
    port = named.port or (443 if named.scheme == "https" else 80)
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [_address(str(entry[4][0])) for entry in found]
    if config.environment != "development" and not all(
        a.is_global and not a.is_multicast for a in addresses
    ):
        raise UrlNotAllowed("not a public address")
    address = addresses[0]
    literal = f"[{address}]" if address.version == 6 else str(address)
    path = named._replace(scheme="", netloc="", fragment="").geturl() or "/"
    return Target(f"{named.scheme}://{literal}:{port}{path}", host, named.netloc)


def _address(found: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    address = ipaddress.ip_address(found)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def deliver(
    url: str, *, secret: str, message_id: str, body: Mapping[str, Any], at: datetime
) -> None:
    """Post a message until its server answers 2xx; repeats carry the same `webhook-id`.

    `at` is the real time of this attempt. Raises GatewayRejected where asking again is of no use,
    GatewayRetryable where the server has no time, GatewayUnknown where nobody knows.
    """
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    try:
        target = find_target(url, settings())
    except UrlNotAllowed as error:
        raise GatewayRejected(message=f"webhook: {error}", gateway_code=str(error)) from None
    except OSError as error:
        raise GatewayUnknown(message="webhook: host unknown", gateway_code="no host") from error
    headers = {
        "host": target.header,
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": sign(secret, message_id, at, content),
    }
    try:
        with httpx.Client(timeout=_TIMEOUT, trust_env=False) as client:
            answer = client.post(
                target.url,
                content=content,
                headers=headers,
                extensions={"sni_hostname": target.host},
            )
    except httpx.HTTPError as error:
        what = type(error).__name__
        raise GatewayUnknown(message=f"webhook: {what}", gateway_code=what) from None
    _read_status(answer.status_code)


def _read_status(status: int) -> None:
    if 200 <= status < 300:
        return
    kind: type[GatewayRejected | GatewayRetryable | GatewayUnknown] = GatewayUnknown
    if status in _ASKED_AGAIN:
        kind = GatewayRetryable
    elif 300 <= status < 500:
        kind = GatewayRejected
    raise kind(message=f"webhook: {status}", operation=_OPERATION, gateway_code=str(status))
