"""Noting on a row of work that it failed: a note that cannot be written must not stop the others.

The lease then lapses, and the row comes again.
"""

import logging
from collections.abc import Callable
from datetime import datetime

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from domain import work
from domain.database import transaction
from domain.work import Lease

logger = logging.getLogger(__name__)


def note(lease: Lease, write: Callable[[Session], None]) -> None:
    """Write a note in a transaction of its own, if the lease is still good."""
    try:
        with transaction() as session:
            write(session)
    except work.LeaseLost:
        logger.info("lease lost", extra={"work_id": lease.id})
    except OperationalError as error:
        logger.warning(
            "database away or busy",
            extra={"work_id": lease.id, "cause": work.describe_error(error)},
        )


def put_off(lease: Lease, error: OperationalError, at: datetime) -> None:
    """Put off what the database had no time for; where it is away, the lease lapses.

    A server that answered has named a state.
    """
    cause = work.describe_error(error)
    logger.warning("database away or busy", extra={"work_id": lease.id, "cause": cause})
    has_answered = getattr(error.orig, "sqlstate", None) is not None
    if has_answered and not error.connection_invalidated:
        note(lease, lambda session: work.retry_later(session, lease, at=at, error=cause))
