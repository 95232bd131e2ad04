"""Working off rows of work: a chunk is one transaction, and one by one if that fails.

Chunks take turns, whatever their kind, so that a herd leaves a processor to the shoppers.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from domain import work
from domain.checkout.noting import note, put_off
from domain.checkout.renewing import Renewal
from domain.database import transaction
from domain.settlement.turns import take_turn
from domain.work import Key, Lease

logger = logging.getLogger(__name__)

CHUNK = 500

Effect = Callable[[Session, Sequence[Key], datetime], Mapping[Key, datetime] | None]
"""What is done for subjects in the caller's transaction; those that wait, with until when."""


def work_off(kind: str, effect: Effect, *, at: datetime, limit: int = CHUNK) -> int:
    """Do up to `limit` pieces of work of a kind that are due; returns how many were looked at.

    Effect and work are one transaction. A chunk that fails is done again one by one, so that a
    poison row is parked and holds up nobody.
    """
    with transaction() as session:
        leases = work.claim(session, kind, limit=limit, at=at)
    if not leases:
        return 0
    try:
        _do(leases, effect, at)
    except Exception:
        logger.exception("a chunk of work failed", extra={"kind": kind, "rows": len(leases)})
        renewal = Renewal()
        for number, lease in enumerate(leases):
            renewal.renew(leases[number:])
            _do_alone(kind, lease, effect, at)
    return len(leases)


def _do(leases: Sequence[Lease], effect: Effect, at: datetime) -> None:
    with transaction() as session:
        take_turn(session)
        kept = work.hold(session, leases)
        waits = effect(session, [lease.subject for lease in kept], at) or {}
        work.finish(session, [lease for lease in kept if lease.subject not in waits])
        put_back: defaultdict[datetime, list[Lease]] = defaultdict(list)
        for lease in kept:
            if lease.subject in waits:
                put_back[waits[lease.subject]].append(lease)
        for due_at, waiting in put_back.items():
            work.put_back(session, waiting, due_at=due_at)


def _do_alone(kind: str, lease: Lease, effect: Effect, at: datetime) -> None:
    try:
        _do([lease], effect, at)
    except work.LeaseLost:
        logger.info("lease lost", extra={"work_id": lease.id})
    except OperationalError as error:
        put_off(lease, error, at)
    except Exception as error:
        logger.exception(
            "work failed",
            extra={"kind": kind, "subject_id": lease.subject_id, "try": lease.attempts},
        )
        failure = work.describe_error(error)
        note(lease, lambda session: work.fail(session, lease, at=at, error=failure))
