"""Jobs that throw away what is no longer needed."""

from domain.database import read_clock, transaction
from domain.idempotency import forget_old


def forget_idempotency_keys() -> None:
    """Delete idempotency keys older than 48 hours."""
    at = read_clock()
    with transaction() as session:
        forget_old(session, at=at)
