"""Reads of approvals: acts above the limit that wait for a second person, or were decided."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from domain.clock import iso
from domain.merchants.errors import ApprovalNotFound

ALONE_AFTER = timedelta(hours=24)
ALONE_KINDS = frozenset({"approval_limit"})


@dataclass(frozen=True, slots=True)
class ApprovalLine:
    """An approval as staff see it; `result` is the body of what was done."""

    row_id: int
    id: str
    kind: str
    command: dict[str, Any]
    amount_fen: int
    reason: str
    state: str
    requested_by: str
    requested_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    decision_reason: str | None
    result: dict[str, Any] | None

    @property
    def alone_from_at(self) -> datetime | None:
        """Return from when on whoever asked may approve it; None if never."""
        return alone_from(self.kind, self.requested_at)

    def to_json(self) -> dict[str, Any]:
        """Write the approval as REST answers it."""
        return {
            "id": self.id,
            "kind": self.kind,
            "command": self.command,
            "amount_fen": self.amount_fen,
            "reason": self.reason,
            "state": self.state,
            "requested_by": self.requested_by,
            "requested_at": iso(self.requested_at),
            "decided_by": self.decided_by,
            "decided_at": iso(self.decided_at),
            "decision_reason": self.decision_reason,
            "result": self.result,
            "alone_from_at": iso(self.alone_from_at),
        }


_LINES = """
    SELECT a.id AS row_id, a.public_id AS id, a.kind, a.command, a.amount_fen, a.reason, a.state,
        r.name AS requested_by, a.requested_at, d.name AS decided_by, a.decided_at,
        a.decision_reason, a.result
    FROM approvals a
    JOIN staff r ON r.merchant_id = a.merchant_id AND r.id = a.requested_by
    LEFT JOIN staff d ON d.merchant_id = a.merchant_id AND d.id = a.decided_by
    WHERE a.merchant_id = :merchant_id
"""
_PAGE = text(
    _LINES
    + """
        AND (CAST(:state AS text) IS NULL OR a.state = :state)
        AND (CAST(:below_id AS bigint) IS NULL OR a.id < :below_id)
    ORDER BY a.id DESC
    LIMIT :limit
    """
)
_ONE = text(_LINES + " AND a.public_id = :public_id")


def alone_from(kind: str, requested_at: datetime) -> datetime | None:
    """Return from when on whoever asked for an act may approve it alone; None if never.

    A limit that only another owner could lift would trap a merchant who has one owner. So its
    change may be approved alone once all staff could see it for a day.
    """
    return requested_at + ALONE_AFTER if kind in ALONE_KINDS else None


def list_approvals(
    session: Session, merchant_id: int, *, state: str | None, below_id: int | None, limit: int
) -> list[ApprovalLine]:
    """List a merchant's approvals in one state or in all, newest first, below an inner id."""
    values = {"merchant_id": merchant_id, "state": state, "below_id": below_id, "limit": limit}
    return [_line(row) for row in session.execute(_PAGE, values).mappings()]


def find_approval(session: Session, merchant_id: int, public_id: str) -> ApprovalLine:
    """Return a merchant's approval. Raises ApprovalNotFound."""
    values = {"merchant_id": merchant_id, "public_id": public_id}
    row = session.execute(_ONE, values).mappings().one_or_none()
    if row is None:
        raise ApprovalNotFound
    return _line(row)


def _line(row: RowMapping) -> ApprovalLine:
    return ApprovalLine(**row)
