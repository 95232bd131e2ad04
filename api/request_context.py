"""What a request says about itself: its id, language, client address, device, channel."""

import re
import secrets

from flask import g, has_request_context, request

from domain.addresses import address_behind
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


def client_address() -> str | None:
    """Return the client's address, as far as the trusted proxies vouch for it."""
    forwarded = [
        part for line in request.headers.getlist("X-Forwarded-For") for part in line.split(",")
    ]
    return address_behind(request.remote_addr, forwarded, trusted=settings().trusted_proxies)


def device() -> str | None:
    """Return X-Device-Id where it is well-formed."""
    return _label("X-Device-Id")


def channel() -> str | None:
    """Return X-Channel where it is well-formed."""
    return _label("X-Channel")


def _label(header: str) -> str | None:
    value = request.headers.get(header, "")
    return value if _LABEL.fullmatch(value) else None
