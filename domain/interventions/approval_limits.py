"""The limit above which staff do not act alone.

It counts what a person did alone in a Shanghai day, by kind of act, so that cutting an act into
small ones does not avoid the second person. What a second person approved is not counted.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.clock import shanghai_day
from domain.merchants.auditing import StaffActor
from domain.merchants.errors import ApprovalNeeded, TooFewApprovers

LEAST_APPROVERS = 2
_LIMIT = text("SELECT approval_limit_fen FROM merchant_settings WHERE merchant_id = :merchant_id")

_COUNT = text(
    """
    INSERT INTO lone_acts AS l (merchant_id, staff_id, kind, on_date, amount_fen)
    VALUES (:merchant_id, :staff_id, :kind, :on_date, :amount)
    ON CONFLICT (merchant_id, staff_id, kind, on_date)
    DO UPDATE SET amount_fen = l.amount_fen + excluded.amount_fen
    RETURNING amount_fen
    """
)
_APPROVERS = text(
    """
    SELECT count(*) FROM staff
    WHERE merchant_id = :merchant_id AND disabled_at IS NULL AND role IN ('operator', 'owner')
    """
)


def check_limit(
    session: Session, actor: StaffActor, kind: str, amount_fen: int, *, at: datetime
) -> None:
    """Count an act of this amount, and raise ApprovalNeeded where it is a second person's.

    Locks the person's count of the day, so that acts at once count one another. The caller's
    transaction takes the count back if the act is not done.
    """
    values = {
        "merchant_id": actor.merchant_id,
        "staff_id": actor.staff_id,
        "kind": kind,
        "on_date": shanghai_day(at),
        "amount": amount_fen,
    }
    limit = _limit(session, actor.merchant_id)
    total: int = session.execute(_COUNT, values).scalar_one()
    if limit is not None and total > limit:
        raise ApprovalNeeded(limit_fen=limit, amount_fen=amount_fen, spent_fen=total - amount_fen)


def check_raise(
    session: Session,
    actor: StaffActor,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    of: str,
    *,
    at: datetime,
) -> None:
    """Raise ApprovalNeeded where a budget was raised by more than one person may alone in a day.

    The limit that counts is the one in force now: see `check_limit_change`.
    """
    if after[of] > before[of]:
        check_limit(session, actor, of, after[of] - before[of], at=at)


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
