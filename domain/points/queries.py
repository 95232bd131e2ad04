"""Reads of a shopper's points: what they are worth, the lots they expire with, their history.

Amounts are fen at face value; a view of them as points is made by what a point is worth now. An
entry has no public id of its own: the outside sees a keyed digest of its key.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from domain.config import settings
from domain.points.rules import points_of
from domain.public_ids import ALPHABET, LENGTH
from domain.texts import Language
from domain.texts import text as text_of

Key = tuple[int, int]


@dataclass(frozen=True, slots=True)
class LotView:
    """Points that were issued together, as far as they are left; they expire together."""

    id: str
    value_fen: int
    left_fen: int
    points: int
    source: str
    subsidy_id: str | None
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class PointsView:
    """A shopper's usable points: how many, worth how much, in which lots, first to expire first."""

    points: int
    worth_fen: int
    points_per_yuan: int
    lots: tuple[LotView, ...]


@dataclass(frozen=True, slots=True)
class PointsEntry:
    """One movement of points: what it was, fen and points (+ in, - out), fen left after it.

    `key` (instant, rank, number) orders entries. `order_id` and `subsidy_id` are public.
    """

    key: tuple[datetime, int, int]
    id: str
    kind: str
    amount_fen: int
    points: int
    balance_after_fen: int
    order_id: str | None
    subsidy_id: str | None
    at: datetime

    def text(self, language: Language) -> str:
        """Say what it was."""
        return text_of(f"points.{self.kind}", language)


_WORTH = """
    coalesce((SELECT m.points_per_yuan FROM merchant_settings m
        WHERE m.merchant_id = :merchant_id), 100)::bigint AS points_per_yuan
"""
_PER_YUAN = text(f"SELECT {_WORTH}")
_LOTS = text(
    """
    SELECT l.public_id AS id, l.value_fen, l.left_fen, l.source, g.public_id AS subsidy_id,
        l.issued_at, l.expires_at
    FROM point_lots l
    LEFT JOIN grants g ON l.source = 'grant' AND g.merchant_id = l.merchant_id
        AND g.id = l.source_id
    WHERE l.merchant_id = :merchant_id AND l.shopper_id = :shopper_id AND l.left_fen > 0
        AND l.expires_at > :at
    ORDER BY l.expires_at, l.id
    """
)


def read_points(session: Session, shopper: Key, *, at: datetime) -> PointsView:
    """Return the points that a shopper may spend."""
    values = {"merchant_id": shopper[0], "shopper_id": shopper[1], "at": at}
    per_yuan = session.execute(_PER_YUAN, values).scalar_one()
    lots = tuple(
        LotView(**row, points=points_of(row["left_fen"], per_yuan))
        for row in session.execute(_LOTS, values).mappings()
    )
    worth_fen = sum(lot.left_fen for lot in lots)
    return PointsView(points_of(worth_fen, per_yuan), worth_fen, per_yuan, lots)


