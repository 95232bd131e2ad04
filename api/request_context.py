"""What a request says about itself: its id, language, client address, device, channel."""

import ipaddress
import re
import secrets
from collections.abc import Sequence

from flask import g, has_request_context, request

from domain.config import settings
from domain.texts import DEFAULT, LANGUAGES, Language

_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
LABEL = "[A-Za-z0-9_.:-]{1,64}"
_LABEL = re.compile(LABEL)


def request_id() -> str:
    """Return the request's id: the caller's X-Request-Id where it is well-formed, else our own."""
    if not has_request_context():
        return "-"
    if "request_id" not in g:
        given = request.headers.get("X-Request-Id", "")
        g.request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(12)
    return str(g.request_id)


def language() -> Language:
    """Return the language of the answer by Accept-Language; zh where neither is asked for."""
    if "language" not in g:
        g.language = request.accept_languages.best_match(LANGUAGES) or DEFAULT
    best: Language = g.language
    return best


def address_behind(
    remote: str | None, forwarded: Sequence[str], *, trusted_hops: int
) -> str | None:
    """Return the client's address: the entry that the outermost trusted proxy appended.

    Each trusted hop appends one entry to X-Forwarded-For; what stands before them is the client's
    own invention. With fewer entries than hops the peer itself is the client.
    """
    if trusted_hops == 0 or len(forwarded) < trusted_hops:
        return remote
    try:
        return str(ipaddress.ip_address(forwarded[-trusted_hops].strip()))
    except ValueError:
        return remote


def client_address() -> str | None:
    """Return the client's address, as far as the configured proxies vouch for it."""
    forwarded = [
        part for line in request.headers.getlist("X-Forwarded-For") for part in line.split(",")
    ]
    return address_behind(
        request.remote_addr, forwarded, trusted_hops=settings().trusted_proxy_hops
    )


def device() -> str | None:
    """Return X-Device-Id where it is well-formed."""
    return _label("X-Device-Id")


def channel() -> str | None:
    """Return X-Channel where it is well-formed."""
    return _label("X-Channel")


def _label(header: str) -> str | None:
    value = request.headers.get(header, "")
    return value if _LABEL.fullmatch(value) else None
