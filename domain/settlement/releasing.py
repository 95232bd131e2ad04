"""Releasing unpaid seats: closing their payments first, freeing them when the gateway says closed.

A hold that runs out (or is given up) becomes releasing: seat, means, cap and budget stay reserved,
and the order stays placed. The seat is freed when no payment of the order can succeed any more, or
after 15 minutes all the same, once the gateway was asked about its payments after them.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain import outbox, work
from domain.ledger import posting
from domain.orders.rules import RELEASING_LIMIT
from domain.settlement.locking import (
    DayChange,
    Key,
    LockedGroup,
    LockedOrder,
    change_days,
    columns,
    lock_days_of,
    lock_groups,
    lock_orders,
    unindexed,
)
from domain.settlement.movements import Movement, record_movements
from domain.settlement.moving import count_seats, move_groups, move_orders_and_seats
from domain.settlement.spending import give_back_means
from domain.states import GroupState, OrderState, SeatState

DRIVE_PAYMENT = "drive_payment"
ACTOR = "settlement:release"


class Candidate(NamedTuple):
    """An order that may be due, seen without a lock."""

    merchant_id: int
    id: int
    group_id: int | None


_EXPIRED = """
    SELECT merchant_id, id, group_id FROM orders
    WHERE state = 'placed' AND releasing_at IS NULL AND hold_expires_at <= :at
    ORDER BY hold_expires_at LIMIT {limit}
"""
_LIMIT = f"interval '{RELEASING_LIMIT.total_seconds():.0f} seconds'"
OVERDUE: Final = f"""
    o.state = 'placed' AND o.releasing_at IS NOT NULL
    AND o.releasing_at <= CAST(:at AS timestamptz) - {_LIMIT}
    AND NOT EXISTS (
        SELECT FROM groups g
        WHERE g.merchant_id = o.merchant_id AND g.id = o.group_id
            AND g.state IN ('open', 'closing') AND least(g.deadline_at, g.cut_at) <= :at
            AND g.taken > 0 AND g.taken + g.held + g.releasing = g.size)
"""
"""Which orders `o` have been releasing for too long at `:at`.

A seat that its group waits for after the deadline is not among them: the group decides first.
"""
_UNASKED = f"""
    SELECT w.merchant_id, w.subject_id FROM payments p
    JOIN work_rows w ON w.merchant_id = p.merchant_id AND w.kind = '{DRIVE_PAYMENT}'
        AND w.subject_id = p.id AND w.state IN ('due', 'leased')
    WHERE p.merchant_id = o.merchant_id AND p.order_id = o.id
        AND p.state IN ('created', 'pending', 'unknown', 'closing')
        AND (p.asked_at IS NULL OR p.asked_at < o.releasing_at + {_LIMIT})
"""  # noqa: S608 - constants only
_OVERDUE = f"""
    SELECT o.merchant_id, o.id, o.group_id FROM orders o
    WHERE {OVERDUE} AND NOT EXISTS ({_UNASKED})
    ORDER BY o.releasing_at LIMIT {{limit}}
"""  # noqa: S608 - constants only
_TO_BE_ASKED = f"""
    SELECT unasked.merchant_id, unasked.subject_id
    FROM orders o CROSS JOIN LATERAL ({_UNASKED} AND w.due_at > :at) unasked
    WHERE {OVERDUE}
    ORDER BY o.releasing_at LIMIT {{limit}}
