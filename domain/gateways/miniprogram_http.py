"""One exchange with the mini-program's server API, and what its error codes mean.

An error is a 200 with `errcode`. A URL carries the secret or the token: no error keeps its cause.
"""

import atexit
import logging
import os
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import httpx

from domain.config import WEIXIN_OFFICIAL, Settings
from domain.errors import GatewayFailed
from domain.gateways import reading
from domain.gateways.errors import GatewayRejected, GatewayRetryable, GatewayUnknown
from domain.gateways.hosts import allowed_base_url

_CODE = re.compile(r"-?[0-9]{1,10}", re.ASCII)
_TIMEOUT = httpx.Timeout(10, connect=3)

TOKEN_ERRORS = frozenset({40001, 40014, 42001})
"""The access token is wrong, not the latest, or has run out: get another and ask again."""

_RETRYABLE = frozenset({44990, 45009, 45011})
"""Quotas: per call, per day, per minute."""

# The codes that the pages of the calls in use list, and that say it will not happen asked so.
_REJECTED = frozenset(
    {
        *(40002, 40003, 40013, 40029, 40037, 40097, 40125, 40163, 40164, 40165, 40169, 40212),
        *(41002, 41004, 41008, 41030, 43107, 47001, 47003, 48001, 61004, 85401),
        *(10060001, 10060002, 10060003, 10060004, 10060005, 10060006, 10060007, 10060008),
        *(10060009, 10060014, 10060020, 10060024, 10060025, 10060026, 10060031),
        *(268485194, 268485195, 268485196, 268485197, 268485216, 268485224),
        *(268485226, 268485227, 268485228),
    }
)

# They log whole URLs.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class Refusal(Exception):
    """An answer with an `errcode`; `failure` says which of the five classes it is."""

    def __init__(self, operation: str, code: int) -> None:
        self.operation = operation
        self.code = code
        super().__init__(f"{operation}: {code}")

    def failure(self) -> GatewayFailed:
        """Return the error it stands for; a code that is not listed is unknown."""
        if self.code in _RETRYABLE or self.code in TOKEN_ERRORS:
            return failed(GatewayRetryable, self.operation, str(self.code))
        if self.code in _REJECTED:
            return failed(GatewayRejected, self.operation, str(self.code))
        return failed(GatewayUnknown, self.operation, str(self.code))


def failed(kind: type[GatewayFailed], operation: str, what: str) -> GatewayFailed:
    """Build an error of a class."""
    return kind(message=f"{operation}: {what}", operation=operation, gateway_code=what)


def ask(
    operation: str,
    method: str,
    path: str,
    *,
    config: Settings,
    query: Mapping[str, str] | None = None,
    body: Mapping[str, Any] | None = None,
) -> Mapping[str, Any]:
    """Ask for JSON. Raises Refusal, or GatewayUnknown without a readable answer."""
    response = exchange(operation, method, path, config=config, query=query, body=body)
    return read_json(operation, response)


def exchange(
    operation: str,
    method: str,
    path: str,
    *,
    config: Settings,
    query: Mapping[str, str] | None = None,
    body: Mapping[str, Any] | None = None,
) -> httpx.Response:
    """Make one call. Raises GatewayUnknown without an answer of success by HTTP."""
    base_url = allowed_base_url(config.weixin_base_url, official=WEIXIN_OFFICIAL, config=config)
    try:
        response = _client(base_url, os.getpid()).request(method, path, params=query, json=body)
    except httpx.HTTPError as problem:
        raise failed(GatewayUnknown, operation, type(problem).__name__) from None
    if not response.is_success:
        raise failed(GatewayUnknown, operation, str(response.status_code))
    return response


def read_json(operation: str, response: httpx.Response) -> Mapping[str, Any]:
    """Read a JSON answer. Raises Refusal or GatewayUnknown."""
    try:
        body = response.json()
    except (ValueError, RecursionError) as problem:
        raise failed(GatewayUnknown, operation, type(problem).__name__) from None
    if not isinstance(body, dict):
        raise failed(GatewayUnknown, operation, "no object")
    code = _error_code(operation, body)
    if code:
        raise Refusal(operation, code)
    return body


def _error_code(operation: str, body: Mapping[str, Any]) -> int:
    """Read `errcode`, a number or its digits; a few codes are negative."""
    said = body.get("errcode") or 0
    if isinstance(said, str) and _CODE.fullmatch(said):
        said = int(said)
    if not isinstance(said, int) or isinstance(said, bool):
        raise failed(GatewayUnknown, operation, "errcode")
    return said


def read_text(operation: str, body: Mapping[str, Any], name: str) -> str:
    """Read a field that must be a text, or its number. Raises GatewayUnknown."""
    try:
        return reading.read_text(body, name)
    except reading.Malformed:
        raise failed(GatewayUnknown, operation, f"no {name}") from None


def read_whole(operation: str, body: Mapping[str, Any], name: str) -> int:
    """Read a whole number, or its digits. Raises GatewayUnknown."""
    try:
        return reading.read_whole(body, name)
    except reading.Malformed:
        raise failed(GatewayUnknown, operation, f"no {name}") from None


@lru_cache(maxsize=4)
def _client(base_url: str, _process: int) -> httpx.Client:
    """Keep connections alive per process: a forked child must not share its parent's sockets."""
    client = httpx.Client(base_url=base_url, timeout=_TIMEOUT, trust_env=False)
    atexit.register(client.close)
    return client
