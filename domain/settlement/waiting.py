"""Waiting for the last seats: a group that may still form does not fail before it has asked.

A group is would-be full if its taken and its releasing seats are its size. It waits two minutes
from its move to closing, and then until the gateway has answered for each releasing payment once
more; while the gateway does not answer, ten minutes. So the result does not depend on whether
groups or payments are worked off first.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain import work
from domain.settlement.locking import Key, columns, unindexed
from domain.settlement.releasing import DRIVE_PAYMENT

LAST_SEAT_WAIT = timedelta(minutes=2)
AWAY_WAIT = timedelta(minutes=10)
LOOK_EVERY = timedelta(seconds=15)


class _Payment(NamedTuple):
    """An open payment of a releasing seat; `is_worked` says that somebody will ask about it."""

    merchant_id: int
    group_id: int
    id: int
    asked_at: datetime | None
    answered_at: datetime | None
    is_worked: bool

    @property
    def key(self) -> Key:
        """Return (merchant_id, id)."""
        return (self.merchant_id, self.id)

    def has_answered(self, closing_at: datetime) -> bool:
        """Say whether the gateway answered for it at the end of the two minutes, or later."""
        return is_since(self.answered_at, closing_at + LAST_SEAT_WAIT - LOOK_EVERY)

    def has_had_its_say(self, closing_at: datetime) -> bool:
        """Say whether it was answered for, or asked about in vain at the end of ten minutes."""
        return (
            self.has_answered(closing_at)
            or not self.is_worked
            or is_since(self.asked_at, closing_at + AWAY_WAIT - LOOK_EVERY)
        )


def is_since(happened_at: datetime | None, since: datetime) -> bool:
    """Say whether something has happened at an instant or later."""
    return happened_at is not None and happened_at >= since


_PAYMENTS = text(
    f"""
    SELECT o.merchant_id, o.group_id, p.id, p.asked_at, p.answered_at, w.id IS NOT NULL AS is_worked
    FROM orders o
    JOIN unnest(CAST(:merchants AS bigint[]), CAST(:ids AS bigint[])) AS t (m, i)
        ON o.merchant_id = t.m AND o.group_id = t.i
    JOIN payments p ON p.merchant_id = o.merchant_id AND p.order_id = o.id
    LEFT JOIN work_rows w ON w.merchant_id = p.merchant_id AND w.kind = '{DRIVE_PAYMENT}'
        AND w.subject_id = p.id AND {unindexed("w.state")} IN ('due', 'leased')
    WHERE {unindexed("o.state")} = 'placed'
        AND {unindexed("p.state")} IN ('created', 'pending', 'unknown', 'closing')
    """  # noqa: S608 - constants only
)


def wait_for_last_seats(
    session: Session, closing: Mapping[Key, datetime], *, at: datetime
) -> dict[Key, datetime]:
    """Return, of locked would-be full groups, those that wait, with when to look again.

    `closing` says when each moved to closing. Payments that have not had their say when a wait is
    nearly over are made due to be asked about at once.
    """
    payments = _payments_of(session, closing)
    work.hasten(
        session,
        DRIVE_PAYMENT,
        [p.key for key, of in payments.items() for p in of if _is_to_be_asked(p, closing[key], at)],
        due_at=at,
    )
    return {
        key: _look_again(closing[key], at)
        for key, of in payments.items()
        if _must_wait(of, closing[key], at)
    }


def _payments_of(session: Session, groups: Collection[Key]) -> dict[Key, list[_Payment]]:
    found: defaultdict[Key, list[_Payment]] = defaultdict(list)
    if groups:
        for row in session.execute(_PAYMENTS, columns(groups)):
            payment = _Payment(*row)
            found[payment.merchant_id, payment.group_id].append(payment)
    return found


def _must_wait(payments: Sequence[_Payment], closing_at: datetime, at: datetime) -> bool:
    if at < closing_at + LAST_SEAT_WAIT:
        return True
    if all(payment.has_answered(closing_at) for payment in payments):
        return False
    if at < closing_at + AWAY_WAIT:
        return True
    return not all(payment.has_had_its_say(closing_at) for payment in payments)


def _is_to_be_asked(payment: _Payment, closing_at: datetime, at: datetime) -> bool:
    """Say whether the end of a wait is near, and the payment was not asked about since."""
    ends = (closing_at + wait - LOOK_EVERY for wait in (LAST_SEAT_WAIT, AWAY_WAIT))
    return not payment.has_answered(closing_at) and any(
        at >= end and not is_since(payment.asked_at, end) for end in ends
    )


def _look_again(closing_at: datetime, at: datetime) -> datetime:
    ends = (closing_at + LAST_SEAT_WAIT, closing_at + AWAY_WAIT)
    return min((end for end in ends if at < end < at + LOOK_EVERY), default=at + LOOK_EVERY)
