"""Drawing random amounts: a keyed hash of the order, so that a repeat gives the same.

Only who has the key can tell an amount beforehand; who has it can audit every one of them.
"""

import hashlib
import hmac

from domain.config import settings

PURPOSE = b"pinbu:draw:"


def draw(order_id: str, *, least: int, most: int, step: int = 1) -> int:
    """Draw a whole number of steps, uniform over [least, most], for an order (public id).

    256 bits of HMAC-SHA256 over so few values are uniform but for less than 2^-200.
    """
    if least > most or step < 1 or (most - least) % step:
        raise ValueError("an empty range, or one that is not whole steps")
    key = settings().sealing_key.encode()
    digest = hmac.digest(key, PURPOSE + order_id.encode(), hashlib.sha256)
    return least + int.from_bytes(digest) % ((most - least) // step + 1) * step
