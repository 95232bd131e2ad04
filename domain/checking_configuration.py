"""What is wrong with this process's environment: one sentence for each fault, before it serves."""

import base64
import binascii
import ipaddress
import os
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import urlsplit

from domain.config import ALIPAY_OFFICIAL, WECHATPAY_OFFICIAL, WEIXIN_OFFICIAL

_KEY_BYTES = 32
_FEWEST_DIFFERENT_BYTES = 12
"""Of 32 random bytes some 30 differ; a key with so few was typed, not drawn."""

_DATABASES = {
    "api": ("DATABASE_URL", "MERCHANT_DATABASE_URL"),
    "jobs": ("DATABASE_URL",),
}
_KEYS = {
    "api": ("PINBU_TOKEN_KEY", "PINBU_SEALING_KEY"),
    "jobs": ("PINBU_SEALING_KEY",),
}
_OFFICIAL = {
    "WECHATPAY_BASE_URL": WECHATPAY_OFFICIAL,
    "WEIXIN_BASE_URL": WEIXIN_OFFICIAL,
    "ALIPAY_BASE_URL": ALIPAY_OFFICIAL,
}
_NUMBERS = {
    "PINBU_DATABASE_POOL": 1,
    "PINBU_API_THREADS": 1,
    "PINBU_BODY_SECONDS": 1,
    "PINBU_REFUNDS_PER_SECOND": 1,
    "PINBU_TRANSFERS_PER_SECOND": 1,
    "PINBU_SETTLE_AT_ONCE": 0,
    "PINBU_SIGN_INS_PER_MINUTE": 1,
    "PINBU_ORDERS_PER_MINUTE": 1,
    "PINBU_VISITS_PER_MINUTE": 1,
    "PINBU_PHONES_PER_HOUR": 1,
    "PINBU_SHARE_CODES_PER_MINUTE": 1,
    "PINBU_SHARE_LINKS_PER_HOUR": 1,
    "PINBU_PASSWORD_ATTEMPTS": 1,
    "PINBU_PASSWORD_ATTEMPTS_PER_ADDRESS": 1,
    "PINBU_PASSWORD_ATTEMPTS_PER_LOGIN": 1,
    "PINBU_PASSWORD_WINDOW_SECONDS": 1,
}

Environ = Mapping[str, str]


class ConfigurationFaulty(RuntimeError):
    """The environment is not one to serve with; the message has a line for each fault."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def check_configuration(process: str, env: Environ = os.environ) -> None:
    """Check the environment of a process, `api` or `jobs`. Raises ConfigurationFaulty."""
    faults = find_faults(process, env)
    if faults:
        raise ConfigurationFaulty(faults)


def find_faults(process: str, env: Environ) -> list[str]:
    """Return a sentence for each fault; none where the process may start."""
    checks: tuple[Callable[[str, Environ], Iterator[str]], ...] = (
        _of_mode,
        _of_databases,
        _of_keys,
        _of_hosts,
        _of_numbers,
        _of_proxies,
    )
    return [fault for check in checks for fault in check(process, env)]


def _of_mode(_: str, env: Environ) -> Iterator[str]:
    mode = env.get("PINBU_ENV", "production")
    if mode not in {"development", "production"}:
        yield f"PINBU_ENV is {mode!r}: it must be development or production."


def _of_databases(process: str, env: Environ) -> Iterator[str]:
    for name in _DATABASES[process]:
        given = env.get(name, "")
        if not given:
            yield f"{name} is not set: it must be the address of a PostgreSQL database."
        elif not given.startswith("postgresql+psycopg://"):
            yield f"{name} must begin with postgresql+psycopg://."
    if process == "jobs":
        scheme = urlsplit(env.get("REDIS_URL", "redis://127.0.0.1:6379/0")).scheme
        if scheme not in {"redis", "rediss", "unix"}:
            yield "REDIS_URL must begin with redis://, rediss:// or unix://."


def _of_keys(process: str, env: Environ) -> Iterator[str]:
    for name in _KEYS[process]:
        given = env.get(name, "")
        if not given:
            yield f"{name} is not set: it must be {_KEY_BYTES} bytes in url-safe base64."
            continue
        try:
            raw = base64.b64decode(given, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        if len(raw) != _KEY_BYTES:
            yield f"{name} must be {_KEY_BYTES} bytes in url-safe base64."
        elif len(set(raw)) < _FEWEST_DIFFERENT_BYTES:
            yield f"{name} is no random key: too many of its bytes are the same."
    keys = [env.get(name) for name in _KEYS["api"]]
    if process == "api" and keys[0] and keys[0] == keys[1]:
        yield "PINBU_TOKEN_KEY and PINBU_SEALING_KEY must be two keys."


def _of_hosts(_: str, env: Environ) -> Iterator[str]:
    if env.get("PINBU_ENV") == "development":
        return
    for name, official in _OFFICIAL.items():
        if env.get(name, official).rstrip("/") != official:
            yield f"{name} must be {official} in production: unset it."
    if "SANDBOX_CONTROL_URL" in env:
        yield "SANDBOX_CONTROL_URL is set, and there is no sandbox in production: unset it."
    public = urlsplit(env.get("PUBLIC_BASE_URL", ""))
    if public.scheme != "https" or not public.hostname:
        yield "PUBLIC_BASE_URL must be the https address at which gateways reach the API."


def _of_numbers(_: str, env: Environ) -> Iterator[str]:
    for name, least in _NUMBERS.items():
        given = env.get(name)
        if given is not None and not (
            given.isascii() and given.isdecimal() and int(given) >= least
        ):
            yield f"{name} is {given!r}: it must be a whole number, {least} or more."


def _of_proxies(_: str, env: Environ) -> Iterator[str]:
    if "PINBU_PROXY_HOPS" in env:
        yield "PINBU_PROXY_HOPS is no more: name the proxies' networks in PINBU_TRUSTED_PROXIES."
    for written in filter(None, map(str.strip, env.get("PINBU_TRUSTED_PROXIES", "").split(","))):
        try:
            network = ipaddress.ip_network(written)
        except ValueError:
            yield f"PINBU_TRUSTED_PROXIES names {written!r}, which is no network."
            continue
        if network.prefixlen == 0:
            yield f"PINBU_TRUSTED_PROXIES must not be {written}: that trusts everybody."