_ENTRIES = text(
    f"""
    WITH lots AS (
        SELECT merchant_id, id, source, source_id, value_fen, issued_at FROM point_lots
        WHERE merchant_id = :merchant_id AND shopper_id = :shopper_id
    ), uses AS (
        SELECT u.merchant_id, u.id, u.order_id, u.amount_fen, u.used_at, u.returned_at
        FROM point_uses u JOIN lots l ON l.merchant_id = u.merchant_id AND l.id = u.lot_id
    ), expiries AS (
        SELECT t.merchant_id, t.id, t.at FROM ledger_transactions t
        JOIN lots l ON l.merchant_id = t.merchant_id AND l.id = t.ref_id
        WHERE t.kind = 'points.expired'
        UNION ALL
        SELECT t.merchant_id, t.id, t.at FROM ledger_transactions t
        JOIN uses u ON u.merchant_id = t.merchant_id AND u.id = t.ref_id
        WHERE t.kind = 'points.return_expired'
    ), moves AS (
        SELECT l.issued_at AS at, 0 AS rank, l.id AS number, 'issued' AS kind,
            l.value_fen AS amount_fen, CAST(NULL AS bigint) AS order_id,
            CASE l.source WHEN 'grant' THEN l.source_id END AS grant_id
        FROM lots l
        UNION ALL
        SELECT min(used_at), 1, order_id, 'spent', -sum(amount_fen)::bigint, order_id, NULL
        FROM uses GROUP BY order_id
        UNION ALL
        SELECT max(returned_at), 2, order_id, 'returned', sum(amount_fen)::bigint, order_id, NULL
        FROM uses WHERE returned_at IS NOT NULL GROUP BY order_id
        UNION ALL
        SELECT x.at, 3, x.id, 'expired', min(e.amount_fen), NULL, NULL
        FROM expiries x
        JOIN ledger_entries e ON e.merchant_id = x.merchant_id AND e.transaction_id = x.id
        GROUP BY x.at, x.id
        UNION ALL
        SELECT c.at, 4, c.id, 'clawed_back', -c.amount_fen, NULL,
            CASE l.source WHEN 'grant' THEN l.source_id END
        FROM clawbacks c
        JOIN lots l ON l.merchant_id = c.merchant_id AND l.source = c.source
            AND l.source_id = c.source_id
    ), history AS (
        SELECT m.*,
            (sum(m.amount_fen) OVER (ORDER BY m.at, m.rank, m.number))::bigint AS balance_after_fen
        FROM moves m
    )
    SELECT h.at, h.rank, h.number, h.kind, h.amount_fen, h.balance_after_fen,
        coalesce(o.public_id, of_grant.public_id) AS order_id, g.public_id AS subsidy_id, {_WORTH}
    FROM history h
    LEFT JOIN orders o ON o.merchant_id = :merchant_id AND o.id = h.order_id
    LEFT JOIN grants g ON g.merchant_id = :merchant_id AND g.id = h.grant_id
    LEFT JOIN orders of_grant ON of_grant.merchant_id = g.merchant_id AND of_grant.id = g.order_id
    WHERE CAST(:after_at AS timestamptz) IS NULL
        OR (h.at, h.rank, h.number)
            < (CAST(:after_at AS timestamptz), CAST(:after_rank AS int), :after_number)
    ORDER BY h.at DESC, h.rank DESC, h.number DESC
    LIMIT :limit
    """  # noqa: S608 - constants only
)


def list_points_entries(
    session: Session, shopper: Key, *, after: tuple[datetime, int, int] | None, limit: int
) -> Sequence[PointsEntry]:
    """List the movements of a shopper's points, newest first, after an entry's key."""
    after_at, after_rank, after_number = after if after is not None else (None, 0, 0)
    rows = session.execute(
        _ENTRIES,
        {
            "merchant_id": shopper[0],
            "shopper_id": shopper[1],
            "after_at": after_at,
            "after_rank": after_rank,
            "after_number": after_number,
            "limit": limit,
        },
    )
    return [_entry(shopper[0], row) for row in rows.mappings()]


def _entry(merchant_id: int, row: RowMapping) -> PointsEntry:
    amount_fen = row["amount_fen"]
    points = points_of(abs(amount_fen), row["points_per_yuan"])
    return PointsEntry(
        key=(row["at"], row["rank"], row["number"]),
        id=_public_id_of(merchant_id, row["kind"], row["number"]),
        kind=row["kind"],
        amount_fen=amount_fen,
        points=points if amount_fen > 0 else -points,
        balance_after_fen=row["balance_after_fen"],
        order_id=row["order_id"],
        subsidy_id=row["subsidy_id"],
        at=row["at"],
    )


def _public_id_of(merchant_id: int, kind: str, number: int) -> str:
    """Return what the outside calls an entry: 100 bits of a keyed digest."""
    name = f"points-entry/{merchant_id}/{kind}/{number}".encode()
    bits = int.from_bytes(hmac.digest(settings().sealing_key.encode(), name, hashlib.sha256), "big")
    return "".join(ALPHABET[(bits >> (5 * i)) & 31] for i in range(LENGTH))
