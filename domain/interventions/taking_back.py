"""Claw-backs by staff: what a grant, a reward or a gift issued is taken back, as far as unspent."""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from domain import idempotency
from domain.database import transaction
from domain.idempotency import RequestKey
from domain.interventions.approval_limits import check_limit
from domain.merchants.auditing import StaffActor, audit
from domain.merchants.rules import Role
from domain.settlement.clawing_back import ClawBack, claw_back
from domain.settlement.issuing import Source
from domain.subsidies.errors import GrantNotFound

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TakeBack:
    """Take back what a source (public id) issued: all that is unspent, or at most so many fen."""

    actor: StaffActor
    key: RequestKey
    source: Source
    source_id: str
    reason: str
    at_most_fen: int | None = None


_FIND = {
    source: text(
        f"SELECT id, amount_fen - clawed_back_fen AS left_fen FROM {table}"  # noqa: S608
        " WHERE merchant_id = :m AND public_id = :public_id"
    )
    for source, table in (
        (Source.GRANT, "grants"),
        (Source.REWARD, "rewards"),
        (Source.GIFT, "gifts"),
    )
}


def take_back(command: TakeBack, *, at: datetime) -> dict[str, Any]:
    """Take back what is unspent; returns how much that was. May be repeated with its key.

    Raises GrantNotFound, NothingToClawBack, ApprovalNeeded, RoleTooLow, Busy,
    IdempotencyKeyReused.
    """
    actor = command.actor
    actor.require(Role.OPERATOR)
    with transaction() as session:
        done = idempotency.take(session, command.key)
        if done is not None:
            return done
        body = take_back_unspent(
            session,
            actor,
            command.source,
            command.source_id,
            at_most_fen=command.at_most_fen,
            reason=command.reason,
            at=at,
        )
        check_limit(session, actor, "clawback", body["clawed_back_fen"], at=at)
        idempotency.store(session, command.key, body, at=at, status=200)
    logger.info("clawed back", extra={"source": command.source.value, "id": command.source_id})
    return body


def find_source(session: Session, merchant_id: int, source: Source, public_id: str) -> Row[Any]:
    """Return a source's inner id, and what is not taken back of it yet. Raises GrantNotFound."""
    found = session.execute(_FIND[source], {"m": merchant_id, "public_id": public_id}).first()
    if found is None:
        raise GrantNotFound
    return found


def take_back_unspent(
    session: Session,
    actor: StaffActor,
    source: Source,
    public_id: str,
    *,
    at_most_fen: int | None,
    reason: str,
    at: datetime,
) -> dict[str, Any]:
    """Take back what is unspent of a source; returns how much. Raises as `take_back`."""
    source_id = find_source(session, actor.merchant_id, source, public_id).id
    wanted = ClawBack(source, (actor.merchant_id, source_id), reason, at_most_fen)
    fen = claw_back(session, wanted, at=at, actor=actor.moved_by)
    audit(
        session,
        actor,
        f"{source.value}.clawed_back",
        subject_kind=source.value,
        subject_id=source_id,
        at=at,
        reason=reason,
        after={"clawed_back_fen": fen},
    )
    return {"id": public_id, "clawed_back_fen": fen}
