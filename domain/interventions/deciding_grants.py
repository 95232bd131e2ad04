"""Deciding held subsidies: staff release one, which credits it, or deny it, which never pays.

The transaction is core's, not the one of staff's own database role: the ledger and the grant
are core's to write. So every statement here names the merchant of the acting member
of staff, as row-level security would.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session
from sqlalchemy.sql import bindparam

from domain import idempotency, outbox
from domain.database import transaction
from domain.idempotency import RequestKey
from domain.interventions.approval_limits import check_limit
from domain.merchants.auditing import StaffActor, audit
from domain.merchants.rules import Role
from domain.settlement.issuing_grants import WaitingGrant, issue_grants, lock_waiting
from domain.settlement.locking import lock_groups, lock_orders
from domain.settlement.movements import Movement, record_movements
from domain.states import GrantState
from domain.subsidies.errors import GrantEmpty, GrantNotFound, GrantNotHeld
from domain.subsidies.queries import GrantLine, find_grant

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DecideGrant:
    """Release or deny a held subsidy (public id), and why."""

    actor: StaffActor
    key: RequestKey
    grant_id: str
    reason: str


_FIND = text(
    """
    SELECT id, order_id, group_id FROM grants
    WHERE merchant_id = :merchant_id AND public_id = :grant
    """
)
_DENY = text(
    """
    WITH denied AS (
        UPDATE grants SET state = 'denied', amount_fen = 0, parts = parts || :denied,
            moved_at = :at, moved_by = :actor
        WHERE merchant_id = :merchant_id AND id = :id
        RETURNING merchant_id, order_id
    )
    UPDATE orders o SET cap_fen = 0
    FROM denied WHERE o.merchant_id = denied.merchant_id AND o.id = denied.order_id
    """
).bindparams(bindparam("denied", type_=JSONB))


def release_grant(command: DecideGrant, *, at: datetime) -> dict[str, Any]:
    """Issue a held subsidy: its amount is credited at once; returns its body as it then is.

    May be repeated with its key. Raises GrantNotFound, GrantNotHeld, GrantEmpty, ApprovalNeeded,
    RoleTooLow, Busy, IdempotencyKeyReused.
    """
    return _decide(command, release_held, at=at)


def deny_grant(command: DecideGrant, *, at: datetime) -> dict[str, Any]:
    """Deny a held subsidy: nothing is paid, what was reserved for it is released; returns its body.

    May be repeated with its key. Raises GrantNotFound, GrantNotHeld, ApprovalNeeded, RoleTooLow,
    Busy, IdempotencyKeyReused.
    """
    return _decide(command, deny_held, at=at)


def find_held(session: Session, merchant_id: int, public_id: str) -> GrantLine:
    """Return a held subsidy. Raises GrantNotFound, GrantNotHeld."""
    line = find_grant(session, merchant_id, public_id)
    if line.state != GrantState.HELD:
        raise GrantNotHeld(state=line.state)
    return line


def release_held(
    session: Session, actor: StaffActor, public_id: str, *, reason: str, at: datetime
) -> dict[str, Any]:
    """Issue a held subsidy in the caller's transaction. Raises as `release_grant`."""
    grant = _lock(session, actor.merchant_id, public_id)
    _release(session, grant, actor.moved_by, at)
    return _record(session, actor, grant, action="grant.released", reason=reason, at=at)


def deny_held(
    session: Session, actor: StaffActor, public_id: str, *, reason: str, at: datetime
) -> dict[str, Any]:
    """Deny a held subsidy in the caller's transaction. Raises as `deny_grant`."""
    grant = _lock(session, actor.merchant_id, public_id)
    _deny(session, grant, actor.moved_by, at)
    return _record(session, actor, grant, action="grant.denied", reason=reason, at=at)


def _decide(
    command: DecideGrant, decide: Callable[..., dict[str, Any]], *, at: datetime
) -> dict[str, Any]:
    actor = command.actor
    actor.require(Role.OPERATOR)
    with transaction() as session:
        done = idempotency.take(session, command.key)
        if done is not None:
            return done
        held = find_held(session, actor.merchant_id, command.grant_id)
        check_limit(session, actor, "grant", held.amount_fen, at=at)
        body = decide(session, actor, command.grant_id, reason=command.reason, at=at)
        idempotency.store(session, command.key, body, at=at, status=200)
    logger.info("held subsidy decided", extra={"grant": command.grant_id, "state": body["state"]})
    return body


def _record(
    session: Session,
    actor: StaffActor,
    grant: WaitingGrant,
    *,
    action: str,
    reason: str,
    at: datetime,
) -> dict[str, Any]:
    """Tell of a decided subsidy and log it; returns its body."""
    outbox.emit(session, [outbox.NewFact(actor.merchant_id, action, grant.order_id)], at=at)
    line = find_grant(session, actor.merchant_id, grant.public_id)
    audit(
        session,
        actor,
        action,
        subject_kind="grant",
        subject_id=grant.id,
        at=at,
        reason=reason,
        before={"state": GrantState.HELD.value, "amount_fen": grant.amount_fen},
        after={"state": line.state, "amount_fen": line.amount_fen},
    )
    return line.to_json()


def _lock(session: Session, merchant_id: int, public_id: str) -> WaitingGrant:
    """Lock a held grant's group, its order and itself, in this order."""
    found = session.execute(_FIND, {"merchant_id": merchant_id, "grant": public_id}).one_or_none()
    if found is None:
        raise GrantNotFound
    lock_groups(session, [(merchant_id, found.group_id)])
    lock_orders(session, [(merchant_id, found.order_id)])
    grants = lock_waiting(session, [(merchant_id, found.id)])
    if not grants or grants[0].state != GrantState.HELD:
        state = find_grant(session, merchant_id, public_id).state
        raise GrantNotHeld(state=state)
    return grants[0]


def _release(session: Session, grant: WaitingGrant, actor: str, at: datetime) -> None:
    if grant.amount_fen == 0:
        raise GrantEmpty
    issue_grants(session, [grant], reason="grant_released", at=at, actor=actor)


def _deny(session: Session, grant: WaitingGrant, actor: str, at: datetime) -> None:
    session.execute(
        _DENY,
        {
            "merchant_id": grant.merchant_id,
            "id": grant.id,
            "denied": [{"kind": "denied", "amount_fen": -grant.amount_fen}],
            "at": at,
            "actor": actor,
        },
    )
    movement = Movement(
        grant.merchant_id,
        grant.campaign_id,
        grant.group_id,
        "grant_denied",
        order_id=grant.order_id,
        committed_fen=-grant.amount_fen,
    )
    record_movements(session, [movement], at=at)
