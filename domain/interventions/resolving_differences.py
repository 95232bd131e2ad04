"""Resolving differences between a bill and our books: staff say what became of each."""

from dataclasses import dataclass
from datetime import datetime

from domain import idempotency
from domain.database import transaction
from domain.idempotency import RequestKey
from domain.merchants.auditing import StaffActor, audit
from domain.merchants.rules import Role
from domain.reconciliation.resolving import resolve_task


@dataclass(frozen=True, slots=True)
class ResolveDifference:
    """Resolve a difference (public id), and why."""

    actor: StaffActor
    key: RequestKey
    task_id: str
    reason: str


def resolve_difference(command: ResolveDifference, *, at: datetime) -> None:
    """Resolve a difference of the merchant's; may be repeated with its key.

    Raises ReconciliationTaskNotFound, ReconciliationTaskResolved, RoleTooLow, Busy,
    IdempotencyKeyReused.
    """
    command.actor.require(Role.OPERATOR)
    merchant_id = command.actor.merchant_id
    with transaction() as session:
        if idempotency.take(session, command.key) is not None:
            return
        row_id = resolve_task(
            session,
            command.task_id,
            merchant_id=merchant_id,
            reason=command.reason,
            who=command.actor.moved_by,
            at=at,
        )
        audit(
            session,
            command.actor,
            "reconciliation.resolved",
            subject_kind="reconciliation_task",
            subject_id=row_id,
            at=at,
            reason=command.reason,
            before=None,
            after={"resolution": command.reason},
        )
        idempotency.store(session, command.key, {"id": command.task_id}, at=at, status=200)
