"""Idempotency keys: one effect and one answer per (caller, key), kept 48 hours.

The key is taken first with an advisory lock, so that a second request with it is told Busy instead
of waiting; the answer is stored in the effect's own transaction.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session
from sqlalchemy.sql import bindparam

from domain.errors import Busy, Conflict

KEPT = timedelta(hours=48)


class IdempotencyKeyReused(Conflict):
    """The key was used for another request."""


@dataclass(frozen=True, slots=True)
class RequestKey:
    """A caller's key for one request: `caller` is `shopper:7`, the hash covers path and body."""

    merchant_id: int
    caller: str
    key: str
    request_hash: bytes

    @classmethod
    def of(cls, merchant_id: int, caller: str, key: str, request: Any) -> "RequestKey":
        """Build the key of a request from what identifies it (path and body, as JSON values)."""
        canonical = json.dumps(request, sort_keys=True, ensure_ascii=False, default=str)
        return cls(merchant_id, caller, key, hashlib.sha256(canonical.encode()).digest())

    @property
    def lock_id(self) -> int:
        """Return the advisory lock's number: 64 bits of a hash, so a clash only means Busy."""
        name = f"{self.merchant_id}/{self.caller}/{self.key}"
        return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


_TAKE = text("SELECT * FROM take_idempotency_key(:merchant_id, :caller, :key, :lock_id)")
_STORE = text(
    """
    INSERT INTO idempotency_keys (merchant_id, caller, key, request_hash, status, body, created_at)
    VALUES (:merchant_id, :caller, :key, :request_hash, :status, :body, :at)
    """
).bindparams(bindparam("body", type_=JSONB))
_FORGET = text("DELETE FROM idempotency_keys WHERE created_at < :before")


def take(session: Session, key: RequestKey) -> dict[str, Any] | None:
    """Take a key for this transaction; returns the stored answer of an earlier request, if any.

    Raises Busy while another request holds it, IdempotencyKeyReused if it was for something else.
    """
    row = session.execute(
        _TAKE,
        {
            "merchant_id": key.merchant_id,
            "caller": key.caller,
            "key": key.key,
            "lock_id": key.lock_id,
        },
    ).one()
    return answer_of(key, row)


def answer_of(key: RequestKey, row: Row[Any]) -> dict[str, Any] | None:
    """Return an earlier answer to a key that a statement took on its way; raises as `take`.

    The row holds is_taken, stored_hash and stored_body.
    """
    if not row.is_taken:
        raise Busy("busy", "a request with this Idempotency-Key is running")
    if row.stored_hash is None:
        return None
    if bytes(row.stored_hash) != key.request_hash:
        raise IdempotencyKeyReused(field="Idempotency-Key")
    body: dict[str, Any] = row.stored_body
    return body


def store(
    session: Session, key: RequestKey, body: dict[str, Any], *, at: datetime, status: int = 201
) -> None:
    """Store the answer of a taken key."""
    session.execute(
        _STORE,
        {
            "merchant_id": key.merchant_id,
            "caller": key.caller,
            "key": key.key,
            "request_hash": key.request_hash,
            "status": status,
            "body": body,
            "at": at,
        },
    )


def forget_old(session: Session, *, at: datetime) -> None:
    """Delete keys that are older than 48 hours."""
    session.execute(_FORGET, {"before": at - KEPT})
