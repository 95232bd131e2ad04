"""Secrets and personal data at rest: AES-256-GCM under a key from the environment."""

import base64
import json
import secrets
from functools import cache
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.config import settings

_NONCE_BYTES = 12


@cache
def _cipher(key: str) -> AESGCM:
    raw = base64.urlsafe_b64decode(key)
    if len(raw) != 32:
        raise ValueError("PINBU_SEALING_KEY must be url-safe base64 of 32 bytes")
    return AESGCM(raw)


def seal(value: Any, *, purpose: str) -> bytes:
    """Encrypt a JSON value; it can only be opened for the same purpose."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    plain = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return nonce + _cipher(settings().sealing_key).encrypt(nonce, plain, purpose.encode())


def unseal(sealed: bytes, *, purpose: str) -> Any:
    """Decrypt what `seal` made. Raises cryptography's InvalidTag on a wrong key or purpose."""
    nonce, body = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    return json.loads(_cipher(settings().sealing_key).decrypt(nonce, body, purpose.encode()))


def opens(sealed: bytes, *, purpose: str) -> bool:
    """Say whether this process's key opens what `seal` made."""
    try:
        unseal(sealed, purpose=purpose)
    except InvalidTag:
        return False
    return True
