"""The mini-program's server API: who is logging in."""

import atexit
import logging
import os
from functools import lru_cache

import httpx

from domain.config import WEIXIN_OFFICIAL, Settings, settings
from domain.errors import GatewayFailed
from domain.gateways.errors import (
    GatewayRejected,
    GatewayRetryable,
    GatewayUnknown,
    LoginCodeRefused,
)
from domain.gateways.hosts import allowed_base_url

_TIMEOUT = httpx.Timeout(10, connect=3)
_CODE_UNKNOWN, _CODE_USED = 40029, 40163
_BUSY, _QUOTA = -1, 45011

# They log whole URLs, and this one carries the app's secret and the shopper's code.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


def code2session(app_id: str, secret: str, code: str, *, config: Settings | None = None) -> str:
    """Trade a login code for the shopper's openid; the session key goes no further than here.

    A code works once. Raises LoginCodeRefused, GatewayUnknown (no answer: log in again),
    GatewayRetryable (quota) or GatewayRejected (app id or secret).
    """
    config = config or settings()
    base_url = allowed_base_url(config.weixin_base_url, official=WEIXIN_OFFICIAL, config=config)
    parameters = {
        "appid": app_id,
        "secret": secret,
        "js_code": code,
        "grant_type": "authorization_code",
    }
    try:
        response = _client(base_url, os.getpid()).get("/sns/jscode2session", params=parameters)
        body = response.json()
    except (httpx.HTTPError, ValueError) as problem:
        # The cause would carry the URL, and with it the secret.
        raise _failed(GatewayUnknown, type(problem).__name__) from None
    if not isinstance(body, dict) or not response.is_success:
        raise _failed(GatewayUnknown, str(response.status_code))
    if body.get("errcode"):
        raise _refusal(body["errcode"])
    openid = body.get("openid")
    if not isinstance(openid, str) or not openid:
        raise _failed(GatewayUnknown, "no openid")
    return openid


@lru_cache(maxsize=4)
def _client(base_url: str, _process: int) -> httpx.Client:
    """Keep connections alive per process: a forked child must not share its parent's sockets."""
    client = httpx.Client(base_url=base_url, timeout=_TIMEOUT, trust_env=False)
    atexit.register(client.close)
    return client


def _refusal(errcode: object) -> Exception:
    if errcode in {_CODE_UNKNOWN, _CODE_USED}:
        return LoginCodeRefused(message=f"code2session: {errcode}")
    if errcode == _BUSY:
        return _failed(GatewayUnknown, str(errcode))
    if errcode == _QUOTA:
        return _failed(GatewayRetryable, str(errcode))
    return _failed(GatewayRejected, str(errcode))


def _failed(kind: type[GatewayFailed], what: str) -> GatewayFailed:
    return kind(message=f"code2session: {what}", operation="code2session", gateway_code=what)