"""  # noqa: S608 - constants only


def find_expired_holds(session: Session, *, at: datetime, limit: int) -> list[Candidate]:
    """Find placed orders whose hold has run out."""
    rows = session.execute(text(_EXPIRED.format(limit=int(limit))), {"at": at})
    return [Candidate(*row) for row in rows]


def find_overdue_releases(session: Session, *, at: datetime, limit: int) -> list[Candidate]:
    """Find placed orders that have been releasing for 15 minutes.

    Those that the gateway was not asked about since are left out, as long as somebody will ask:
    after an outage a payment is heard first, and its seat is freed second.
    """
    rows = session.execute(text(_OVERDUE.format(limit=int(limit))), {"at": at})
    return [Candidate(*row) for row in rows]


def ask_about_overdue(session: Session, *, at: datetime, limit: int) -> None:
    """Make it due to ask about the payments that an overdue release waits for."""
    rows = session.execute(text(_TO_BE_ASKED.format(limit=int(limit))), {"at": at}).all()
    work.hasten(session, DRIVE_PAYMENT, [(row[0], row[1]) for row in rows], due_at=at)


_START = text(
    """
    UPDATE orders o SET releasing_at = :at, release_reason = :reason, moved_at = :at,
        moved_by = :actor, seat_state = CASE o.seat_state WHEN 'held' THEN 'releasing' END
    FROM unnest(CAST(:merchants AS bigint[]), CAST(:ids AS bigint[])) AS t (m, i)
    WHERE o.merchant_id = t.m AND o.id = t.i
    """
)
_CLOSE_PAYMENTS = text(
    f"""
    WITH open AS (
        SELECT p.merchant_id, p.id FROM payments p
        JOIN unnest(CAST(:merchants AS bigint[]), CAST(:ids AS bigint[])) AS t (m, i)
            ON p.merchant_id = t.m AND p.order_id = t.i
        WHERE {unindexed("p.state")} IN ('created', 'pending', 'unknown')
        ORDER BY p.merchant_id, p.id FOR NO KEY UPDATE OF p
    )
    UPDATE payments p SET state = 'closing', moved_at = :at, moved_by = :actor
    FROM open WHERE p.merchant_id = open.merchant_id AND p.id = open.id
    RETURNING p.merchant_id, p.id
    """  # noqa: S608 - constants only
)
_STILL_OPEN = text(
    """
    SELECT DISTINCT p.merchant_id, p.order_id FROM payments p
    JOIN unnest(CAST(:merchants AS bigint[]), CAST(:ids AS bigint[])) AS t (m, i)
        ON p.merchant_id = t.m AND p.order_id = t.i
    WHERE p.state IN ('created', 'pending', 'unknown', 'closing')
    """
)


def close_payments(session: Session, orders: Sequence[Key], *, at: datetime, actor: str) -> None:
    """Move the orders' open payments to closing, and make closing them at the gateway due."""
    if not orders:
        return
    closing = session.execute(_CLOSE_PAYMENTS, {**columns(orders), "at": at, "actor": actor}).all()
    keys = [(row.merchant_id, row.id) for row in closing]
    work.hasten(session, DRIVE_PAYMENT, keys, due_at=at)


def start_release(
    session: Session,
    orders: Sequence[LockedOrder],
    *,
    reason: str,
    at: datetime,
    actor: str = ACTOR,
) -> list[LockedOrder]:
    """Make locked placed orders releasing; returns those that have no payment to wait for.

    Their groups (if any) are locked. `reason` is `expired` or `cancelled`.
    """
    if not orders:
        return []
    keys = [o.key for o in orders]
    session.execute(_START, {**columns(keys), "at": at, "reason": reason, "actor": actor})
    changes: dict[Key, tuple[int, int, int]] = {}
    for order in orders:
        if order.group_id is not None:
            _, held, releasing = changes.get(order.group_key, (0, 0, 0))
            changes[order.group_key] = (0, held - 1, releasing + 1)
    if changes:
        count_seats(session, changes)
    close_payments(session, keys, at=at, actor=actor)
    waiting = {tuple(row) for row in session.execute(_STILL_OPEN, columns(keys))}
    return [
        o._replace(
            release_reason=reason,
            seat_state=None if o.seat_state is None else SeatState.RELEASING.value,
        )
        for o in orders
        if o.key not in waiting
    ]


_RESTOCK = text(
    """
    WITH freed AS (
        SELECT m, i, count(*) AS n
        FROM unnest(CAST(:merchants AS bigint[]), CAST(:ids AS bigint[])) AS u (m, i) GROUP BY 1, 2
    ), locked AS (
        SELECT v.merchant_id, v.id, freed.n
        FROM variants v JOIN freed ON v.merchant_id = freed.m AND v.id = freed.i
        ORDER BY v.merchant_id, v.id FOR NO KEY UPDATE OF v
    )
    UPDATE variants v SET stock_units = v.stock_units + locked.n
    FROM locked WHERE v.merchant_id = locked.merchant_id AND v.id = locked.id
    """
)


