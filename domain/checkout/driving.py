"""Driving leased work that asks gateways: each row on its own, several at once, errors sorted.

What happens between a lease and its record is a gateway call; nothing is locked meanwhile, and
the leases are renewed. Rows may have a lane, such as the brand that is asked: few of a lane are
asked at once, and after a call that was not heard the rest of it waits for another time.
"""

import logging
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
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
CALLS_AT_ONCE_IN_A_LANE = 2

Step = Callable[[Lease, datetime], None]


def drive(
    kind: str,
    step: Step,
    *,
    over: TextClause,
    at: datetime,
    limit: int,
    lanes: TextClause | None = None,
) -> int:
    """Lease up to `limit` rows of a kind and run a step for each; returns how many were leased.

    `over` returns those of the subjects (:merchants, :subjects) that a callback has brought to
    their end: nothing is left to ask, so their work is finished with the lease. `lanes` returns
    the lane of each subject; without it each is a lane of its own.
    """
    with transaction() as session:
        leases = work.claim(session, kind, limit=limit, at=at)
        finished = finish_those_over(session, leases, over)
        lane_of = {} if lanes is None else _lanes(session, leases, lanes)
    left = [lease for lease in leases if lease.subject not in finished]
    _run_all(left, step, at, lane_of)
    return len(leases)


def _lanes(session: Session, leases: Sequence[Lease], lanes: TextClause) -> dict[Key, Key]:
    rows = session.execute(lanes, _subjects(leases))
    return {(row.merchant_id, row.id): (row.merchant_id, row.lane) for row in rows}


def _subjects(leases: Sequence[Lease]) -> dict[str, object]:
    return {
        "merchants": array(lease.merchant_id for lease in leases),
        "subjects": array(lease.subject_id for lease in leases),
    }


def finish_those_over(session: Session, leases: Sequence[Lease], over: TextClause) -> set[Key]:
    """Finish the leases whose subjects `over` returns; returns those subjects."""
    if not leases:
        return set()
    rows = session.execute(over, _subjects(leases))
    finished = {(row.merchant_id, row.id) for row in rows}
    work.finish(session, [lease for lease in leases if lease.subject in finished])
    return finished


@contextmanager
def _threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """Lend threads; whoever leaves by an exception does not wait for their calls.

    A job whose time is up has to end: its process ends with it, and the threads with the process.
    """
    pool = ThreadPoolExecutor(max_workers=count)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def _run_all(leases: Sequence[Lease], step: Step, at: datetime, lane_of: dict[Key, Key]) -> None:
    if not leases:
        return
    waiting: dict[object, deque[Lease]] = defaultdict(deque)
    for lease in leases:
        waiting[lane_of.get(lease.subject, ("alone", lease.id))].append(lease)
    with _threads(min(CALLS_AT_ONCE, len(leases))) as pool:
        renewal = Renewal()
        under_way: dict[Future[bool], tuple[object, Lease]] = {}

        def call_next(lane: object) -> None:
            if waiting[lane]:
                lease = waiting[lane].popleft()
                under_way[pool.submit(run_step, lease, step, at)] = (lane, lease)

        for lane in list(waiting):
            for _ in range(CALLS_AT_ONCE_IN_A_LANE):
                call_next(lane)
        while under_way:
            done, _ = wait(under_way, timeout=renewal.due_in, return_when=FIRST_COMPLETED)
            for future in done:
                lane, _ = under_way.pop(future)
                if not future.result():
                    _put_off_all(waiting[lane], at)
                call_next(lane)
            left = [lease for lane in waiting.values() for lease in lane]
            renewal.renew([*(lease for _, lease in under_way.values()), *left])


def _put_off_all(leases: deque[Lease], at: datetime) -> None:
    """Put off what waits behind a call that was not heard: its turn comes later, unasked now."""
    while leases:
        lease = leases.popleft()
        note(
            lease,
            lambda session, lease=lease: work.retry_later(  # type: ignore[misc]
                session, lease, at=at, error="not asked: the call before was not heard"
            ),
        )


def run_step(lease: Lease, step: Step, at: datetime) -> bool:
    """Run one step, its errors sorted; returns whether whoever was asked could be heard.

    Where the database is away, the lease lapses and the row comes again.
    """
    try:
        step(lease, at)
    except work.LeaseLost:
        logger.info("lease lost", extra={"work_id": lease.id})
    except (GatewayFailed, Busy) as error:
        code = error.code
        note(lease, lambda session: work.retry_later(session, lease, at=at, error=code))
        return False
    except OperationalError as error:
        put_off(lease, error, at)
    except Exception as error:
        logger.exception("work failed", extra={"work_id": lease.id, "attempts": lease.attempts})
        failure = work.describe_error(error)
        note(lease, lambda session: work.fail(session, lease, at=at, error=failure))
    return True
