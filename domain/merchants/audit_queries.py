"""Reads of the audit log."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session


class AuditLine(NamedTuple):
    """One write by staff; the subject by its public id, where it has one."""

    row_id: int
    at: datetime
    staff_name: str
    action: str
    subject_kind: str
    subject_id: str | None
    reason: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None


_SUBJECTS = {
    "campaign": "campaigns",
    "product": "products",
    "variant": "variants",
    "shopper": "shoppers",
    "group": "groups",
    "grant": "grants",
    "order": "orders",
    "refund": "refunds",
    "gateway_account": "gateway_accounts",
    "staff": "staff",
}
_PUBLIC_ID = "\n".join(
    f"WHEN '{kind}' THEN (SELECT x.public_id FROM {table} x"  # noqa: S608 - constants above
    " WHERE x.merchant_id = a.merchant_id AND x.id = a.subject_id)"
    for kind, table in _SUBJECTS.items()
)
_LIST = text(
    f"""
    SELECT a.id, a.at, s.name, a.action, a.subject_kind,
        CASE a.subject_kind {_PUBLIC_ID} END AS subject_id, a.reason, a.before, a.after
    FROM audit_log a
    JOIN staff s ON s.merchant_id = a.merchant_id AND s.id = a.staff_id
    WHERE a.merchant_id = :merchant_id
        AND (CAST(:below_id AS bigint) IS NULL OR a.id < :below_id)
        AND (CAST(:action AS text) IS NULL OR a.action = :action)
    ORDER BY a.id DESC
    LIMIT :limit
    """  # noqa: S608 - constants above
)


def list_audit_entries(
    session: Session, merchant_id: int, *, action: str | None, below_id: int | None, limit: int
) -> list[AuditLine]:
    """List a merchant's audit log, newest first."""
    rows = session.execute(
        _LIST,
        {"merchant_id": merchant_id, "action": action, "below_id": below_id, "limit": limit},
    )
    return [AuditLine(*row) for row in rows]
