"""The limit above which staff do not act alone."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.merchants.errors import ApprovalNeeded, TooFewApprovers

LEAST_APPROVERS = 2
_LIMIT = text("SELECT approval_limit_fen FROM merchant_settings WHERE merchant_id = :merchant_id")

_APPROVERS = text(
    """
    SELECT count(*) FROM staff
    WHERE merchant_id = :merchant_id AND disabled_at IS NULL AND role IN ('operator', 'owner')
    """
)


def check_limit(session: Session, merchant_id: int, amount_fen: int) -> None:
    """Raise ApprovalNeeded where an act of this amount is a second person's to decide."""
    limit = _limit(session, merchant_id)
    if limit is not None and amount_fen > limit:
        raise ApprovalNeeded(limit_fen=limit, amount_fen=amount_fen)


def check_raise(
    session: Session, merchant_id: int, before: Mapping[str, Any], after: Mapping[str, Any], of: str
) -> None:
    """Raise ApprovalNeeded where a budget was raised by more than one person may alone.

    The limit that counts is the one in force now: see `check_limit_change`.
    """
    if after[of] > before[of]:
        check_limit(session, merchant_id, after[of] - before[of])


def check_limit_change(
    session: Session, merchant_id: int, before_fen: int | None, after_fen: int | None
) -> None:
    """Raise ApprovalNeeded where a limit in force would be raised, or lifted.

    Raises TooFewApprovers where it is set or lowered and nobody could approve what is above it.
    """
    if before_fen == after_fen:
        return
    if before_fen is not None and (after_fen is None or after_fen > before_fen):
        raise ApprovalNeeded(limit_fen=before_fen, field="approval_limit_fen")
    approvers: int = session.execute(_APPROVERS, {"merchant_id": merchant_id}).scalar_one()
    if approvers < LEAST_APPROVERS:
        raise TooFewApprovers(approvers=approvers, field="approval_limit_fen")


def _limit(session: Session, merchant_id: int) -> int | None:
    found: int | None = session.execute(_LIMIT, {"merchant_id": merchant_id}).scalar_one()
    return found
