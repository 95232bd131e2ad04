"""Resolving a difference: a person says what it was and what became of it."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.reconciliation.errors import ReconciliationTaskNotFound, ReconciliationTaskResolved

_RESOLVE = text(
    """
    UPDATE reconciliation_tasks SET resolved_at = :at, resolved_by = :who, resolution = :reason
    WHERE public_id = :public_id AND resolved_at IS NULL
        AND (CAST(:merchant_id AS bigint) IS NULL OR merchant_id = :merchant_id)
    RETURNING id
    """
)
_EXISTS = text(
    """
    SELECT 1 FROM reconciliation_tasks
    WHERE public_id = :public_id
        AND (CAST(:merchant_id AS bigint) IS NULL OR merchant_id = :merchant_id)
    """
)


def resolve_task(
    session: Session,
    task_id: str,
    *,
    merchant_id: int | None,
    reason: str,
    who: str,
    at: datetime,
) -> int:
    """Resolve a difference (public id), once; returns its inner id.

    `merchant_id` is None for the operator of the platform. Raises ReconciliationTaskNotFound,
    ReconciliationTaskResolved.
    """
    named = {"public_id": task_id, "merchant_id": merchant_id}
    found = session.execute(_RESOLVE, {**named, "reason": reason, "who": who, "at": at}).scalar()
    if found is not None:
        return int(found)
    if session.execute(_EXISTS, named).first() is None:
        raise ReconciliationTaskNotFound
    raise ReconciliationTaskResolved
