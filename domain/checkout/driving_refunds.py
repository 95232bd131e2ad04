"""Driving refunds to their end: sent, repeated with the same number, asked after until arrived.

They are sent at their accounts' speed: each call has a slot of the quota that all workers share.
While calls are under way the next refunds are leased and what was heard is recorded, in batches.

An account that is short of funds is not asked but for one probe a minute: its refunds wait, and go
on under their numbers as soon as a probe is accepted (`resuming`).
"""

import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from domain import work
from domain.checkout.calling_refunds import (
    ACCEPTED,
    EndedRefund,
    FundsAwaited,
    Heard,
    RefundJob,
    call,
)
from domain.checkout.conveying import Belt, SlotMissed
from domain.checkout.driving import finish_those_over, run_step
from domain.checkout.recording_refunds import (
    ACTOR,
    SAME_PAYMENT_WAIT,
    in_state,
    record_accepted,
    record_alone,
    subjects,
    take_back,
    write_together,
)
from domain.checkout.renewing import Renewal
from domain.checkout.resuming import resume
from domain.database import transaction
from domain.payments.accounts import Account, find_account
from domain.payments.quotas import Shortage, find_shortages, mark_short, take_probe, take_slots
from domain.settlement.applying_refunds import lock_free_orders, move_refunds, repeat_refund
from domain.settlement.refunding import WORK
from domain.states import RefundState
from domain.work import Key, Lease

CHUNK = 200
GATHER_SECONDS = 0.1
BUDGET_SECONDS = 10.0
OTHERS_EVERY_SECONDS = 0.25
LOCKED_WAIT = timedelta(seconds=1)