def free_orders(
    session: Session,
    orders: Sequence[LockedOrder],
    groups: dict[Key, LockedGroup],
    *,
    at: datetime,
    actor: str = ACTOR,
) -> None:
    """Free locked releasing orders: seat released, order expired or cancelled, means given back.

    Their groups and days are locked; an order given up that was bought alone changes no day. An
    unpaid expiry is counted and told, and gives the day's participation back. A group that is left
    with no seat ends: abandoned if its leader never paid, else closed.
    """
    if not orders:
        return
    for reason, state in (("expired", OrderState.EXPIRED), ("cancelled", OrderState.CANCELLED)):
        of_reason = [o for o in orders if o.release_reason == reason]
        in_group = [o.key for o in of_reason if o.group_id is not None]
        alone = [o.key for o in of_reason if o.group_id is None]
        move_orders_and_seats(session, in_group, state, SeatState.RELEASED, at=at, actor=actor)
        move_orders_and_seats(session, alone, state, None, at=at, actor=actor)
    change_days(session, [change for o in orders for change in _days_given_back(o)])
    restocked = [(o.merchant_id, o.variant_id) for o in orders if o.group_id is None]
    if restocked:
        session.execute(_RESTOCK, columns(restocked))
    posting.post(session, give_back_means(session, orders, at=at, actor=actor), at=at)
    expired = [o.key for o in orders if o.release_reason == "expired"]
    facts = [outbox.NewFact(merchant_id, "order.expired", id_) for merchant_id, id_ in expired]
    outbox.emit(session, facts, at=at)
    _leave_groups(session, orders, groups, at=at, actor=actor)


def _days_given_back(order: LockedOrder) -> list[DayChange]:
    """Say what freeing an order changes in its shopper's days; alone it took part in nothing."""
    shopper, is_expiry = (order.merchant_id, order.shopper_id), order.release_reason == "expired"
    if not is_expiry:
        return []
    participations = 0 if order.group_id is None else -1
    return [DayChange(*shopper, order.placed_on, participations=participations, expired_holds=1)]


def _leave_groups(
    session: Session,
    orders: Sequence[LockedOrder],
    groups: dict[Key, LockedGroup],
    *,
    at: datetime,
    actor: str,
) -> None:
    changes: dict[Key, tuple[int, int, int]] = {}
    for order in orders:
        if order.group_id is not None:
            changes[order.group_key] = (0, 0, changes.get(order.group_key, (0, 0, 0))[2] - 1)
    if not changes:
        return
    counted = count_seats(session, changes)
    end_empty_groups(session, counted, groups, at=at, actor=actor)
    record_movements(
        session,
        [
            Movement(
                o.merchant_id,
                groups[o.group_key].campaign_id,
                groups[o.group_key].id,
                "released_late",
                order_id=o.id,
                committed_fen=-groups[o.group_key].largest_subsidy_fen,
            )
            for o in orders
            if o.group_id is not None and groups[o.group_key].state == GroupState.FAILED
        ],
        at=at,
    )


def end_empty_groups(
    session: Session,
    counted: dict[Key, tuple[str, int, int, int]],
    groups: dict[Key, LockedGroup],
    *,
    at: datetime,
    actor: str,
) -> None:
    """End groups in which no seat is taken, held or releasing any more; releases what they bind."""
    empty = {key: row[0] for key, row in counted.items() if row[1:] == (0, 0, 0)}
    abandoned = [key for key, state in empty.items() if state == GroupState.PENDING]
    closed = [
        key
        for key, state in empty.items()
        if state in (GroupState.OPEN, GroupState.CLOSING, GroupState.FROZEN)
    ]
    move_groups(session, abandoned, GroupState.ABANDONED, at=at, actor=actor, reason="unpaid")
    move_groups(session, closed, GroupState.CLOSED, at=at, actor=actor)
    record_movements(
        session,
        [
            Movement(
                groups[key].merchant_id,
                groups[key].campaign_id,
                groups[key].id,
                "ended_empty",
                committed_fen=-groups[key].size * groups[key].seat_cost_fen,
                stock_committed=-groups[key].size,
            )
            for key in (*abandoned, *closed)
        ],
        at=at,
    )


