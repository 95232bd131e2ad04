"""Jobs that look after the whole mall at leisure."""

from domain.database import read_clock, transaction
from domain.idempotency import forget_old
from domain.settlement import measuring_funds


def forget_idempotency_keys() -> None:
    """Delete idempotency keys older than 48 hours."""
    at = read_clock()
    with transaction() as session:
        forget_old(session, at=at)


def measure_funds() -> None:
    """See whether the gateway accounts hold what wallets and running groups may cost."""
    measuring_funds.measure_funds(at=read_clock())
