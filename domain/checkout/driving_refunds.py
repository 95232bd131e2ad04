"""Driving refunds to their end: sent, repeated with the same number, asked after until arrived.

They are sent at their accounts' speed: each call has a slot of the quota that all workers share.
While calls are under way the next refunds are leased and what was heard is recorded, in batches.

A gateway that did not answer may have heard: an earlier try may have been accepted, whatever a
later one is told. So a refusal counts at the first try only, or once a query finds nothing.

An account that is short of funds is not asked but for one probe a minute: its refunds wait, and go
on under their numbers as soon as a probe is accepted (`resuming`).
"""

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from domain import work
from domain.arrays import array
from domain.checkout.conveying import Belt, Ended, SlotMissed
from domain.checkout.driving import finish_those_over, run_step
from domain.checkout.hearing_gateways import REFUND_STATES
from domain.checkout.resuming import resume
from domain.database import transaction
from domain.errors import GatewayFailed
from domain.gateways.errors import (
    GatewayConflict,
    GatewayNeedsFunds,
    GatewayRejected,
    GatewayRetryable,
    GatewayUnknown,
)
from domain.gateways.protocol import GatewayRefund, RefundRequest, RefundStatus
from domain.money import Fen
from domain.payments.accounts import Account, callback_url, find_account
from domain.payments.quotas import (
    PROBE_EVERY,
    Shortage,
    find_shortages,
    mark_short,
    take_probe,
    take_slots,
)
from domain.settlement.applying_refunds import (
    lock_free_orders,
    move_refund,
    move_refunds,
    repeat_refund,
)
from domain.settlement.refunding import LONGEST_PAUSE, WORK
from domain.states import RefundState
from domain.work import Key, Lease

CHUNK = 100
# The longest wait: ten seconds for a slot, then a refund and a query of 13 seconds each.
LEASE_SECONDS = 60
GATHER_SECONDS = 0.1
BUDGET_SECONDS = 10.0
OTHERS_EVERY_SECONDS = 0.25
FIRST_QUERY = timedelta(seconds=30)
SAME_PAYMENT_WAIT = timedelta(minutes=1)
LOCKED_WAIT = timedelta(seconds=1)
ACTOR = "job:refund"

_LOOK = text(
    """
    SELECT r.merchant_id, r.id, r.public_id, r.order_id, r.payment_id, r.state, r.amount_fen,
        r.accepted_at, p.public_id AS payment_no, p.received_fen, p.gateway_account_id
    FROM refunds r JOIN payments p ON p.merchant_id = r.merchant_id AND p.id = r.payment_id
    JOIN unnest(CAST(:merchants AS bigint[]), CAST(:subjects AS bigint[])) AS t (m, s)
        ON r.merchant_id = t.m AND r.id = t.s
    """
)
_OVER = text(
    """
    SELECT r.merchant_id, r.id FROM refunds r
    JOIN unnest(CAST(:merchants AS bigint[]), CAST(:subjects AS bigint[])) AS t (m, s)
        ON r.merchant_id = t.m AND r.id = t.s
    WHERE r.state IN ('arrived', 'closed', 'settled_offline')
    """
)
_IN_STATE = text(
    """
    SELECT r.merchant_id, r.id FROM refunds r
    JOIN unnest(CAST(:merchants AS bigint[]), CAST(:subjects AS bigint[])) AS t (m, s)
        ON r.merchant_id = t.m AND r.id = t.s
    WHERE r.state = :state
    """
)
_JUST_SENT = text(
    """
    SELECT r.merchant_id, r.id, max(coalesce(o.accepted_at, o.moved_at)) AS sent_at
    FROM refunds r
    JOIN unnest(CAST(:merchants AS bigint[]), CAST(:subjects AS bigint[])) AS t (m, s)
        ON r.merchant_id = t.m AND r.id = t.s
    JOIN refunds o ON o.merchant_id = r.merchant_id AND o.order_id = r.order_id
        AND o.payment_id = r.payment_id AND o.id <> r.id
    WHERE o.state <> 'requested'
    GROUP BY r.merchant_id, r.id
    """
)
_TO_SEND = (
    RefundState.REQUESTED,
    RefundState.SENDING,
    RefundState.NEEDS_FUNDS,
    RefundState.UNKNOWN,
    RefundState.REJECTED,
)
_TO_ASK = (RefundState.ACCEPTED, RefundState.ABNORMAL)


