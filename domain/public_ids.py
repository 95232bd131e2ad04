"""Public ids: what the outside sees instead of our bigints."""

import secrets

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
LENGTH = 20


def new_public_id() -> str:
    """Return 20 random base32 characters (100 bits): for URLs, share scenes, gateway numbers."""
    bits = secrets.randbits(5 * LENGTH)
    return "".join(ALPHABET[(bits >> (5 * i)) & 31] for i in range(LENGTH))
