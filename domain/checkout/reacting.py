"""Consuming facts: a chunk of one consumer's deliveries at a time, each exactly once."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from domain import work
from domain.database import transaction
from domain.work import Key, Lease

logger = logging.getLogger(__name__)

CHUNK = 500

Consumer = Callable[[Session, Sequence[Key], datetime], None]


def consume_facts(name: str, consumer: Consumer, *, at: datetime, limit: int = CHUNK) -> int:
    """Give a consumer the facts that are due to it; returns how many.

    Effect and delivery are one transaction. A chunk that fails is done again one by one, so that a
    poison fact is parked and holds up nobody.
    """
    with transaction() as session:
        leases = work.claim(session, name, limit=limit, at=at)
    if not leases:
        return 0
    try:
        _consume(leases, consumer, at)
    except Exception:
        logger.exception("consuming a chunk failed", extra={"consumer": name})
        for lease in leases:
            _consume_alone(lease, consumer, at)
    return len(leases)


def _consume(leases: Sequence[Lease], consumer: Consumer, at: datetime) -> None:
    with transaction() as session:
        kept = work.hold(session, leases)
        consumer(session, [lease.subject for lease in kept], at)
        work.finish(session, kept)


def _consume_alone(lease: Lease, consumer: Consumer, at: datetime) -> None:
    try:
        _consume([lease], consumer, at)
    except OperationalError:
        logger.warning("database away or busy", extra={"work_id": lease.id}, exc_info=True)
    except Exception as error:
        logger.exception("consuming a fact failed", extra={"fact_id": lease.subject_id})
        with transaction() as session:
            work.fail(session, lease, at=at, error=work.describe_error(error))