_LOOK = text(
    """
    SELECT r.merchant_id, r.id, r.public_id, r.order_id, r.payment_id, r.state, r.amount_fen,
        r.accepted_at, p.public_id AS payment_no, p.received_fen, p.gateway_account_id,
        p.transaction_no, coalesce(r.elsewhere_no, r.public_id) AS number
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
        self.belt: Belt[RefundJob, Heard] = Belt(self._call)
        self._read_clock = read_clock
        self._ends_at = time.monotonic() + seconds
        self._others_at = 0.0
        self._count = 0
        self._waiting: dict[Key, deque[RefundJob]] = defaultdict(deque)
        self._accounts: dict[Key, Account] = {}
        self._short: set[Key] = set()
        self._known_short: set[Key] = set()
        self._renewal = Renewal()

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

    def _all_waiting(self) -> list[RefundJob]:
        return [job for jobs in self._waiting.values() for job in jobs]

    def _finish(self) -> None:
        """Put back what waits for a slot, and record what is under way."""
        self._put_back(self._all_waiting())
        self._waiting.clear()
        while self.belt.under_way:
            self._record_ended()
            self._put_back(self._all_waiting())
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
            waiting = self._all_waiting()
            to_send = [job for job in jobs if job.is_to_send]
            started, left = self._start(session, waiting + to_send, at)
        if limit:
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
            but_not={merchant_id for merchant_id, _ in self._waiting},
        )

    def _look(
        self, session: Session, leases: Sequence[Lease]
    ) -> tuple[list[RefundJob], list[tuple[Lease, Exception]]]:
        """Look at leased refunds; returns them, and those that cannot be driven, with the error."""
        finished = finish_those_over(session, leases, _OVER)
        going_on = [lease for lease in leases if lease.subject not in finished]
        jobs: list[RefundJob] = []
        broken: list[tuple[Lease, Exception]] = []
        if not going_on:
            return jobs, broken
        found = session.execute(_LOOK, subjects(lease.subject for lease in going_on))
        rows = {(row.merchant_id, row.id): row for row in found}
        for lease in going_on:
            row = rows[lease.subject]
            try:
                jobs.append(RefundJob(lease, row, self._account(session, row)))
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
        self, session: Session, jobs: Sequence[RefundJob], at: datetime
    ) -> tuple[list[tuple[RefundJob, datetime]], dict[Key, deque[RefundJob]]]:
        """Move to sending what may go now; returns it with its slots, and what waits for slots.

        Those whose lease was lost while they waited are left to who has it. Locks the work, then
        the orders that are free, the refunds, the quotas.
        """
        started: list[tuple[RefundJob, datetime]] = []
        left: dict[Key, deque[RefundJob]] = defaultdict(deque)
        kept = set(work.hold(session, [job.lease for job in jobs]))
        jobs = [job for job in jobs if job.lease in kept]
        if not jobs:
            return started, left
        jobs = self._space_payments(session, self._lock(session, jobs, at), at)
        by_account: dict[Key, list[RefundJob]] = defaultdict(list)
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

    def _lock(self, session: Session, jobs: Sequence[RefundJob], at: datetime) -> list[RefundJob]:
        """Lock the orders of refunds; those that somebody else holds are put back for a moment."""
        free = lock_free_orders(session, (job.order for job in jobs))
        held = [job.lease for job in jobs if job.order not in free]
        work.put_back(session, held, due_at=at + LOCKED_WAIT)
        locked = [job for job in jobs if job.order in free]
        maybe = [job.key for job in locked if job.row.state == RefundState.REJECTED]
        rejected = in_state(session, maybe, RefundState.REJECTED)
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
        self, session: Session, started: Sequence[tuple[RefundJob, datetime]], at: datetime
    ) -> list[tuple[RefundJob, datetime]]:
        """Move to sending; what somebody else has moved meanwhile is looked at again."""
        keys = {job.key: job.row.order_id for job, _ in started}
        moved = move_refunds(session, keys, RefundState.SENDING, at=at, actor=ACTOR)
        moved |= in_state(session, keys.keys() - moved, RefundState.SENDING)
        work.put_back(session, [job.lease for job, _ in started if job.key not in moved], due_at=at)
        return [(job, slot) for job, slot in started if job.key in moved]

    def _space_payments(
        self, session: Session, jobs: Sequence[RefundJob], at: datetime
    ) -> list[RefundJob]:
        """Put back what came within a minute of another refund of its payment; returns the rest.

        Their orders are locked: nobody else sends one of them now.
        """
        rows = session.execute(_JUST_SENT, subjects(job.key for job in jobs))
        free_at = {(row.merchant_id, row.id): row.sent_at + SAME_PAYMENT_WAIT for row in rows}
        ready: dict[Key, RefundJob] = {}
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
        jobs: Sequence[RefundJob],
        shortage: Shortage,
        at: datetime,
    ) -> list[RefundJob]:
        """Put back the refunds of an account that is short of funds, but for a probe."""
        probes = [job for job in jobs if job.is_probe]
        if not probes and take_probe(session, account, "refund", at=at):
            probes = [jobs[0]]
            probes[0].is_probe = True
            shortage = find_shortages(session, [account], "refund")[account]
        waiting = [job for job in jobs if not job.is_probe]
        take_back(session, waiting, due_at=max(at, shortage.probe_at), at=at)
        return probes

    # Calling: in the belt's threads.

    def _call(self, job: RefundJob) -> Heard:
        if job.is_to_send and job.account.key in self._short and not job.is_probe:
            raise FundsAwaited
        heard = call(job)
        if heard.to is RefundState.NEEDS_FUNDS:
            self._short.add(job.account.key)
        return heard

    # Recording.

    def _record_ended(self) -> None:
        """Record the calls that ended, those that say the plain thing together."""
        self._renewal.renew([job.lease for job in self._all_waiting() + self.belt.under_way])
        if not self.belt.under_way and self._waiting:
            time.sleep(GATHER_SECONDS)
        ended = self.belt.take(seconds=GATHER_SECONDS)
        if not ended:
            return
        at = self._read_clock()
        for one in reversed(ended):
            if isinstance(one.error, SlotMissed):
                self._waiting[one.job.account.key].appendleft(one.job)
        called = [one for one in ended if not isinstance(one.error, SlotMissed | FundsAwaited)]
        self._mark_short(called, at)
        accepted = [one for one in called if one.heard == ACCEPTED]
        alone = [one for one in called if one.heard != ACCEPTED]
        for one in (*record_accepted(accepted, at), *alone):
            record_alone(one, at)
        self._await_funds([one.job for one in ended if isinstance(one.error, FundsAwaited)], at)
        for account in {one.job.account.key for one in called if _has_passed(one)}:
            with transaction() as session:
                resume(session, account, "refund", at=at)

    def _mark_short(self, ended: Sequence[EndedRefund], at: datetime) -> None:
        short = {
            one.job.account.key
            for one in ended
            if one.heard is not None and one.heard.to is RefundState.NEEDS_FUNDS
        }
        for account in sorted(short):
            with transaction() as session:
                mark_short(session, account, "refund", at=at)
        self._known_short |= short

    def _await_funds(self, jobs: Sequence[RefundJob], at: datetime) -> None:
        """Take refunds back that were not sent, as their account turned out short of funds."""

        def write(session: Session, together: Sequence[RefundJob]) -> None:
            accounts = sorted({job.account.key for job in together})
            shortages = find_shortages(session, accounts, "refund")
            due_at = max([at, *(shortage.probe_at for shortage in shortages.values())])
            take_back(session, together, due_at=due_at, at=at)

        write_together(jobs, write, at)

    def _put_back(self, jobs: Sequence[RefundJob]) -> None:
        at = self._read_clock()
        write_together(
            jobs, lambda session, together: take_back(session, together, due_at=at, at=at), at
        )


def _has_passed(ended: EndedRefund) -> bool:
    """Say whether a probe was accepted: its account has funds again."""
    heard = ended.heard
    return ended.job.is_probe and heard is not None and heard.error is None


def _raising(error: Exception) -> Callable[[Lease, datetime], None]:
    def fail(_lease: Lease, _at: datetime) -> None:
        raise error

    return fail
