"""Renewing leases while gateways are called: short leases, so that a dead worker's rows come soon.

A worker that is stopped renews nothing: its rows are taken over, and its fence is worth nothing.
"""

import logging
import time
from collections.abc import Sequence

from sqlalchemy.exc import OperationalError

from domain import work
from domain.database import transaction
from domain.work import Lease

logger = logging.getLogger(__name__)

EVERY_SECONDS = 4.0


class Renewal:
    """Renews leases every few seconds, when asked to; used by one thread."""

    def __init__(self) -> None:
        self._due_at = time.monotonic() + EVERY_SECONDS

    @property
    def due_in(self) -> float:
        """Return the seconds until it is time to."""
        return max(0.0, self._due_at - time.monotonic())

    def renew(self, leases: Sequence[Lease]) -> None:
        """Renew leases if it is time to; those that are over or overtaken are left alone."""
        if self.due_in:
            return
        self._due_at = time.monotonic() + EVERY_SECONDS
        try:
            with transaction() as session:
                work.renew(session, leases, seconds=work.LEASE_SECONDS)
        except OperationalError:
            logger.warning("leases not renewed: database away or busy", exc_info=True)
