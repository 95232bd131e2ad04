"""Reads of a shopper's inbox, and marking it seen.

A notice has no public id of its own: the outside sees a keyed digest of its key.
"""

import hashlib
import hmac
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from domain.config import settings
from domain.notices.telling import write_text
from domain.public_ids import ALPHABET, LENGTH
from domain.texts import Language

RESULTS: Final = ("group.formed", "group.failed")
_PARAMETERS: Final = (
    "order",
    "group",
    "title",
    "back",
    "refund_fen",
    "subsidy_fen",
    "subsidy_state",
    "subsidy_kind",
    "points",
    "threshold_fen",
    "kind",
    "outcome",
    "cut_by",
    "why",
    "amount_fen",
    "withdrawal",
    "advice",
    "instrument",
    "due_at",
    "expires_at",
)

Key = tuple[int, int]


@dataclass(frozen=True, slots=True)
class NoticeView:
    """A notice in a shopper's inbox; `key` without the number that makes it unique."""

    row_id: int
    id: str
    key: str
    parameters: dict[str, Any]
    created_at: datetime
    seen_at: datetime | None

    def text(self, language: Language) -> str:
        """Write the notice in a language."""
        return write_text(self.key, self.parameters, language)


_COLUMNS = "SELECT merchant_id, id, key, parameters, created_at, seen_at FROM notices"
_LIST = text(
    _COLUMNS
    + """
    WHERE merchant_id = :m AND shopper_id = :s
        AND (CAST(:below_id AS bigint) IS NULL OR id < :below_id)
    ORDER BY id DESC
    LIMIT :limit
    """
)
_RESULTS = text(
    _COLUMNS
    + """
    WHERE merchant_id = :m AND shopper_id = :s AND seen_at IS NULL AND key = ANY(:keys)
    ORDER BY id DESC
    LIMIT :limit
    """
)
_UNSEEN = text(
    "SELECT id FROM notices WHERE merchant_id = :m AND shopper_id = :s AND seen_at IS NULL"
)
_SEE = text(
    "UPDATE notices SET seen_at = :at WHERE merchant_id = :m AND id = ANY(:ids) AND seen_at IS NULL"
)


def public_id_of(notice: Key) -> str:
    """Return what the outside calls a notice: 100 bits of a keyed digest."""
    name = f"notice/{notice[0]}/{notice[1]}".encode()
    digest = hmac.digest(settings().sealing_key.encode(), name, hashlib.sha256)
    bits = int.from_bytes(digest, "big")
    return "".join(ALPHABET[(bits >> (5 * i)) & 31] for i in range(LENGTH))


def plain_key(key: str) -> str:
    """Return a notice's key without the number that makes it unique."""
    return key.rstrip("0123456789").rstrip(".")


def _view(row: Row[Any]) -> NoticeView:
    return NoticeView(
        row_id=row.id,
        id=public_id_of((row.merchant_id, row.id)),
        key=plain_key(row.key),
        parameters={k: row.parameters[k] for k in _PARAMETERS if k in row.parameters},
        created_at=row.created_at,
        seen_at=row.seen_at,
    )


def list_notices(
    session: Session, shopper: Key, *, below_id: int | None, limit: int
) -> list[NoticeView]:
    """List a shopper's notices, newest first."""
    values = {"m": shopper[0], "s": shopper[1], "below_id": below_id, "limit": limit}
    return [_view(row) for row in session.execute(_LIST, values)]


def list_unseen_results(session: Session, shopper: Key, *, limit: int) -> list[NoticeView]:
    """List the results of groups a shopper has not seen, newest first."""
    values = {"m": shopper[0], "s": shopper[1], "keys": list(RESULTS), "limit": limit}
    return [_view(row) for row in session.execute(_RESULTS, values)]


def mark_seen(session: Session, shopper: Key, ids: Collection[str], *, at: datetime) -> None:
    """Mark a shopper's notices seen; unknown ones and others' are ignored; may be repeated."""
    wanted = set(ids)
    unseen = session.execute(_UNSEEN, {"m": shopper[0], "s": shopper[1]}).scalars()
    found = [id_ for id_ in unseen if public_id_of((shopper[0], id_)) in wanted]
    if found:
        session.execute(_SEE, {"m": shopper[0], "ids": found, "at": at})
