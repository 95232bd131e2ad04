"""Public ids: what the outside sees instead of our bigints."""

import base64
import secrets

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
LENGTH = 20

_BYTES = 13
_FROM_RFC_4648 = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", ALPHABET.encode())


def new_public_id() -> str:
    """Return 20 random base32 characters (100 bits): for URLs, share scenes, gateway numbers."""
    return base64.b32encode(secrets.token_bytes(_BYTES)).translate(_FROM_RFC_4648)[:LENGTH].decode()
