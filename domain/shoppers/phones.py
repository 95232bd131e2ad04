"""Shoppers' telephone numbers: sealed at rest, found by a keyed hash, shown masked.

The number comes from WeChat, so it is the shopper's own; in one mini-program it is one shopper's.
"""

import hashlib
import hmac
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.config import settings
from domain.sealing import seal, unseal
from domain.shoppers.errors import PhoneTaken

PURPOSE = "phone"

Key = tuple[int, int]

_BIND = text(
    """
    UPDATE shoppers SET phone_sealed = :sealed, phone_hash = :hash
    WHERE merchant_id = :merchant_id AND id = :id
    """
)
_APP = text("SELECT app_id FROM shoppers WHERE merchant_id = :merchant_id AND id = :id")
_FIND = text(
    """
    SELECT id FROM shoppers
    WHERE merchant_id = :merchant_id AND app_id = :app_id AND phone_hash = :hash
    """
)


def hash_phone(merchant_id: int, phone: str) -> bytes:
    """Return what a number is found by: numbers are few, so only a keyed hash hides them."""
    name = f"phone/{merchant_id}/{phone}".encode()
    return hmac.digest(settings().sealing_key.encode(), name, hashlib.sha256)


def mask_phone(phone: str) -> str:
    """Show a number: its first three signs and last four digits; a home number without `+86`."""
    shown = phone.removeprefix("+86")
    return f"{shown[:3]}****{shown[-4:]}"


def read_phone(sealed: bytes | None) -> str | None:
    """Open a sealed number, if there is one."""
    if sealed is None:
        return None
    phone: Any = unseal(sealed, purpose=PURPOSE)
    return str(phone)


def find_app_id(session: Session, shopper: Key) -> str:
    """Return the mini-program a shopper is of."""
    found: str = session.execute(_APP, {"merchant_id": shopper[0], "id": shopper[1]}).scalar_one()
    return found


def find_by_phone(session: Session, merchant_id: int, app_id: str, phone: str) -> int | None:
    """Return the inner id of the shopper whose number it is in a mini-program."""
    values = {
        "merchant_id": merchant_id,
        "app_id": app_id,
        "hash": hash_phone(merchant_id, phone),
    }
    found: int | None = session.execute(_FIND, values).scalar_one_or_none()
    return found


def bind_phone(session: Session, shopper: Key, phone: str) -> None:
    """Keep a shopper's number (`+`, country, digits), in place of an earlier one.

    May be repeated. Raises PhoneTaken where it is another shopper's of the same mini-program.
    """
    merchant_id, shopper_id = shopper
    app_id = find_app_id(session, shopper)
    owner = find_by_phone(session, merchant_id, app_id, phone)
    if owner not in {None, shopper_id}:
        raise PhoneTaken
    values = {
        "merchant_id": merchant_id,
        "id": shopper_id,
        "sealed": seal(phone, purpose=PURPOSE),
        "hash": hash_phone(merchant_id, phone),
    }
    session.execute(_BIND, values)
