"""Deciding held subsidies: staff release one, which credits it, or deny it, which never pays.

The transaction is core's, not the one of staff's own database role: the ledger, the shopper's day
and the grant are core's to write. So every statement here names the merchant of the acting member
of staff, as row-level security would.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session
from sqlalchemy.sql import bindparam

from domain import idempotency, outbox
from domain.database import transaction
from domain.idempotency import RequestKey
from domain.ledger import posting
from domain.merchants.auditing import StaffActor, audit
from domain.merchants.rules import Role
from domain.settlement.granting import issue_posting
from domain.settlement.locking import DayChange, change_days, lock_groups, lock_orders
from domain.settlement.movements import Movement, record_movements
from domain.states import GrantState
from domain.subsidies.errors import GrantEmpty, GrantNotFound, GrantNotHeld
from domain.subsidies.queries import find_grant

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DecideGrant:
    """Release or deny a held subsidy (public id), and why."""

    actor: StaffActor
    key: RequestKey
    grant_id: str
    reason: str


class _Held(NamedTuple):
    """A locked held grant, with what its decision touches."""

    merchant_id: int
    id: int
    order_id: int
    group_id: int
    campaign_id: int
    shopper_id: int
    quote_fen: int
    amount_fen: int
    cap_on: date | None


_FIND = text(
    """
    SELECT r.merchant_id, r.id, r.order_id, r.group_id, r.campaign_id, r.shopper_id, r.quote_fen,
        r.amount_fen, o.cap_on
    FROM grants r
    JOIN orders o ON o.merchant_id = r.merchant_id AND o.id = r.order_id
    WHERE r.merchant_id = :merchant_id AND r.public_id = :grant
    """
)
_LOCK_DAY = text(
    """
    SELECT id FROM shopper_days
    WHERE merchant_id = :merchant_id AND shopper_id = :shopper_id AND on_day = :cap_on
    FOR NO KEY UPDATE
    """
)
_LOCK_GRANT = text(
    "SELECT state FROM grants WHERE merchant_id = :merchant_id AND id = :id FOR NO KEY UPDATE"
)
_RELEASE = text(
    """
    UPDATE grants SET state = 'issued', issued_at = :at, moved_at = :at, moved_by = :actor
    WHERE merchant_id = :merchant_id AND id = :id
    """
)
_DENY = text(
    """
    UPDATE grants SET state = 'denied', amount_fen = 0, parts = parts || :denied, moved_at = :at,
        moved_by = :actor
    WHERE merchant_id = :merchant_id AND id = :id
    """
).bindparams(bindparam("denied", type_=JSONB))


def release_grant(command: DecideGrant, *, at: datetime) -> dict[str, Any]:
    """Issue a held subsidy: its amount is credited at once; returns its body as it then is.

    May be repeated with its key. Raises GrantNotFound, GrantNotHeld, GrantEmpty, RoleTooLow, Busy,
    IdempotencyKeyReused.
    """
    return _decide(command, _release, "grant.released", at=at)


def deny_grant(command: DecideGrant, *, at: datetime) -> dict[str, Any]:
    """Deny a held subsidy: nothing is paid, what was reserved for it is released; returns its body.

    May be repeated with its key. Raises GrantNotFound, GrantNotHeld, RoleTooLow, Busy,
    IdempotencyKeyReused.
    """
    return _decide(command, _deny, "grant.denied", at=at)


def _decide(
    command: DecideGrant,
    decide: Callable[[Session, _Held, str, datetime], Movement],
    action: str,
    *,
    at: datetime,
) -> dict[str, Any]:
    command.actor.require(Role.OPERATOR)
    merchant_id = command.actor.merchant_id
    with transaction() as session:
        done = idempotency.take(session, command.key)
        if done is not None:
            return done
        grant = _lock(session, merchant_id, command.grant_id)
        movement = decide(session, grant, command.actor.moved_by, at)
        record_movements(session, [movement], at=at)
        outbox.emit(session, [outbox.NewFact(merchant_id, action, grant.order_id)], at=at)
        line = find_grant(session, merchant_id, command.grant_id)
        audit(
            session,
            command.actor,
            action,
            subject_kind="grant",
            subject_id=grant.id,
            at=at,
            reason=command.reason,
            before={"state": GrantState.HELD.value, "amount_fen": grant.amount_fen},
            after={"state": line.state, "amount_fen": line.amount_fen},
        )
        body = line.to_json()
        idempotency.store(session, command.key, body, at=at, status=200)
    logger.info("held subsidy decided", extra={"grant_id": grant.id, "action": action})
    return body


def _lock(session: Session, merchant_id: int, public_id: str) -> _Held:
    """Lock a grant's group, cap day, order and itself, in this order."""
    found = session.execute(_FIND, {"merchant_id": merchant_id, "grant": public_id}).one_or_none()
    if found is None:
        raise GrantNotFound
    grant = _Held(*found)
    lock_groups(session, [(merchant_id, grant.group_id)])
    session.execute(
        _LOCK_DAY,
        {"merchant_id": merchant_id, "shopper_id": grant.shopper_id, "cap_on": grant.cap_on},
    )
    lock_orders(session, [(merchant_id, grant.order_id)])
    state = session.execute(_LOCK_GRANT, {"merchant_id": merchant_id, "id": grant.id}).scalar_one()
    if state != GrantState.HELD:
        raise GrantNotHeld(state=state)
    return grant


def _release(session: Session, grant: _Held, actor: str, at: datetime) -> Movement:
    if grant.amount_fen == 0:
        raise GrantEmpty
    session.execute(
        _RELEASE,
        {"merchant_id": grant.merchant_id, "id": grant.id, "at": at, "actor": actor},
    )
    _change_day(session, grant, used_fen=grant.amount_fen)
    posting.post(
        session,
        [issue_posting(grant.merchant_id, grant.id, grant.shopper_id, grant.amount_fen)],
        at=at,
    )
    return _movement(grant, "grant_released", spent_fen=grant.amount_fen)


def _deny(session: Session, grant: _Held, actor: str, at: datetime) -> Movement:
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
    _change_day(session, grant, used_fen=0)
    return _movement(grant, "grant_denied", spent_fen=0)


def _change_day(session: Session, grant: _Held, *, used_fen: int) -> None:
    if grant.cap_on is not None:
        change = DayChange(
            grant.merchant_id,
            grant.shopper_id,
            grant.cap_on,
            reserved_fen=-grant.quote_fen,
            used_fen=used_fen,
        )
        change_days(session, [change])


def _movement(grant: _Held, reason: str, *, spent_fen: int) -> Movement:
    return Movement(
        grant.merchant_id,
        grant.campaign_id,
        grant.group_id,
        reason,
        order_id=grant.order_id,
        committed_fen=-grant.amount_fen,
        spent_fen=spent_fen,
    )
