"""Sealing to the end: a transaction in another database of the server may hold the horizon up."""

from sqlalchemy import text

from domain.database import reading
from jobs.housekeeping import seal_ledger
from tests.sandbox_server import wait_until

_UNSEALED = text(
    "SELECT count(*) FROM ledger_transactions"
    " WHERE written_in >= coalesce((SELECT max(to_xid) FROM ledger_seals), 0)"
)


def seal_all() -> int:
    """Seal until nothing is left; returns how many transactions were."""
    total = 0

    def is_done() -> bool:
        nonlocal total
        total += seal_ledger()
        with reading() as session:
            return session.execute(_UNSEALED).scalar_one() == 0

    wait_until(is_done)
    return total
