"""How fast a gateway account may be asked, shared by all workers, and whether its money suffices.

Slots are real instants, evenly spaced: one statement moves the account's next free slot on (the
"generic cell rate algorithm" of ITU-T I.371, without a burst). Who was given slots calls at them;
a slot that is missed is lost. An account that is short of funds is asked once a minute only, by a
probe, until one is accepted or somebody says that it was topped up; those are business instants.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain import clock
from domain.arrays import array
from domain.config import settings

Key = tuple[int, int]
Operation = Literal["refund", "transfer"]
OPERATIONS: tuple[Operation, ...] = ("refund", "transfer")

AHEAD = timedelta(milliseconds=500)
PROBE_EVERY = timedelta(minutes=1)
# No sane worker leaves the next free slot further away: then a host's clock was wrong.
_FURTHEST = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Shortage:
    """An account whose money does not suffice: since when, and when it is tried again."""

    since: datetime
    probe_at: datetime


_TAKE = text(
    """
    WITH quota AS (
        SELECT merchant_id, id, ceil(1000000.0 / coalesce(per_second, :per_second)) AS spacing,
            CASE WHEN next_at > :furthest THEN CAST(:real_now AS timestamptz)
                ELSE greatest(next_at, :real_now) END AS starts_at
        FROM gateway_quotas
        WHERE merchant_id = :merchant_id AND gateway_account_id = :account_id
            AND operation = :operation
        FOR NO KEY UPDATE
    ), taken AS (
        SELECT merchant_id, id, spacing, starts_at, least(:wanted, greatest(0, ceil(
            extract(epoch FROM CAST(:until AS timestamptz) - starts_at) * 1000000 / spacing
        ))) AS slots
        FROM quota
    )
    UPDATE gateway_quotas q
    SET next_at = t.starts_at + t.slots * t.spacing * interval '1 microsecond'
    FROM taken t
    WHERE q.merchant_id = t.merchant_id AND q.id = t.id
    RETURNING t.starts_at, CAST(t.spacing AS bigint) AS spacing, CAST(t.slots AS int) AS slots
    """
)


def per_second(operation: Operation) -> int:
    """Return how often an account without a quota of its own may be asked."""
    config = settings()
    return config.refunds_per_second if operation == "refund" else config.transfers_per_second


def take_slots(
    session: Session, account: Key, operation: Operation, *, wanted: int
) -> list[datetime]:
    """Take up to `wanted` slots of an account; returns their real instants, soonest first.

    None of them is more than half a second ahead, so there may be fewer, or none. Locks the quota
    until the transaction ends; the slots of one that is rolled back are given out again.
    """
    real_now = clock.real_now()
    taken = session.execute(
        _TAKE,
        {
            "merchant_id": account[0],
            "account_id": account[1],
            "operation": operation,
            "per_second": per_second(operation),
            "wanted": wanted,
            "real_now": real_now,
            "until": real_now + AHEAD,
            "furthest": real_now + _FURTHEST,
        },
    ).one()
    return [
        taken.starts_at + timedelta(microseconds=number * taken.spacing)
        for number in range(taken.slots)
    ]


_SHORTAGES = text(
    """
    SELECT q.merchant_id, q.gateway_account_id, q.short_since, q.probe_at FROM gateway_quotas q
    JOIN unnest(CAST(:merchants AS bigint[]), CAST(:accounts AS bigint[])) AS t (m, a)
        ON q.merchant_id = t.m AND q.gateway_account_id = t.a
    WHERE q.operation = :operation AND q.short_since IS NOT NULL
    """
)


def find_shortages(
    session: Session, accounts: Sequence[Key], operation: Operation
) -> dict[Key, Shortage]:
    """Return those of the accounts that are short of funds."""
    if not accounts:
        return {}
    rows = session.execute(
        _SHORTAGES,
        {
            "merchants": array(merchant_id for merchant_id, _ in accounts),
            "accounts": array(account_id for _, account_id in accounts),
            "operation": operation,
        },
    )
    return {
        (row.merchant_id, row.gateway_account_id): Shortage(row.short_since, row.probe_at)
        for row in rows
    }


_MARK = text(
    """
    UPDATE gateway_quotas SET short_since = coalesce(short_since, :at), probe_at = :probe_at
    WHERE merchant_id = :merchant_id AND gateway_account_id = :account_id
        AND operation = :operation
    RETURNING short_since, probe_at
    """
)
_PROBE = text(
    """
    UPDATE gateway_quotas SET probe_at = :probe_at
    WHERE merchant_id = :merchant_id AND gateway_account_id = :account_id
        AND operation = :operation AND short_since IS NOT NULL AND probe_at <= :at
    RETURNING id
    """
)
_LOCK_SHORT = text(
    """
    SELECT short_since, probe_at FROM gateway_quotas
    WHERE merchant_id = :merchant_id AND gateway_account_id = :account_id
        AND operation = :operation AND short_since IS NOT NULL
    FOR NO KEY UPDATE
    """
)
_END = text(
    """
    UPDATE gateway_quotas SET short_since = NULL, probe_at = NULL
    WHERE merchant_id = :merchant_id AND gateway_account_id = :account_id
        AND operation = :operation
    """
)


def mark_short(session: Session, account: Key, operation: Operation, *, at: datetime) -> Shortage:
    """Note that an account's money did not suffice: it is tried again in a minute."""
    row = session.execute(
        _MARK, {**_one(account, operation), "at": at, "probe_at": at + PROBE_EVERY}
    ).one()
    return Shortage(row.short_since, row.probe_at)


def take_probe(session: Session, account: Key, operation: Operation, *, at: datetime) -> bool:
    """Say whether the caller may try a short account now; the next may in a minute."""
    values = {**_one(account, operation), "at": at, "probe_at": at + PROBE_EVERY}
    return session.execute(_PROBE, values).first() is not None


def end_shortage(session: Session, account: Key, operation: Operation) -> Shortage | None:
    """Lift the mark of an account; returns what it was, or None where there was none."""
    row = session.execute(_LOCK_SHORT, _one(account, operation)).first()
    if row is None:
        return None
    session.execute(_END, _one(account, operation))
    return Shortage(row.short_since, row.probe_at)


def _one(account: Key, operation: Operation) -> dict[str, object]:
    return {"merchant_id": account[0], "account_id": account[1], "operation": operation}