class _FundsAwaited(Exception):
    """A call was not made: the account turned out short of funds while it was on its way."""


@dataclass(slots=True)
class _Job:
    """A leased refund as it was when it was looked at."""

    lease: Lease
    row: Row[Any]
    account: Account
    is_probe: bool = False

    @property
    def key(self) -> Key:
        return self.lease.subject

    @property
    def order(self) -> Key:
        return (self.lease.merchant_id, self.row.order_id)

    @property
    def is_to_send(self) -> bool:
        return self.row.state in _TO_SEND


@dataclass(frozen=True, slots=True)
class _Heard:
    """What a gateway said of a refund, as the state it means, and with which error."""

    to: RefundState
    error: str | None = None


_ACCEPTED = _Heard(RefundState.ACCEPTED)
_Ended = Ended[_Job, _Heard]


def drive_refunds(*, at: datetime) -> int:
    """Send or ask about refunds that are due at an instant; returns how many were looked at."""
    return keep_driving(lambda: at, seconds=BUDGET_SECONDS)


def keep_driving(read_clock: Callable[[], datetime], *, seconds: float) -> int:
    """Drive refunds until none is due or the time is up; returns how many were looked at."""
    driving = _Driving(read_clock, seconds)
    with driving.belt:
        return driving.run()


class _Driving:
    """One run: who waits for a slot, what is under way, which accounts are short of funds."""

    def __init__(self, read_clock: Callable[[], datetime], seconds: float) -> None:
        self.belt: Belt[_Job, _Heard] = Belt(self._call)
        self._read_clock = read_clock
        self._ends_at = time.monotonic() + seconds
        self._others_at = 0.0
        self._count = 0
        self._waiting: dict[Key, deque[_Job]] = defaultdict(deque)
        self._accounts: dict[Key, Account] = {}
        self._short: set[Key] = set()
        self._known_short: set[Key] = set()

    def run(self) -> int:
        """Lease, send and record, over and over."""
        try:
            while time.monotonic() < self._ends_at:
                found = self._prepare(self._read_clock())
                if not (found or self._waiting or self.belt.under_way):
                    return self._count
                self._record_ended()
        except Exception:
            self._finish()
            raise
        self._finish()
        return self._count

    def _finish(self) -> None:
        """Put back what waits for a slot, and record what is under way."""
        self._put_back([job for jobs in self._waiting.values() for job in jobs])
        self._waiting.clear()
        while self.belt.under_way:
            self._record_ended()
            self._put_back([job for jobs in self._waiting.values() for job in jobs])
            self._waiting.clear()

    # Preparing: leased, looked at, given slots, moved to sending.

    def _prepare(self, at: datetime) -> int:
        """Lease what is due, and put on the belt what has a slot; returns how many were leased."""
        limit = min(CHUNK, self.belt.places)
        if self._waiting and time.monotonic() < self._others_at:
            limit = 0
        if not (limit or (self._waiting and self.belt.places)):
            return 0
        with transaction() as session:
            leases = self._lease(session, limit, at) if limit else []
            jobs, broken = self._look(session, leases)
            waiting = [job for queued in self._waiting.values() for job in queued]
            to_send = [job for job in jobs if job.is_to_send]
            started, left = self._start(session, waiting + to_send, at)
        self._others_at = time.monotonic() + OTHERS_EVERY_SECONDS
        self._count += len(leases)
        self._waiting = left
        for job in jobs:
            if not job.is_to_send:
                self.belt.put(job)
        for job, slot in started:
            self.belt.put(job, slot=slot)
        for lease, error in broken:
            run_step(lease, _raising(error), at)
        return len(leases)

    def _lease(self, session: Session, limit: int, at: datetime) -> list[Lease]:
        """Lease rows of merchants whose refunds do not wait here already."""
        return work.claim(
            session,
            WORK,
            limit=limit,
            at=at,
            lease_seconds=LEASE_SECONDS,
            but_not={merchant_id for merchant_id, _ in self._waiting},
        )

    def _look(
        self, session: Session, leases: Sequence[Lease]
    ) -> tuple[list[_Job], list[tuple[Lease, Exception]]]:
        """Look at leased refunds; returns them, and those that cannot be driven, with the error."""
        finished = finish_those_over(session, leases, _OVER)
        going_on = [lease for lease in leases if lease.subject not in finished]
        jobs: list[_Job] = []
        broken: list[tuple[Lease, Exception]] = []
        if not going_on:
            return jobs, broken
        found = session.execute(_LOOK, _subjects(lease.subject for lease in going_on))
        rows = {(row.merchant_id, row.id): row for row in found}
        for lease in going_on:
            row = rows[lease.subject]
            try:
                jobs.append(_Job(lease, row, self._account(session, row)))
            except DBAPIError:
                raise
            except Exception as error:
                # One merchant's keys that cannot be read must not stop the others' refunds.
                broken.append((lease, error))
        return jobs, broken

    def _account(self, session: Session, row: Row[Any]) -> Account:
        key = (row.merchant_id, row.gateway_account_id)
        if key not in self._accounts:
            self._accounts[key] = find_account(session, key)
        return self._accounts[key]

    def _start(
        self, session: Session, jobs: Sequence[_Job], at: datetime
    ) -> tuple[list[tuple[_Job, datetime]], dict[Key, deque[_Job]]]:
        """Move to sending what may go now; returns it with its slots, and what waits for slots.

        Locks the orders, then the refunds, then the quotas.
        """
        started: list[tuple[_Job, datetime]] = []
        left: dict[Key, deque[_Job]] = defaultdict(deque)
        if not jobs:
            return started, left
        jobs = self._space_payments(session, self._lock(session, jobs, at), at)
        by_account: dict[Key, list[_Job]] = defaultdict(list)
        for job in jobs:
            by_account[job.account.key].append(job)
        shortages = find_shortages(session, sorted(self._accounts), "refund")
        self._forget_ended(shortages)
        for account in sorted(by_account):
            queued = by_account[account]
            if account in shortages:
                queued = self._probe(session, account, queued, shortages[account], at)
            places = max(0, self.belt.places - len(started))
            slots = take_slots(session, account, "refund", wanted=min(len(queued), places))
            started += zip(queued, slots, strict=False)
            if queued[len(slots) :]:
                left[account].extend(queued[len(slots) :])
        return self._move(session, started, at), left

    def _lock(self, session: Session, jobs: Sequence[_Job], at: datetime) -> list[_Job]:
        """Lock the orders of refunds; those that somebody else holds are put back for a moment."""
        free = lock_free_orders(session, (job.order for job in jobs))
        held = [job.lease for job in jobs if job.order not in free]
        work.put_back(session, held, due_at=at + LOCKED_WAIT)
        locked = [job for job in jobs if job.order in free]
        maybe = [job.key for job in locked if job.row.state == RefundState.REJECTED]
        rejected = _in_state(session, maybe, RefundState.REJECTED)
        for job in locked:
            if job.key in rejected:
                # Its work was parked: who unparks it wants the number repeated.
                repeat_refund(session, job.key, job.row.order_id, at=at, actor=ACTOR)
        return locked

    def _forget_ended(self, shortages: dict[Key, Shortage]) -> None:
        ended = self._known_short - shortages.keys()
        self._known_short -= ended
        self._short -= ended

    def _move(
        self, session: Session, started: Sequence[tuple[_Job, datetime]], at: datetime
    ) -> list[tuple[_Job, datetime]]:
        """Move to sending; what somebody else has moved meanwhile is looked at again."""
        keys = {job.key: job.row.order_id for job, _ in started}
        moved = move_refunds(session, keys, RefundState.SENDING, at=at, actor=ACTOR)
        moved |= _in_state(session, keys.keys() - moved, RefundState.SENDING)
        work.put_back(session, [job.lease for job, _ in started if job.key not in moved], due_at=at)
        return [(job, slot) for job, slot in started if job.key in moved]

    def _space_payments(self, session: Session, jobs: Sequence[_Job], at: datetime) -> list[_Job]:
        """Put back what came within a minute of another refund of its payment; returns the rest.

        Their orders are locked: nobody else sends one of them now.
        """
        rows = session.execute(_JUST_SENT, _subjects(job.key for job in jobs))
        free_at = {(row.merchant_id, row.id): row.sent_at + SAME_PAYMENT_WAIT for row in rows}
        ready: dict[Key, _Job] = {}
        for job in jobs:
            payment = (job.lease.merchant_id, job.row.payment_id)
            due_at = free_at.get(job.key, at)
            if payment in ready:
                due_at = max(due_at, at + SAME_PAYMENT_WAIT)
            if due_at > at:
                work.put_back(session, [job.lease], due_at=due_at)
            else:
                ready[payment] = job
        return list(ready.values())

    def _probe(
        self,
        session: Session,
        account: Key,
        jobs: Sequence[_Job],
        shortage: Shortage,
        at: datetime,
    ) -> list[_Job]:
        """Put back the refunds of an account that is short of funds, but for a probe."""
        probes = [job for job in jobs if job.is_probe]
        if not probes and take_probe(session, account, "refund", at=at):
            probes = [jobs[0]]
            probes[0].is_probe = True
            shortage = find_shortages(session, [account], "refund")[account]
        waiting = [job.lease for job in jobs if not job.is_probe]
        work.put_back(session, waiting, due_at=max(at, shortage.probe_at))
        return probes

    # Calling: in the belt's threads.

    def _call(self, job: _Job) -> _Heard:
        if not job.is_to_send:
            return _Heard(
                REFUND_STATES[
                    job.account.provider.query_refund(job.row.public_id, job.row.payment_no).status
                ]
            )
        if job.account.key in self._short and not job.is_probe:
            raise _FundsAwaited
        try:
            return _Heard(REFUND_STATES[_request(job).status])
        except GatewayNeedsFunds as error:
            self._short.add(job.account.key)
            return _Heard(RefundState.NEEDS_FUNDS, _said(error))
        except GatewayRetryable as error:
            return _Heard(RefundState.REQUESTED, _said(error))
        except (GatewayRejected, GatewayConflict) as error:
            return _Heard(RefundState.REJECTED, _said(error))
        except GatewayFailed as error:
            return _Heard(RefundState.UNKNOWN, _said(error))

    # Recording.

    def _record_ended(self) -> None:
        """Record the calls that ended, those that say the plain thing together."""
        if not self.belt.under_way and self._waiting:
            time.sleep(GATHER_SECONDS)
        ended = self.belt.take(seconds=GATHER_SECONDS)
        if not ended:
            return
        at = self._read_clock()
        for one in reversed(ended):
            if isinstance(one.error, SlotMissed):
                self._waiting[one.job.account.key].appendleft(one.job)
        called = [one for one in ended if not isinstance(one.error, SlotMissed | _FundsAwaited)]
        self._mark_short(called, at)
        accepted = [one for one in called if one.heard == _ACCEPTED]
        alone = [one for one in called if one.heard != _ACCEPTED]
        for one in (*_record_accepted(accepted, at), *alone):
            _record_alone(one, at)
        self._await_funds([one.job for one in ended if isinstance(one.error, _FundsAwaited)], at)
        for account in {one.job.account.key for one in called if _has_passed(one)}:
            with transaction() as session:
                resume(session, account, "refund", at=at)

    def _mark_short(self, ended: Sequence[_Ended], at: datetime) -> None:
        short = {
            one.job.account.key
            for one in ended
            if one.heard is not None and one.heard.to is RefundState.NEEDS_FUNDS
        }
        for account in sorted(short):
            with transaction() as session:
                mark_short(session, account, "refund", at=at)
        self._known_short |= short

    def _await_funds(self, jobs: Sequence[_Job], at: datetime) -> None:
        """Take refunds back that were not sent, as their account turned out short of funds."""

        def write(session: Session, leases: Sequence[Lease]) -> None:
            keys = {job.key: job.row.order_id for job in jobs if job.lease in leases}
            accounts = {job.account.key for job in jobs}
            shortages = find_shortages(session, sorted(accounts), "refund")
            due_at = max([at, *(shortage.probe_at for shortage in shortages.values())])
            move_refunds(session, keys, RefundState.REQUESTED, at=at, actor=ACTOR)
            work.put_back(session, leases, due_at=due_at)

        _write_together([job.lease for job in jobs], write, at)

    def _put_back(self, jobs: Sequence[_Job]) -> None:
        if jobs:
            at = self._read_clock()
            _write_together(
                [job.lease for job in jobs],
                lambda session, leases: work.put_back(session, leases, due_at=at),
                at,
            )


