"""Who is calling, and which role: shoppers by a signed token, staff by an opaque one."""

import hashlib
import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

import jwt
from flask import g, request

from api import request_context
from domain import clock
from domain.config import settings
from domain.database import reading
from domain.errors import Unauthenticated
from domain.merchants.auditing import StaffActor
from domain.merchants.errors import AppNotFound, RoleTooLow, SessionEnded
from domain.merchants.queries import find_app, find_staff_of_token
from domain.merchants.rules import Role

logger = logging.getLogger(__name__)

ACCESS_TOKEN_LIFE = timedelta(minutes=30)
_ALGORITHM = "HS256"
_AUDIENCE = "shopper"
_DEVICE_AUDIENCE = "staff-device"
DEVICE_TOKEN_LIFE = timedelta(days=180)


@dataclass(frozen=True, slots=True)
class ShopperCaller:
    """A signed-in shopper, and where the request came from."""

    merchant_id: int
    shopper_id: int
    client_address: str | None
    device: str | None
    channel: str | None

    @property
    def key(self) -> tuple[int, int]:
        """Return (merchant_id, shopper_id)."""
        return (self.merchant_id, self.shopper_id)


@dataclass(frozen=True, slots=True)
class StaffCaller:
    """A signed-in member of staff."""

    merchant_id: int
    staff_id: int
    role: Role
    public_id: str
    name: str
    merchant_public_id: str
    merchant_name: str
    client_address: str | None

    @property
    def actor(self) -> StaffActor:
        """Return who acts, for state moves and the audit log."""
        return StaffActor(self.merchant_id, self.staff_id, self.role, self.client_address)


def issue_access_token(merchant_id: int, shopper_id: int) -> tuple[str, datetime]:
    """Sign an access token; returns it with the (real) instant it runs out."""
    issued_at = clock.real_now().replace(microsecond=0)
    expires_at = issued_at + ACCESS_TOKEN_LIFE
    claims = {
        "aud": _AUDIENCE,
        "mid": merchant_id,
        "sub": str(shopper_id),
        "iat": issued_at,
        "exp": expires_at,
    }
    return jwt.encode(claims, settings().token_key, algorithm=_ALGORITHM), expires_at


def issue_device_token(login: str, device: str | None) -> str:
    """Sign what a device shows at its next sign-in: that this login has signed in on it before."""
    issued_at = clock.real_now().replace(microsecond=0)
    claims = {
        "aud": _DEVICE_AUDIENCE,
        "sub": hashlib.sha256(login.encode()).hexdigest(),
        "jti": device or secrets.token_hex(12),
        "iat": issued_at,
        "exp": issued_at + DEVICE_TOKEN_LIFE,
    }
    return jwt.encode(claims, settings().token_key, algorithm=_ALGORITHM)


def device_of(token: str | None, login: str) -> str | None:
    """Return the device that a token names, if it is one of this login; any other is unknown."""
    if not token:
        return None
    try:
        claims = jwt.decode(
            token,
            settings().token_key,
            algorithms=[_ALGORITHM],
            audience=_DEVICE_AUDIENCE,
            options={"require": ["aud", "sub", "jti", "iat", "exp"]},
        )
    except jwt.PyJWTError:
        return None
    is_of_login = claims["sub"] == hashlib.sha256(login.encode()).hexdigest()
    return str(claims["jti"]) if is_of_login else None


def _bearer() -> str | None:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    return token if kind.lower() == "bearer" and token else None


def _read_access_token(token: str) -> ShopperCaller:
    try:
        claims = jwt.decode(
            token,
            settings().token_key,
            algorithms=[_ALGORITHM],
            audience=_AUDIENCE,
            options={"require": ["aud", "mid", "sub", "iat", "exp"]},
        )
        merchant_id, shopper_id = int(claims["mid"]), int(claims["sub"])
    except jwt.ExpiredSignatureError as error:
        raise SessionEnded from error
    except (jwt.PyJWTError, TypeError, ValueError) as error:
        raise Unauthenticated from error
    return ShopperCaller(
        merchant_id,
        shopper_id,
        request_context.client_address(),
        request_context.device(),
        request_context.channel(),
    )


def require_shopper() -> ShopperCaller:
    """Return the calling shopper. Raises Unauthenticated, SessionEnded."""
    if "shopper_caller" not in g:
        token = _bearer()
        if token is None:
            raise Unauthenticated
        g.shopper_caller = _read_access_token(token)
    caller: ShopperCaller = g.shopper_caller
    return caller


def optional_shopper() -> ShopperCaller | None:
    """Return the calling shopper, or None where no token was sent; a bad token is still refused."""
    return None if _bearer() is None else require_shopper()


def require_merchant_of_shopper() -> int:
    """Return the merchant whose mall is looked at: by the shopper's token, else by X-App-Id."""
    caller = optional_shopper()
    if caller is not None:
        return caller.merchant_id
    app_id = request.headers.get("X-App-Id")
    if not app_id:
        raise Unauthenticated
    return _merchant_of_app(app_id)


@lru_cache(maxsize=1024)
def _merchant_of_app(app_id: str) -> int:
    try:
        with reading() as session:
            return find_app(session, app_id).merchant_id
    except AppNotFound as error:
        raise AppNotFound(field="X-App-Id") from error


def require_staff(role: Role = Role.VIEWER) -> StaffCaller:
    """Return the calling member of staff, of this role or a higher one.

    The token is looked up at each request. Raises Unauthenticated, SessionEnded, RoleTooLow.
    """
    if "staff_caller" not in g:
        token = _bearer()
        if token is None:
            raise Unauthenticated
        with reading() as session:
            found = find_staff_of_token(session, token, now=clock.real_now())
        if found is None:
            raise SessionEnded
        g.staff_caller = StaffCaller(
            merchant_id=found.merchant_id,
            staff_id=found.staff_id,
            role=Role(found.role),
            public_id=found.public_id,
            name=found.name,
            merchant_public_id=found.merchant_public_id,
            merchant_name=found.merchant_name,
            client_address=request_context.client_address(),
        )
    caller: StaffCaller = g.staff_caller
    if not caller.role.is_at_least(role):
        logger.warning("role too low", extra={"role": caller.role.value, "required": role.value})
        raise RoleTooLow(required=role.value)
    return caller


def bearer_token() -> str:
    """Return the token the request came with. Raises Unauthenticated."""
    token = _bearer()
    if token is None:
        raise Unauthenticated
    return token
