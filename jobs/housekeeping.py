"""Jobs that look after the whole mall at leisure."""

from datetime import datetime

from domain import clock
from domain.checkout import looking
from domain.database import read_clock, transaction
from domain.idempotency import forget_old
from domain.ledger import sealing
from domain.merchants.attempts import forget_old_failures
from domain.settlement import measuring_funds
from jobs.looping import ASIDE_SECONDS, until_done


def forget_idempotency_keys() -> None:
    """Delete idempotency keys older than 48 hours, and failed sign-ins of yesterday."""
    at = read_clock()
    with transaction() as session:
        forget_old(session, at=at)
        forget_old_failures(session, now=clock.real_now())


def measure_funds() -> None:
    """See whether the gateway accounts hold what wallets and running groups may cost."""
    measuring_funds.measure_funds(at=read_clock())


def seal_ledger() -> int:
    """Seal what the ledger holds for good."""
    return until_done(_seal, seconds=ASIDE_SECONDS)


def _seal(at: datetime) -> int:
    with transaction() as session:
        seals = sealing.seal_ledger(session, at=at)
    sealing.tell_seals(seals)
    return sum(seal.transactions for seal in seals)


def tell_late() -> None:
    """Tell of members who have waited for too long."""
    looking.tell_late(at=read_clock())