def _subjects(keys: Iterable[Key]) -> dict[str, str]:
    listed = list(keys)
    return {"merchants": array(m for m, _ in listed), "subjects": array(s for _, s in listed)}


def _in_state(session: Session, keys: Iterable[Key], state: RefundState) -> set[Key]:
    values = {**_subjects(keys), "state": state.value}
    return {(row.merchant_id, row.id) for row in session.execute(_IN_STATE, values)}


def _request(job: _Job) -> GatewayRefund:
    """Ask for a refund; a refusal is believed only if no earlier try was accepted."""
    row = job.row
    try:
        return job.account.provider.refund(
            RefundRequest(
                out_refund_no=row.public_id,
                out_trade_no=row.payment_no,
                amount_fen=Fen(row.amount_fen),
                total_fen=Fen(row.received_fen),
                reason="拼团退款",
                notify_url=callback_url(job.account, "refund"),
            )
        )
    except (GatewayRejected, GatewayConflict):
        # Only who holds a lease sends, and this is the first there ever was.
        if job.lease.fence == 1:
            raise
        known = _ask_whatever_it_says(row, job.account)
        if known.status is RefundStatus.NOT_FOUND or known.amount_fen != row.amount_fen:
            raise
        return known


def _ask_whatever_it_says(row: Row[Any], account: Account) -> GatewayRefund:
    """Ask how a refund stands. Raises GatewayUnknown, also where the query is refused."""
    try:
        return account.provider.query_refund(row.public_id, row.payment_no)
    except GatewayFailed as error:
        raise GatewayUnknown(**error.details) from error


