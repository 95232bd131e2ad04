"""Reads of subsidies: by their shopper, and by the merchant's staff."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from domain.clock import iso
from domain.states import GrantState
from domain.subsidies.errors import GrantNotFound
from domain.terms import SubsidyKind

Key = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Subsidy:
    """A decided subsidy of a shopper, with what it was issued as: coupon, pass, lot of points.

    `external` is how its points of an outside programme stand: programme, state, points.
    """

    row_id: int
    id: str
    order_id: str
    group_id: str
    kind: str
    state: str
    quote_fen: int
    amount_fen: int
    parts: list[dict[str, Any]]
    deadline_at: datetime
    decided_at: datetime
    due_at: datetime
    issued_at: datetime | None
    clawed_back_fen: int
    coupon_id: str | None
    pass_id: str | None
    points_lot_id: str | None
    external: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class GrantLine:
    """A subsidy as staff see it; `risk` are the rules that fired when it was decided.

    It is stuck where its work was parked: issuing it failed, or its brand refused its points.
    """

    row_id: int
    id: str
    order_id: str
    group_id: str
    campaign_id: str
    campaign_title: str
    shopper: dict[str, Any]
    kind: str
    state: str
    quote_fen: int
    amount_fen: int
    parts: list[dict[str, Any]]
    risk: list[dict[str, Any]]
    deadline_at: datetime
    decided_at: datetime
    due_at: datetime
    issued_at: datetime | None
    clawed_back_fen: int
    external: dict[str, Any] | None
    is_stuck: bool

    def to_json(self) -> dict[str, Any]:
        """Write the subsidy as REST answers it."""
        return {
            "id": self.id,
            "order_id": self.order_id,
            "group_id": self.group_id,
            "campaign_id": self.campaign_id,
            "campaign_title": self.campaign_title,
            "shopper": self.shopper,
            "kind": self.kind,
            "state": self.state,
            "quote_fen": self.quote_fen,
            "amount_fen": self.amount_fen,
            "parts": self.parts,
            "risk": self.risk,
            "deadline_at": iso(self.deadline_at),
            "decided_at": iso(self.decided_at),
            "due_at": iso(self.due_at),
            "issued_at": iso(self.issued_at),
            "clawed_back_fen": self.clawed_back_fen,
            "external": self.external,
            "is_stuck": self.is_stuck,
        }


_OF_SHOPPER = text(
    """
    SELECT r.id AS row_id, r.public_id AS id, o.public_id AS order_id, g.public_id AS group_id,
        r.kind, r.state, r.quote_fen, r.amount_fen, r.parts, r.deadline_at, r.decided_at,
        r.due_at, r.issued_at, r.clawed_back_fen,
        CASE n.kind WHEN 'coupon' THEN n.public_id END AS coupon_id,
        CASE n.kind WHEN 'pass' THEN n.public_id END AS pass_id, l.public_id AS points_lot_id,
        CASE WHEN x.id IS NOT NULL THEN jsonb_build_object(
            'programme', p.name, 'state', x.state, 'points', x.points) END AS external
    FROM grants r
    JOIN orders o ON o.merchant_id = r.merchant_id AND o.id = r.order_id
    JOIN groups g ON g.merchant_id = r.merchant_id AND g.id = r.group_id
    LEFT JOIN instruments n
        ON n.merchant_id = r.merchant_id AND n.source = 'grant' AND n.source_id = r.id
    LEFT JOIN point_lots l
        ON l.merchant_id = r.merchant_id AND l.source = 'grant' AND l.source_id = r.id
    LEFT JOIN external_issues x ON x.merchant_id = r.merchant_id AND x.grant_id = r.id
    LEFT JOIN external_programmes p ON p.merchant_id = x.merchant_id AND p.id = x.programme_id
    WHERE r.merchant_id = :merchant_id AND r.shopper_id = :shopper_id
        AND (CAST(:below_id AS bigint) IS NULL OR r.id < :below_id)
    ORDER BY r.id DESC
    LIMIT :limit
    """
)
_LINES = """
    SELECT r.id AS row_id, r.public_id AS id, o.public_id AS order_id, g.public_id AS group_id,
        c.public_id AS campaign_id, c.title AS campaign_title, s.public_id AS shopper_id,
        s.nickname, s.flag, r.kind, r.state, r.quote_fen, r.amount_fen, r.parts,
        coalesce(d.fired, '[]'::jsonb) AS risk, r.deadline_at, r.decided_at, r.due_at, r.issued_at,
        r.clawed_back_fen,
        CASE WHEN x.id IS NOT NULL THEN jsonb_build_object('programme', p.name, 'state', x.state,
            'points', x.points, 'error', x.error) END AS external,
        EXISTS (
            SELECT FROM work_rows w
            WHERE w.merchant_id = r.merchant_id AND w.state = 'parked'
                AND (w.kind = 'issue_grant' AND w.subject_id = r.id
                    OR w.kind = 'deliver_points' AND w.subject_id = x.id)) AS is_stuck
    FROM grants r
    JOIN orders o ON o.merchant_id = r.merchant_id AND o.id = r.order_id
    JOIN groups g ON g.merchant_id = r.merchant_id AND g.id = r.group_id
    JOIN campaigns c ON c.merchant_id = r.merchant_id AND c.id = r.campaign_id
    JOIN shoppers s ON s.merchant_id = r.merchant_id AND s.id = r.shopper_id
    LEFT JOIN LATERAL (
        SELECT d.fired FROM risk_decisions d
        WHERE d.merchant_id = r.merchant_id AND d.shopper_id = r.shopper_id
            AND d.order_id = r.order_id AND d.point = 'settle'
        ORDER BY d.occurred_at DESC LIMIT 1
    ) d ON true
    LEFT JOIN external_issues x ON x.merchant_id = r.merchant_id AND x.grant_id = r.id
    LEFT JOIN external_programmes p ON p.merchant_id = x.merchant_id AND p.id = x.programme_id
    WHERE r.merchant_id = :merchant_id
