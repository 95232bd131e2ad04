"""Resolving what a gateway said that could not be believed: staff say what it was."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain import idempotency
from domain.database import transaction
from domain.idempotency import RequestKey
from domain.merchants.auditing import StaffActor, audit
from domain.merchants.rules import Role
from domain.payments.findings import resolve_finding


@dataclass(frozen=True, slots=True)
class ResolveFinding:
    """Resolve a finding (public id), and why."""

    actor: StaffActor
    key: RequestKey
    finding_id: str
    reason: str


def resolve_gateway_finding(command: ResolveFinding, *, at: datetime) -> dict[str, Any]:
    """Resolve a finding of the merchant's; returns its body as it then is.

    May be repeated with its key. Raises FindingNotFound, FindingResolved, RoleTooLow, Busy,
    IdempotencyKeyReused.
    """
    command.actor.require(Role.OPERATOR)
    merchant_id = command.actor.merchant_id
    with transaction() as session:
        done = idempotency.take(session, command.key)
        if done is not None:
            return done
        found = resolve_finding(
            session,
            merchant_id,
            command.finding_id,
            reason=command.reason,
            who=command.actor.moved_by,
            at=at,
        )
        audit(
            session,
            command.actor,
            "gateway_finding.resolved",
            subject_kind="gateway_finding",
            subject_id=found.row_id,
            at=at,
            reason=command.reason,
            before=None,
            after={"kind": found.kind, "number": found.number, "resolution": command.reason},
        )
        body = found.to_json()
        idempotency.store(session, command.key, body, at=at, status=200)
        return body
