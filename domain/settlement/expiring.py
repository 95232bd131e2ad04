"""Expiring coupons, passes and points, and telling their holders some days before.

What has expired is breakage. Coupons and passes expire once. A lot of points may expire more often:
points that an order gives back after the lot's expiry come back into it, and expire again unless
the lot lives on. So the first expiry of a lot is posted under the lot, each later one under a use
that was given back since: the ledger takes each once, and per lot they add up to what has expired.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain import outbox
from domain.arrays import array
from domain.instruments.rules import InstrumentKind
from domain.ledger import posting
from domain.ledger.posting import BREAKAGE, POINTS_PAYABLE, Posting
from domain.settlement.spending import HOLDER_OF

ACTOR: Final = "settlement:expire"
WARNED_AHEAD: Final = timedelta(days=3)
"""How long before the end a shopper is told that something expires."""

_EXPIRE_INSTRUMENTS = text(
    """
    WITH due AS (
        SELECT merchant_id, id FROM instruments
        WHERE state = 'issued' AND expires_at <= :at
        ORDER BY expires_at LIMIT :limit
        FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE instruments n SET state = 'expired', moved_at = :at, moved_by = :actor
    FROM due WHERE n.merchant_id = due.merchant_id AND n.id = due.id
    RETURNING n.merchant_id, n.id, n.kind, n.value_fen
    """
)
_EXPIRE_LOTS = text(
    """
    WITH due AS (
        SELECT merchant_id, id, left_fen, expired_fen > 0 AS is_again FROM point_lots
        WHERE left_fen > 0 AND expires_at <= :at
        ORDER BY expires_at LIMIT :limit
        FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE point_lots l SET left_fen = 0, expired_fen = l.expired_fen + l.left_fen
    FROM due WHERE l.merchant_id = due.merchant_id AND l.id = due.id
    RETURNING l.merchant_id, l.id, due.left_fen, due.is_again
    """
)
_USES_GIVEN_BACK = text(
    """
    SELECT u.merchant_id, u.lot_id, max(u.id) AS use_id
    FROM point_uses u
    JOIN unnest(CAST(:merchants AS bigint[]), CAST(:ids AS bigint[])) AS t (m, i)
        ON u.merchant_id = t.m AND u.lot_id = t.i
    WHERE u.returned_at IS NOT NULL AND NOT EXISTS (
        SELECT FROM ledger_transactions e
        WHERE e.merchant_id = u.merchant_id AND e.kind = 'points.return_expired'
            AND e.ref_id = u.id)
    GROUP BY 1, 2
    """
)


def expire_instruments(session: Session, *, at: datetime, limit: int) -> int:
    """Expire coupons and passes whose validity is over; returns how many.

    Those that somebody else holds locked are left for the next time.
    """
    values = {"at": at, "limit": limit, "actor": ACTOR}
    expired = session.execute(_EXPIRE_INSTRUMENTS, values).all()
    postings = [
        Posting(
            row.merchant_id,
            "instrument.expired",
            row.id,
            HOLDER_OF[InstrumentKind(row.kind)],
            BREAKAGE,
            row.value_fen,
        )
        for row in expired
    ]
    posting.post(session, postings, at=at)
    return len(expired)


def expire_points(session: Session, *, at: datetime, limit: int) -> int:
    """Expire what is left of lots whose validity is over; returns how many lots.

    Those that somebody else holds locked are left for the next time.
    """
    expired = session.execute(_EXPIRE_LOTS, {"at": at, "limit": limit}).all()
    uses = _find_uses(session, [(row.merchant_id, row.id) for row in expired if row.is_again])
    postings = [
        Posting(
            row.merchant_id,
            "points.return_expired" if row.is_again else "points.expired",
            uses[row.merchant_id, row.id] if row.is_again else row.id,
            POINTS_PAYABLE,
            BREAKAGE,
            row.left_fen,
        )
        for row in expired
    ]
    posting.post(session, postings, at=at)
    return len(expired)


def _find_uses(session: Session, lots: Sequence[tuple[int, int]]) -> Mapping[tuple[int, int], int]:
    """Name a use of each locked lot that was given back, and under which nothing expired yet.

    There is one: after an expiry a lot is empty, and only what is given back fills it.
    """
    if not lots:
        return {}
    values = {"merchants": array(m for m, _ in lots), "ids": array(i for _, i in lots)}
    rows = session.execute(_USES_GIVEN_BACK, values)
    return {(row.merchant_id, row.lot_id): row.use_id for row in rows}


_WARN_INSTRUMENTS = text(
    """
    WITH due AS (
        SELECT merchant_id, id FROM instruments
        WHERE state = 'issued' AND warned_at IS NULL AND expires_at > :at AND expires_at <= :until
        ORDER BY expires_at LIMIT :limit
        FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE instruments n SET warned_at = :at
    FROM due WHERE n.merchant_id = due.merchant_id AND n.id = due.id
    RETURNING n.merchant_id, n.id, n.kind
    """
)
_WARN_LOTS = text(
    """
    WITH due AS (
        SELECT merchant_id, id FROM point_lots
        WHERE left_fen > 0 AND warned_at IS NULL AND expires_at > :at AND expires_at <= :until
        ORDER BY expires_at LIMIT :limit
        FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE point_lots l SET warned_at = :at
    FROM due WHERE l.merchant_id = due.merchant_id AND l.id = due.id
    RETURNING l.merchant_id, l.id, 'points' AS kind
    """
)


def warn_of_expiry(session: Session, *, at: datetime, limit: int) -> int:
    """Tell of coupons, passes and points that expire soon, each once; returns how many."""
    values = {"at": at, "until": at + WARNED_AHEAD, "limit": limit}
    warned = [
        row
        for statement in (_WARN_INSTRUMENTS, _WARN_LOTS)
        for row in session.execute(statement, values)
    ]
    facts = [outbox.NewFact(row.merchant_id, f"{row.kind}.expiring", row.id) for row in warned]
    outbox.emit(session, facts, at=at)
    return len(warned)