"""
_FILTERS = {
    "state": " AND r.state = :state",
    "kind": " AND r.kind = :kind",
    "campaign_id": " AND c.public_id = :campaign_id",
    "shopper_id": " AND s.public_id = :shopper_id",
    "decided_from": " AND r.decided_at >= :decided_from",
    "decided_until": " AND r.decided_at < :decided_until",
    "below_id": " AND r.id < :below_id",
}
_ORDER = " ORDER BY r.id DESC LIMIT :limit"
_ONE = text(_LINES + " AND r.public_id = :public_id")


def list_subsidies(
    session: Session, shopper: Key, *, below_id: int | None, limit: int
) -> list[Subsidy]:
    """List a shopper's subsidies, newest first, below an inner id."""
    rows = session.execute(
        _OF_SHOPPER,
        {
            "merchant_id": shopper[0],
            "shopper_id": shopper[1],
            "below_id": below_id,
            "limit": limit,
        },
    )
    return [Subsidy(**row) for row in rows.mappings()]


@dataclass(frozen=True, slots=True)
class GrantFilter:
    """Which subsidies, by public ids, and when they were decided; None is all."""

    state: GrantState | None = None
    kind: SubsidyKind | None = None
    campaign_id: str | None = None
    shopper_id: str | None = None
    decided_from: datetime | None = None
    decided_until: datetime | None = None


def list_grants(
    session: Session, merchant_id: int, which: GrantFilter, *, below_id: int | None, limit: int
) -> list[GrantLine]:
    """List a merchant's subsidies, newest first, below an inner id.

    Only the filters that are given stand in the statement, so that each can have its index.
    """
    given = asdict(which) | {"below_id": below_id}
    named = {name: value for name, value in given.items() if value is not None}
    statement = text(_LINES + "".join(_FILTERS[name] for name in named) + _ORDER)
    rows = session.execute(statement, {**named, "merchant_id": merchant_id, "limit": limit})
    return [_line(row) for row in rows.mappings()]


def find_grant(session: Session, merchant_id: int, public_id: str) -> GrantLine:
    """Return a merchant's subsidy. Raises GrantNotFound."""
    row = (
        session.execute(_ONE, {"merchant_id": merchant_id, "public_id": public_id})
        .mappings()
        .one_or_none()
    )
    if row is None:
        raise GrantNotFound
    return _line(row)


def _line(row: RowMapping) -> GrantLine:
    values = dict(row)
    shopper = {
        "id": values.pop("shopper_id"),
        "nickname": values.pop("nickname"),
        "flag": values.pop("flag"),
    }
    return GrantLine(shopper=shopper, **values)
