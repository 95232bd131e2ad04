"""The Idempotency-Key header: required on every POST that touches money."""

import re
from typing import Any

from flask import request

from api.auth import ShopperCaller, StaffCaller
from domain.errors import Rejected
from domain.idempotency import RequestKey

HEADER = "Idempotency-Key"
SHAPE = "[A-Za-z0-9_-]{1,64}"
_KEY = re.compile(SHAPE)


class IdempotencyKeyMissing(Rejected):
    """The request must carry an Idempotency-Key."""


class IdempotencyKeyMalformed(Rejected):
    """An Idempotency-Key has 1 to 64 letters, digits, `_` or `-`."""


def request_key(caller: ShopperCaller | StaffCaller, body: Any = None) -> RequestKey:
    """Return the caller's key for this request (path and body).

    Raises IdempotencyKeyMissing, IdempotencyKeyMalformed.
    """
    key = request.headers.get(HEADER, "")
    if not key:
        raise IdempotencyKeyMissing(field=HEADER)
    if not _KEY.fullmatch(key):
        raise IdempotencyKeyMalformed(field=HEADER)
    name = (
        f"shopper:{caller.shopper_id}"
        if isinstance(caller, ShopperCaller)
        else f"staff:{caller.staff_id}"
    )
    return RequestKey.of(caller.merchant_id, name, key, [request.path, body])