_DAYS_OF_ALONE = text(
    """
    SELECT o.merchant_id, o.shopper_id, o.placed_on FROM orders o
    JOIN unnest(CAST(:merchants AS bigint[]), CAST(:ids AS bigint[])) AS t (m, i)
        ON o.merchant_id = t.m AND o.id = t.i
    """
)


def _locked(
    session: Session, candidates: Sequence[Candidate]
) -> tuple[dict[Key, LockedGroup], list[LockedOrder]]:
    """Lock candidates' groups, then the days of members and of those bought alone, then orders."""
    groups = lock_groups(
        session, sorted({(c.merchant_id, c.group_id) for c in candidates if c.group_id is not None})
    )
    alone = [(c.merchant_id, c.id) for c in candidates if c.group_id is None]
    days = session.execute(_DAYS_OF_ALONE, columns(alone)).all() if alone else []
    lock_days_of(session, list(groups), also=[(row[0], row[1], row[2]) for row in days])
    return groups, lock_orders(session, [(c.merchant_id, c.id) for c in candidates])


def expire_holds(session: Session, candidates: Sequence[Candidate], *, at: datetime) -> int:
    """Release orders whose hold has run out; frees at once those without a payment to close."""
    groups, orders = _locked(session, candidates)
    due = [o for o in orders if o.state == OrderState.PLACED and o.release_reason is None]
    free_orders(session, start_release(session, due, reason="expired", at=at), groups, at=at)
    return len(due)


def free_overdue(session: Session, candidates: Sequence[Candidate], *, at: datetime) -> int:
    """Free orders that have been releasing for 15 minutes, whatever their payments say."""
    groups, orders = _locked(session, candidates)
    due = [o for o in orders if o.state == OrderState.PLACED and o.release_reason is not None]
    free_orders(session, due, groups, at=at)
    return len(due)


def free_if_unpayable(
    session: Session, order: LockedOrder, groups: dict[Key, LockedGroup], *, at: datetime
) -> None:
    """Release a locked placed order, and free it if none of its payments can succeed any more."""
    if order.release_reason is None:
        free_orders(
            session, start_release(session, [order], reason="expired", at=at), groups, at=at
        )
    elif not session.execute(_STILL_OPEN, columns([order.key])).first():
        free_orders(session, [order], groups, at=at)


_PAYMENT_CLOSING = text(
    """
    UPDATE payments SET state = 'closing', moved_at = :at, moved_by = :actor
    WHERE merchant_id = :merchant_id AND id = :id AND state = 'pending'
    """
)
_PAYMENT_CLOSED = text(
    """
    UPDATE payments SET state = 'closed', moved_at = :at, moved_by = :actor
    WHERE merchant_id = :merchant_id AND id = :id AND state IN ('created', 'unknown', 'closing')
    """
)


_ASKED = text(
    """
    UPDATE payments SET asked_at = :at,
        answered_at = CASE WHEN :is_answered THEN CAST(:at AS timestamptz) ELSE answered_at END
    WHERE merchant_id = :merchant_id AND id = :id AND state = 'closing'
    """
)


def record_asked(session: Session, payment: Key, *, is_answered: bool, at: datetime) -> None:
    """Record that the gateway was asked about a payment that is being closed, and if it answered.

    `at` is when the asking began: what it answers is at least that new.
    """
    session.execute(
        _ASKED,
        {"merchant_id": payment[0], "id": payment[1], "is_answered": is_answered, "at": at},
    )


def record_closed(session: Session, candidate: Candidate, payment_id: int, *, at: datetime) -> None:
    """Record that a gateway has closed a payment; frees its releasing order if it was the last.

    Locks the group, its days and the order first. A payment that succeeded meanwhile stays so.
    """
    groups, orders = _locked(session, [candidate])
    key = {
        "merchant_id": candidate.merchant_id,
        "id": payment_id,
        "at": at,
        "actor": "gateway:closed",
    }
    session.execute(_PAYMENT_CLOSING, key)
    session.execute(_PAYMENT_CLOSED, key)
    for order in orders:
        if order.state == OrderState.PLACED and order.release_reason is not None:
            free_if_unpayable(session, order, groups, at=at)