def _said(error: GatewayFailed) -> str:
    return str(error.details.get("gateway_code") or error.code)


def _write_together(
    leases: Sequence[Lease], write: Callable[[Session, Sequence[Lease]], None], at: datetime
) -> None:
    """Write for all leases in one transaction, or for each alone where one is lost."""

    def write_alone(lease: Lease, _: datetime) -> None:
        with transaction() as session:
            write(session, [lease])

    if not leases:
        return
    try:
        with transaction() as session:
            write(session, leases)
    except (work.LeaseLost, OperationalError):
        for lease in leases:
            run_step(lease, write_alone, at)


def _has_passed(ended: _Ended) -> bool:
    """Say whether a probe was accepted: its account has funds again."""
    heard = ended.heard
    return ended.job.is_probe and heard is not None and heard.error is None


def _raising(error: Exception) -> Callable[[Lease, datetime], None]:
    def fail(_lease: Lease, _at: datetime) -> None:
        raise error

    return fail


def _record_alone(ended: _Ended, at: datetime) -> None:
    """Record one call, whatever was heard or raised."""
    run_step(ended.job.lease, lambda _, at: _record(ended.job, ended.result(), at), at)


def _record_accepted(ended: Sequence[_Ended], at: datetime) -> list[_Ended]:
    """Record that refunds are accepted, or still; returns those that are to be recorded alone."""
    if not ended:
        return []
    try:
        with transaction() as session:
            sent = {one.job.key: one.job.row.order_id for one in ended if one.job.is_to_send}
            done = move_refunds(session, sent, RefundState.ACCEPTED, at=at, actor=ACTOR)
            asked = [one.job.key for one in ended if not one.job.is_to_send]
            done |= _in_state(session, asked, RefundState.ACCEPTED)
            by_pause: dict[timedelta, list[Lease]] = defaultdict(list)
            for one in ended:
                if one.job.key in done:
                    by_pause[_pause(one.job, at)].append(one.job.lease)
            for pause, leases in by_pause.items():
                work.put_back(session, leases, due_at=at + pause)
    except (work.LeaseLost, OperationalError):
        return list(ended)
    return [one for one in ended if one.job.key not in done]


def _pause(job: _Job, at: datetime) -> timedelta:
    """Return when an accepted refund is asked after: each time as late again as it has waited."""
    waited = at - (job.row.accepted_at or at)
    pause = FIRST_QUERY
    while pause * 2 <= waited:
        pause *= 2
    return min(pause, LONGEST_PAUSE)


def _record(job: _Job, heard: _Heard, at: datetime) -> None:
    """Record what the gateway said, and when to look again; only a final state ends the work.

    A rejected refund's work is parked: it waits for a person.
    """
    lease = job.lease
    with transaction() as session:
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
