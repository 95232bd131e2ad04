"""Driving leased work that asks gateways: each row on its own, several at once, errors sorted.

What happens between a lease and its record is a gateway call; nothing is locked meanwhile, and
the leases are renewed.
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from datetime import datetime

from sqlalchemy import TextClause
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from domain import work
from domain.arrays import array
from domain.checkout.noting import note, put_off
from domain.checkout.renewing import Renewal
from domain.database import transaction
from domain.errors import Busy, GatewayFailed
from domain.work import Key, Lease

logger = logging.getLogger(__name__)

CALLS_AT_ONCE = 8

Step = Callable[[Lease, datetime], None]


def drive(kind: str, step: Step, *, over: TextClause, at: datetime, limit: int) -> int:
    """Lease up to `limit` rows of a kind and run a step for each; returns how many were leased.

    `over` returns those of the subjects (:merchants, :subjects) that a callback has brought to
    their end: nothing is left to ask, so their work is finished with the lease.
    """
    with transaction() as session:
        leases = work.claim(session, kind, limit=limit, at=at)
        finished = finish_those_over(session, leases, over)
    _run_all([lease for lease in leases if lease.subject not in finished], step, at)
    return len(leases)


def finish_those_over(session: Session, leases: Sequence[Lease], over: TextClause) -> set[Key]:
    """Finish the leases whose subjects `over` returns; returns those subjects."""
    if not leases:
        return set()
    rows = session.execute(
        over,
        {
            "merchants": array(lease.merchant_id for lease in leases),
            "subjects": array(lease.subject_id for lease in leases),
        },
    )
    finished = {(row.merchant_id, row.id) for row in rows}
    work.finish(session, [lease for lease in leases if lease.subject in finished])
    return finished


def _run_all(leases: Sequence[Lease], step: Step, at: datetime) -> None:
    if not leases:
        return
    with ThreadPoolExecutor(max_workers=min(CALLS_AT_ONCE, len(leases))) as pool:
        renewal = Renewal()
        under_way = {pool.submit(run_step, lease, step, at): lease for lease in leases}
        while under_way:
            done, _ = wait(under_way, timeout=renewal.due_in, return_when=FIRST_COMPLETED)
            for future in done:
                del under_way[future]
                future.result()
            renewal.renew(list(under_way.values()))


def run_step(lease: Lease, step: Step, at: datetime) -> None:
    """Run one step, its errors sorted.

    Where the database is away, the lease lapses and the row comes again.
    """
    try:
        step(lease, at)
    except work.LeaseLost:
        logger.info("lease lost", extra={"work_id": lease.id})
    except (GatewayFailed, Busy) as error:
        code = error.code
        note(lease, lambda session: work.retry_later(session, lease, at=at, error=code))
    except OperationalError as error:
        put_off(lease, error, at)
    except Exception as error:
        logger.exception("work failed", extra={"work_id": lease.id, "attempts": lease.attempts})
        failure = work.describe_error(error)
        note(lease, lambda session: work.fail(session, lease, at=at, error=failure))
