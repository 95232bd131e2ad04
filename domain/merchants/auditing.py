"""The audit log: one entry for each write by staff, in the write's own transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from domain.merchants.errors import RoleTooLow
from domain.merchants.rules import Role
from domain.models import AuditEntry


@dataclass(frozen=True, slots=True)
class StaffActor:
    """A member of staff who acts."""

    merchant_id: int
    staff_id: int
    role: Role
    client_address: str | None = None

    @property
    def moved_by(self) -> str:
        """Return the actor as state moves record it."""
        return f"staff:{self.staff_id}"

    def require(self, role: Role) -> None:
        """Raise RoleTooLow unless the actor has this role or a higher one."""
        if not self.role.is_at_least(role):
            raise RoleTooLow(required=role.value)


def audit(
    session: Session,
    actor: StaffActor,
    action: str,
    *,
    subject_kind: str,
    subject_id: int | None,
    at: datetime,
    reason: str | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Record one write: `action` is `<noun>.<verb>` in the past tense (`campaign.published`).

    `before` and `after` are JSON values; where both are given, only what differs is kept.
    """
    if before is not None and after is not None:
        changed = {k for k in before.keys() | after.keys() if before.get(k) != after.get(k)}
        before = {k: v for k, v in before.items() if k in changed}
        after = {k: v for k, v in after.items() if k in changed}
    session.execute(
        insert(AuditEntry).values(
            merchant_id=actor.merchant_id,
            staff_id=actor.staff_id,
            action=action,
            subject_kind=subject_kind,
            subject_id=subject_id,
            reason=reason,
            before=None if before is None else dict(before),
            after=None if after is None else dict(after),
            client_address=actor.client_address,
            at=at,
        )
    )
