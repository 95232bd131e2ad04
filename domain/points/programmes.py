"""Programmes of outside brands: how their points reach them, and what is on its way."""

import csv
import io
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, RowMapping, text
from sqlalchemy.orm import Session

from domain.points.errors import ExportNotFound, ProgrammeNotFound
from domain.sealing import unseal

SECRET_PURPOSE = "programme secret"  # noqa: S105 - a purpose, no secret
DELIVER_POINTS = "deliver_points"

Key = tuple[int, int]


@dataclass(frozen=True, slots=True)
class ProgrammeLine:
    """A programme, with how many issues are in each state and what those under way are worth."""

    row_id: int
    id: str
    name: str
    delivery: str
    url: str | None
    points_per_yuan: int
    created_at: datetime
    pending: int
    exported: int
    delivered: int
    refused: int
    open_fen: int
    open_exports: list[dict[str, int]]


@dataclass(frozen=True, slots=True)
class Undelivered:
    """Points on their way to a programme by webhook: where, and what is said."""

    url: str
    secret: str
    message_id: str
    body: dict[str, Any]


_LINES = """
    SELECT p.id AS row_id, p.public_id AS id, p.name, p.delivery, p.url, p.points_per_yuan,
        p.created_at, x.pending, x.exported, x.delivered, x.refused,
        coalesce(x.open_fen, 0)::bigint AS open_fen, coalesce(e.open_exports, '[]') AS open_exports
    FROM external_programmes p
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE state = 'pending') AS pending,
            count(*) FILTER (WHERE state = 'exported') AS exported,
            count(*) FILTER (WHERE state = 'delivered') AS delivered,
            count(*) FILTER (WHERE state = 'refused') AS refused,
            sum(amount_fen) FILTER (WHERE state <> 'delivered') AS open_fen
        FROM external_issues x
        WHERE x.merchant_id = p.merchant_id AND x.programme_id = p.id
    ) x
    CROSS JOIN LATERAL (
        SELECT jsonb_agg(jsonb_build_object('export', f.export, 'count', f.count,
            'points', f.points, 'amount_fen', f.amount_fen) ORDER BY f.export) AS open_exports
        FROM (
            SELECT export, count(*) AS count, sum(points) AS points, sum(amount_fen) AS amount_fen
            FROM external_issues x
            WHERE x.merchant_id = p.merchant_id AND x.programme_id = p.id AND x.state = 'exported'
            GROUP BY export
        ) f
    ) e
    WHERE p.merchant_id = :merchant_id
"""
_ALL = text(_LINES + " ORDER BY p.id")
_ONE = text(_LINES + " AND p.public_id = :public_id")
_UNDELIVERED = text(
    """
    SELECT p.url, p.secret_sealed, p.public_id AS programme_id, x.public_id, x.points, x.amount_fen,
        x.created_at, s.public_id AS shopper_id, g.public_id AS grant_id
    FROM external_issues x
    JOIN external_programmes p ON p.merchant_id = x.merchant_id AND p.id = x.programme_id
    JOIN shoppers s ON s.merchant_id = x.merchant_id AND s.id = x.shopper_id
    JOIN grants g ON g.merchant_id = x.merchant_id AND g.id = x.grant_id
    WHERE x.merchant_id = :merchant_id AND x.id = :id AND x.state = 'pending'
        AND p.delivery = 'webhook'
    """
)
_RECORD = text(
    """
    UPDATE external_issues SET state = :state, error = :error,
        delivered_at = CASE WHEN :state = 'delivered' THEN CAST(:at AS timestamptz) END
    WHERE merchant_id = :merchant_id AND id = :id AND state = 'pending'
    """
)
_EXPORTED = text(
    """
    SELECT x.export, x.public_id AS id, s.public_id AS shopper_id, x.points, x.amount_fen,
        x.created_at
    FROM external_issues x
    JOIN shoppers s ON s.merchant_id = x.merchant_id AND s.id = x.shopper_id
    WHERE x.merchant_id = :merchant_id AND x.programme_id = :programme_id AND x.export = :export
    ORDER BY x.id
    """
)


def list_programmes(session: Session, merchant_id: int) -> list[ProgrammeLine]:
    """List a merchant's programmes."""
    rows = session.execute(_ALL, {"merchant_id": merchant_id}).mappings()
    return [_line(row) for row in rows]


def find_programme(session: Session, merchant_id: int, public_id: str) -> ProgrammeLine:
    """Return a merchant's programme. Raises ProgrammeNotFound."""
    values = {"merchant_id": merchant_id, "public_id": public_id}
    row = session.execute(_ONE, values).mappings().one_or_none()
    if row is None:
        raise ProgrammeNotFound
    return _line(row)


def _line(row: RowMapping) -> ProgrammeLine:
    return ProgrammeLine(**row)


def find_undelivered(session: Session, key: Key) -> Undelivered | None:
    """Return what is to be said of an issue (merchant id, id), or None where nothing is."""
    values = {"merchant_id": key[0], "id": key[1]}
    row = session.execute(_UNDELIVERED, values).one_or_none()
    if row is None:
        return None
    secret = str(unseal(row.secret_sealed, purpose=SECRET_PURPOSE))
    return Undelivered(row.url, secret, row.public_id, _message(row))


def _message(row: Row[Any]) -> dict[str, Any]:
    return {
        "type": "points.issued",
        "timestamp": row.created_at.isoformat(),
        "data": {
            "id": row.public_id,
            "programme_id": row.programme_id,
            "shopper_id": row.shopper_id,
            "grant_id": row.grant_id,
            "points": row.points,
            "amount_fen": row.amount_fen,
        },
    }


def record_delivery(
    session: Session, key: Key, state: str, *, at: datetime, error: str | None = None
) -> None:
    """Record that a pending issue was delivered, or refused."""
    values = {"merchant_id": key[0], "id": key[1], "state": state, "error": error, "at": at}
    session.execute(_RECORD, values)


def write_export(session: Session, programme: Key, export: int) -> str:
    """Write the issues of one file as CSV, confirmed or not. Raises ExportNotFound."""
    values = {"merchant_id": programme[0], "programme_id": programme[1], "export": export}
    rows = session.execute(_EXPORTED, values).all()
    if not rows:
        raise ExportNotFound
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["export", "id", "shopper_id", "points", "amount_fen", "created_at"])
    for row in rows:
        writer.writerow([*row[:5], row.created_at.isoformat()])
    return out.getvalue()
