"""Recording what gateways said of refunds: what is plain together, the rest one by one."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from domain import work
from domain.arrays import array
from domain.checkout.calling_refunds import EndedRefund, Heard, RefundJob
from domain.checkout.driving import run_step
from domain.database import transaction
from domain.payments.findings import record_finding
from domain.payments.quotas import PROBE_EVERY
from domain.settlement.applying_refunds import move_refund, move_refunds
from domain.settlement.refunding import LONGEST_PAUSE
from domain.states import RefundState
from domain.work import Key, Lease

FIRST_QUERY = timedelta(seconds=30)
SAME_PAYMENT_WAIT = timedelta(minutes=1)
ACTOR = "job:refund"

_IN_STATE = text(
    """
    SELECT r.merchant_id, r.id FROM refunds r
    JOIN unnest(CAST(:merchants AS bigint[]), CAST(:subjects AS bigint[])) AS t (m, s)
        ON r.merchant_id = t.m AND r.id = t.s
    WHERE r.state = :state
    """
)
_SURELY_UNSENT = (RefundState.REQUESTED, RefundState.NEEDS_FUNDS, RefundState.REJECTED)


def subjects(keys: Iterable[Key]) -> dict[str, str]:
    """Spread keys over the two arrays (as literals) that the statements join with."""
    listed = list(keys)
    return {"merchants": array(m for m, _ in listed), "subjects": array(s for _, s in listed)}


def in_state(session: Session, keys: Iterable[Key], state: RefundState) -> set[Key]:
    """Return those of the refunds that are in a state."""
    values = {**subjects(keys), "state": state.value}
    return {(row.merchant_id, row.id) for row in session.execute(_IN_STATE, values)}


def take_back(
    session: Session, jobs: Sequence[RefundJob], *, due_at: datetime, at: datetime
) -> None:
    """Put back refunds that were not called, though some are in sending already.

    One that was in sending before may have been sent by a worker that died: it stays there.
    """
    unsent = {job.key: job.row.order_id for job in jobs if job.row.state in _SURELY_UNSENT}
    move_refunds(session, unsent, RefundState.REQUESTED, at=at, actor=ACTOR)
    work.put_back(session, [job.lease for job in jobs], due_at=due_at)


def write_together(
    jobs: Sequence[RefundJob], write: Callable[[Session, Sequence[RefundJob]], None], at: datetime
) -> None:
    """Write for all jobs in one transaction, or for each alone where one's lease is lost."""
    if not jobs:
        return
    try:
        with transaction() as session:
            write(session, jobs)
    except (work.LeaseLost, OperationalError):
        for job in jobs:
            run_step(job.lease, _writing(write, job), at)


def _writing(
    write: Callable[[Session, Sequence[RefundJob]], None], job: RefundJob
) -> Callable[[Lease, datetime], None]:
    def write_alone(_lease: Lease, _at: datetime) -> None:
        with transaction() as session:
            write(session, [job])

    return write_alone


def record_alone(ended: EndedRefund, at: datetime) -> None:
    """Record one call, whatever was heard or raised."""
    run_step(ended.job.lease, lambda _, at: _record(ended.job, ended.result(), at), at)


def record_accepted(ended: Sequence[EndedRefund], at: datetime) -> list[EndedRefund]:
    """Record that refunds are accepted, or still; returns those that are to be recorded alone."""
    if not ended:
        return []
    try:
        with transaction() as session:
            sent = {one.job.key: one.job.row.order_id for one in ended if one.job.is_to_send}
            done = move_refunds(session, sent, RefundState.ACCEPTED, at=at, actor=ACTOR)
            asked = [one.job.key for one in ended if not one.job.is_to_send]
            done |= in_state(session, asked, RefundState.ACCEPTED)
            by_pause: dict[timedelta, list[Lease]] = defaultdict(list)
            for one in ended:
                if one.job.key in done:
                    by_pause[_pause(one.job, at)].append(one.job.lease)
            for pause, leases in by_pause.items():
                work.put_back(session, leases, due_at=at + pause)
    except (work.LeaseLost, OperationalError):
        return list(ended)
    return [one for one in ended if one.job.key not in done]


def _pause(job: RefundJob, at: datetime) -> timedelta:
    """Return when an accepted refund is asked after: each time as late again as it has waited."""
    waited = at - (job.row.accepted_at or at)
    pause = FIRST_QUERY
    while pause * 2 <= waited:
        pause *= 2
    return min(pause, LONGEST_PAUSE)


def _record(job: RefundJob, heard: Heard, at: datetime) -> None:
    """Record what the gateway said, and when to look again; only a final state ends the work.

    A rejected refund's work is parked: it waits for a person.
    """
    lease = job.lease
    with transaction() as session:
        if heard.finding is not None:
            record_finding(session, heard.finding, at=at)
        state = move_refund(
            session, job.key, job.row.order_id, heard.to, at=at, actor=ACTOR, error=heard.error
        )
        if state is RefundState.REJECTED:
            work.park(session, lease, error=heard.error or state.value)
        elif state is RefundState.UNKNOWN:
            work.retry_later(session, lease, at=at, error=heard.error or "not_found")
        elif state is RefundState.ACCEPTED:
            work.put_back(session, [lease], due_at=at + _pause(job, at))
        elif state is RefundState.ABNORMAL:
            work.put_back(session, [lease], due_at=at + LONGEST_PAUSE)
        elif heard.to is RefundState.NEEDS_FUNDS:
            work.put_back(session, [lease], due_at=at + PROBE_EVERY)
        elif heard.to is RefundState.REQUESTED:
            work.put_back(session, [lease], due_at=at + SAME_PAYMENT_WAIT)
        else:
            work.finish(session, [lease])
