"""Claw-backs by staff: what a grant, a reward or a gift issued is taken back, as far as unspent."""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain import idempotency
from domain.database import transaction
from domain.idempotency import RequestKey
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
    source: text(f"SELECT id FROM {table} WHERE merchant_id = :m AND public_id = :public_id")  # noqa: S608
    for source, table in (
        (Source.GRANT, "grants"),
        (Source.REWARD, "rewards"),
        (Source.GIFT, "gifts"),
    )
}


def take_back(command: TakeBack, *, at: datetime) -> dict[str, Any]:
    """Take back what is unspent; returns how much that was. May be repeated with its key.

    Raises GrantNotFound, NothingToClawBack, RoleTooLow, Busy, IdempotencyKeyReused.
    """
    command.actor.require(Role.OPERATOR)
    with transaction() as session:
        done = idempotency.take(session, command.key)
        if done is not None:
            return done
        source_id = _find(session, command)
        wanted = ClawBack(
            command.source,
            (command.actor.merchant_id, source_id),
            command.reason,
            command.at_most_fen,
        )
        fen = claw_back(session, wanted, at=at, actor=command.actor.moved_by)
        audit(
            session,
            command.actor,
            f"{command.source.value}.clawed_back",
            subject_kind=command.source.value,
            subject_id=source_id,
            at=at,
            reason=command.reason,
            after={"clawed_back_fen": fen},
        )
        body = {"id": command.source_id, "clawed_back_fen": fen}
        idempotency.store(session, command.key, body, at=at, status=200)
    logger.info("clawed back", extra={"source": command.source.value, "source_id": source_id})
    return body


def _find(session: Session, command: TakeBack) -> int:
    values = {"m": command.actor.merchant_id, "public_id": command.source_id}
    found: int | None = session.execute(_FIND[command.source], values).scalar()
    if found is None:
        raise GrantNotFound
    return found
