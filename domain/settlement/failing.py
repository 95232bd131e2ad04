"""Failing: at its deadline a group is decided once, with all its paid members, in one transaction.

For each member a refund and a subsidy decision, independent of each other. Set-based: a chunk of
groups is a few statements. A group waits for releasing seats in two cases only: where taken +
releasing = size (`waiting.py`: a payment in time then forms it), and where nobody paid.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain import outbox, work
from domain.ledger import posting
from domain.settlement.forming import REWARD_GROUP
from domain.settlement.granting import Failed, Granted, grant_subsidies, terms_of
from domain.settlement.locking import (
    Key,
    LockedGroup,
    LockedOrder,
    lock_days_of,
    lock_groups,
    lock_members,
    lock_orders,
)
from domain.settlement.movements import Movement, record_movements
from domain.settlement.moving import (
    count_seats,
    mark_failed,
    move_groups,
    move_orders,
    move_orders_and_seats,
)
from domain.settlement.receiving import Receipt
from domain.settlement.refunding import refund_of, request_refunds
from domain.settlement.releasing import free_orders, start_release
from domain.settlement.spending import give_back_means
from domain.settlement.taking import pay_order
from domain.settlement.waiting import LOOK_EVERY, wait_for_last_seats
from domain.states import FINAL_GROUP_STATES, GrantState, GroupState, OrderState, SeatState

_ONE_MORE_PAID = text(
    "UPDATE groups SET paid_seats = paid_seats + 1 WHERE merchant_id = :merchant_id AND id = :id"
    " RETURNING paid_seats"
)
ACTOR = "settlement:fail"
WAITING = (GrantState.HELD, GrantState.SCHEDULED)


def settle_groups(session: Session, keys: Sequence[Key], *, at: datetime) -> dict[Key, datetime]:
    """Settle groups whose deadline has come; returns those that wait, with when to look again.

    Groups that are over already, or not due, are left as they are. Locks groups, days, orders.
    """
    groups = lock_groups(session, keys)
    due = {
        key: group
        for key, group in groups.items()
        if group.state in (GroupState.OPEN, GroupState.CLOSING)
        and group.cut is not None
        and group.cut <= at
    }
    waits = {
        key: group.deadline_at
        for key, group in groups.items()
        if key not in due
        and group.state not in FINAL_GROUP_STATES
        and group.deadline_at is not None
        and group.deadline_at > at
    }
    if not due:
        return waits
    lock_days_of(session, list(due))
    members = lock_members(session, list(due))
    opened = [key for key, group in due.items() if group.state == GroupState.OPEN]
    move_groups(session, opened, GroupState.CLOSING, at=at, actor=ACTOR, reason="deadline")
    members = _release_holds(session, members, due, at=at)
    return waits | _decide(session, due, members, at=at)


def _release_holds(
    session: Session,
    members: list[LockedOrder],
    groups: dict[Key, LockedGroup],
    *,
    at: datetime,
) -> list[LockedOrder]:
    """Make held seats releasing; frees those that nothing can pay; returns who is left."""
    held = [m for m in members if m.seat_state == SeatState.HELD]
    freed = start_release(session, held, reason="expired", at=at, actor=ACTOR)
    closing = {key: g._replace(state=GroupState.CLOSING.value) for key, g in groups.items()}
    free_orders(session, freed, closing, at=at, actor=ACTOR)
    gone, waiting = {o.key for o in freed}, {o.key for o in held}
    return [
        m._replace(seat_state=SeatState.RELEASING.value) if m.key in waiting else m
        for m in members
        if m.key not in gone
    ]


def _decide(
    session: Session,
    groups: dict[Key, LockedGroup],
    members: Sequence[LockedOrder],
    *,
    at: datetime,
) -> dict[Key, datetime]:
    paid: defaultdict[Key, list[LockedOrder]] = defaultdict(list)
    releasing: defaultdict[Key, int] = defaultdict(int)
    for member in members:
        if member.state == OrderState.PAID:
            paid[member.group_key].append(member)
        else:
            releasing[member.group_key] += 1
    would_be_full = {
        key: at if group.state == GroupState.OPEN else group.moved_at
        for key, group in groups.items()
        if paid[key] and releasing[key] and len(paid[key]) + releasing[key] == group.size
    }
    waits = wait_for_last_seats(session, would_be_full, at=at)
    waits |= {key: at + LOOK_EVERY for key in groups if releasing[key] and not paid[key]}
    failing = [group for key, group in groups.items() if paid[key] and key not in waits]
    fail_groups(session, failing, {g.key: paid[g.key] for g in failing}, releasing, at=at)
    return waits


def fail_groups(
    session: Session,
    groups: Sequence[LockedGroup],
    paid: dict[Key, list[LockedOrder]],
    releasing: dict[Key, int],
    *,
    at: datetime,
) -> None:
    """Fail locked closing groups: refunds requested, subsidies decided and credited."""
    if not groups:
        return
    keys = [g.key for g in groups]
    members = [member for key in keys for member in paid[key]]
    terms = terms_of(session, groups)
    failed = {g.key: Failed(g, terms[g.key], len(paid[g.key])) for g in groups}
    grants = _return_and_grant(session, members, failed, at=at)
    mark_failed(session, {key: len(paid[key]) for key in keys}, at=at, actor=ACTOR)
    record_movements(
        session, [_movement(g, paid[g.key], releasing.get(g.key, 0), grants) for g in groups], at=at
    )
    work.put(session, REWARD_GROUP, [g.key for g in groups if g.largest_reward_fen], due_at=at)
    outbox.emit(
        session, [outbox.NewFact(g.merchant_id, "group.failed", g.id) for g in groups], at=at
    )


def _return_and_grant(
    session: Session,
    members: Sequence[LockedOrder],
    failed: dict[Key, Failed],
    *,
    at: datetime,
) -> Granted:
    """Move paid members to refunding, request their refunds, decide and issue their subsidies."""
    granted = grant_subsidies(session, members, failed, at=at, actor=ACTOR)
    move_orders_and_seats(
        session,
        [m.key for m in members],
        OrderState.REFUNDING,
        SeatState.RELEASED,
        at=at,
        actor=ACTOR,
        granted=granted.amounts(),
    )
    refunds = [refund for m in members if (refund := refund_of(m, "failed")) is not None]
    postings = request_refunds(session, refunds, at=at, actor=ACTOR)
    postings += give_back_means(session, members, at=at, actor=ACTOR, has_failed=True)
    posting.post(session, [*postings, *granted.postings], at=at)
    without_gateway = [m.key for m in members if m.payment_id is None]
    move_orders(session, without_gateway, OrderState.REFUNDED, at=at, actor=ACTOR)
    return granted


def _movement(
    group: LockedGroup, members: Sequence[LockedOrder], releasing: int, granted: Granted
) -> Movement:
    """Build a failed group's movement.

    Held and scheduled grants keep their commitment, and so do releasing seats, and rewards until
    they are decided.
    """
    kept = granted.sum_of(members, *WAITING) + releasing * group.largest_subsidy_fen
    return Movement(
        group.merchant_id,
        group.campaign_id,
        group.id,
        "failed",
        committed_fen=kept - group.size * group.largest_subsidy_fen,
        spent_fen=granted.sum_of(members, GrantState.ISSUED),
        stock_committed=-group.size,
        groups_failed=1,
        people_paid=len(members),
    )


def settle_late_member(
    session: Session, group: LockedGroup, order: LockedOrder, *, receipt: Receipt, at: datetime
) -> None:
    """Make a releasing seat that was paid in time a member of its failed group: refund and subsidy.

    Group, days and order are locked.
    """
    if group.deadline_at is None:
        raise ValueError("a failed group has a deadline")
    pay_order(
        session, order, group=None, receipt=receipt, paid_at=receipt.paid_at, at=at, actor=ACTOR
    )
    count_seats(session, {group.key: (0, 0, -1)})
    paid_seats = session.execute(
        _ONE_MORE_PAID, {"merchant_id": group.merchant_id, "id": group.id}
    ).scalar_one()
    member = lock_orders(session, [order.key])[0]
    failed = Failed(group, terms_of(session, [group])[group.key], paid_seats)
    granted = _return_and_grant(session, [member], {group.key: failed}, at=at)
    record_movements(
        session,
        [
            Movement(
                group.merchant_id,
                group.campaign_id,
                group.id,
                "joined_late",
                order_id=order.id,
                committed_fen=granted.sum_of([member], *WAITING) - group.largest_subsidy_fen,
                spent_fen=granted.sum_of([member], GrantState.ISSUED),
                people_paid=1,
            )
        ],
        at=at,
    )
    outbox.emit(
        session,
        [outbox.NewFact(group.merchant_id, "order.settled_late", order.id)],
        at=at,
    )
