"""The Idempotency-Key header: required on every POST that touches money."""

import re
from typing import Any

from flask import request

from api.auth import ShopperCaller, StaffCaller
from domain.errors import Rejected
from domain.idempotency import RequestKey

_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


class IdempotencyKeyMissing(Rejected):
    """The request must carry an Idempotency-Key of 1 to 64 letters, digits, `_` or `-`."""


def request_key(caller: ShopperCaller | StaffCaller, body: Any = None) -> RequestKey:
    """Return the caller's key for this request (path and body). Raises IdempotencyKeyMissing."""
    key = request.headers.get("Idempotency-Key", "")
    if not _KEY.match(key):
        raise IdempotencyKeyMissing(field="Idempotency-Key")
    name = (
        f"shopper:{caller.shopper_id}"
        if isinstance(caller, ShopperCaller)
        else f"staff:{caller.staff_id}"
    )
    return RequestKey.of(caller.merchant_id, name, key, [request.path, body])
