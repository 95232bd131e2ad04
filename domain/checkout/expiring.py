"""Expiring what is due, and telling of what expires soon; a chunk is a transaction."""

import logging
from collections.abc import Callable
from datetime import datetime

from sqlalchemy.exc import OperationalError

from domain.database import transaction
from domain.settlement.expiring import expire_instruments, expire_points, warn_of_expiry

logger = logging.getLogger(__name__)

CHUNK = 500


def expire_due(*, at: datetime, limit: int = CHUNK) -> int:
    """Expire coupons, passes and points that are over; returns how many there were of a chunk."""
    return _do(expire_instruments, at, limit) + _do(expire_points, at, limit)


def warn_of_expiring(*, at: datetime, limit: int = CHUNK) -> int:
    """Tell holders of what expires within days, each thing once; returns how many of a chunk."""
    return _do(warn_of_expiry, at, limit)


def _do(verb: Callable[..., int], at: datetime, limit: int) -> int:
    """Do a chunk in a transaction; one that fails is told, and tried again at the next look."""
    try:
        with transaction() as session:
            return verb(session, at=at, limit=limit)
    except OperationalError:
        logger.warning("database away or busy", exc_info=True)
    except Exception:
        logger.exception("expiring failed", extra={"verb": verb.__name__})
    return 0
