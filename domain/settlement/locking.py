"""Locking what settlement works on: groups, then their members' days, then their orders."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.arrays import array

Key = tuple[int, int]


class LockedGroup(NamedTuple):
    """A locked group with its counters."""

    merchant_id: int
    id: int
    campaign_id: int
    rule_version_id: int
    state: str
    size: int
    taken: int
    held: int
    releasing: int
    largest_subsidy_fen: int
    largest_reward_fen: int
    leader_id: int | None
    deadline_at: datetime | None
    cut_at: datetime | None
    end_reason: str | None
    moved_at: datetime

    @property
    def key(self) -> Key:
        """Return (merchant_id, id)."""
        return (self.merchant_id, self.id)

    @property
    def seat_cost_fen(self) -> int:
        """Return the most one seat may cost: its subsidy, and the reward for who invited it."""
        return self.largest_subsidy_fen + self.largest_reward_fen

    @property
    def cut(self) -> datetime | None:
        """Return the instant before which a payment is in time; None while the group is pending."""
        instants = [at for at in (self.deadline_at, self.cut_at) if at is not None]
        return min(instants, default=None)


class LockedOrder(NamedTuple):
    """A locked order; `payment_id` and `left_fen` are of the payment that took its seat.

    `left_fen` is what it received, less what went back at the gateway's own console.
    """

    merchant_id: int
    id: int
    group_id: int | None
    campaign_id: int | None
    shopper_id: int
    variant_id: int
    state: str
    seat_state: str | None
    price_fen: int
    instrument_id: int | None
    instrument_fen: int
    points_fen: int
    wallet_fen: int
    payable_fen: int
    quote_fen: int | None
    quote_parts: list[Any] | None
    placed_on: date
    cap_on: date | None
    paid_at: datetime | None
    release_reason: str | None
    public_id: str
    share_id: int | None
    is_first_paid: bool | None
    is_new_paid: bool | None
    risk_outcome: str
    flag: str | None
    payment_id: int | None
    left_fen: int | None

    @property
    def key(self) -> Key:
        """Return (merchant_id, id)."""
        return (self.merchant_id, self.id)

    @property
    def is_new(self) -> bool:
        """Say whether its shopper was new when it was paid: nothing paid before was kept."""
        return bool(self.is_first_paid if self.is_new_paid is None else self.is_new_paid)

    @property
    def group_key(self) -> Key:
        """Return the group's (merchant_id, id). Raises for a product bought alone."""
        if self.group_id is None:
            raise ValueError("this order is in no group")
        return (self.merchant_id, self.group_id)


_GROUPS = text(
    """
    SELECT g.merchant_id, g.id, g.campaign_id, g.rule_version_id, g.state, g.size, g.taken, g.held,
        g.releasing, g.largest_subsidy_fen, g.largest_reward_fen, g.leader_id, g.deadline_at,
        g.cut_at, g.end_reason, g.moved_at
    FROM groups g
    JOIN unnest(CAST(:merchants AS bigint[]), CAST(:ids AS bigint[])) AS t (m, i)
        ON g.merchant_id = t.m AND g.id = t.i
    ORDER BY g.merchant_id, g.id
    FOR NO KEY UPDATE OF g
    """
)


def unindexed(column: str) -> str:
    """Write a column of text so that no partial index is used for what is said of it.

    Where rows are found by keys, they must be found by keys. A partial index of running rows looks
    free to the planner while its statistics say that hardly any run: before a herd, always.
    """
    return f"({column} || '')"


_ORDER_COLUMNS = """
    o.merchant_id, o.id, o.group_id, o.campaign_id, o.shopper_id, o.variant_id, o.state,
    o.seat_state, o.price_fen, o.instrument_id, o.instrument_fen, o.points_fen, o.wallet_fen,
    o.payable_fen, o.quote_fen, o.quote_parts, o.placed_on, o.cap_on, o.paid_at, o.release_reason,
    o.public_id, o.share_id, o.is_first_paid, o.is_new_paid, o.risk_outcome, s.flag,
    p.id AS payment_id,
    p.received_fen - CAST(coalesce((
        SELECT sum(e.amount_fen) FROM refunds e
        WHERE e.merchant_id = p.merchant_id AND e.payment_id = p.id
            AND e.elsewhere_no IS NOT NULL AND e.state <> 'closed'), 0) AS bigint) AS left_fen
"""
_ORDER_JOINS = """
    JOIN shoppers s ON s.merchant_id = o.merchant_id AND s.id = o.shopper_id
    LEFT JOIN payments p
        ON p.merchant_id = o.merchant_id AND p.order_id = o.id AND p.outcome = 'seated'
"""
_MEMBERS = text(
    f"""
    SELECT {_ORDER_COLUMNS}
    FROM orders o
    JOIN unnest(CAST(:merchants AS bigint[]), CAST(:ids AS bigint[])) AS t (m, i)
        ON o.merchant_id = t.m AND o.group_id = t.i
    {_ORDER_JOINS}
    WHERE {unindexed("o.state")} IN ('placed', 'paid')
    ORDER BY o.merchant_id, o.id
    FOR NO KEY UPDATE OF o
    """  # noqa: S608 - constants only
)
_ORDERS = text(
    f"""
    SELECT {_ORDER_COLUMNS}
    FROM orders o
    JOIN unnest(CAST(:merchants AS bigint[]), CAST(:ids AS bigint[])) AS t (m, i)
        ON o.merchant_id = t.m AND o.id = t.i
    {_ORDER_JOINS}
    ORDER BY o.merchant_id, o.id
    FOR NO KEY UPDATE OF o
    """  # noqa: S608 - constants only
)
_DAYS_OF_GROUPS = text(
    f"""
    SELECT d.id FROM shopper_days d
    JOIN (
        SELECT o.merchant_id, o.shopper_id, o.placed_on AS on_day
        FROM orders o
        JOIN unnest(CAST(:merchants AS bigint[]), CAST(:ids AS bigint[])) AS t (m, i)
            ON o.merchant_id = t.m AND o.group_id = t.i
        WHERE {unindexed("o.state")} = 'placed'
        UNION
        SELECT also.m, also.s, also.on_day
        FROM unnest(
            CAST(:also_merchants AS bigint[]), CAST(:also_shoppers AS bigint[]),
            CAST(:also_days AS date[])
        ) AS also (m, s, on_day)
    ) used ON d.merchant_id = used.merchant_id AND d.shopper_id = used.shopper_id
        AND d.on_day = used.on_day
    ORDER BY d.merchant_id, d.shopper_id, d.on_day
    FOR NO KEY UPDATE OF d
    """  # noqa: S608 - constants only
)


def columns(keys: Iterable[Key]) -> dict[str, str]:
    """Spread keys over the two arrays (as literals) that the statements join with."""
    listed = list(keys)
    return {"merchants": array(m for m, _ in listed), "ids": array(i for _, i in listed)}


def lock_groups(session: Session, keys: Sequence[Key]) -> dict[Key, LockedGroup]:
    """Lock groups, by id."""
    rows = session.execute(_GROUPS, columns(keys))
    return {group.key: group for group in (LockedGroup(*row) for row in rows)}


def lock_days_of(
    session: Session, groups: Sequence[Key], *, also: Sequence[tuple[int, int, date]] = ()
) -> None:
    """Lock the days of the unpaid orders of locked groups, by shopper and day.

    `also` names more (merchant, shopper, day), which exist, to be locked in the same order.
    """
    session.execute(
        _DAYS_OF_GROUPS,
        {
            **columns(groups),
            "also_merchants": array(merchant_id for merchant_id, _, _ in also),
            "also_shoppers": array(shopper_id for _, shopper_id, _ in also),
            "also_days": array(on_day for _, _, on_day in also),
        },
    )


def lock_members(session: Session, groups: Sequence[Key]) -> list[LockedOrder]:
    """Lock the placed and paid orders of locked groups, by id."""
    return [LockedOrder(*row) for row in session.execute(_MEMBERS, columns(groups))]


def lock_orders(session: Session, orders: Sequence[Key]) -> list[LockedOrder]:
    """Lock orders by id; their groups are locked already, or they have none."""
    return [LockedOrder(*row) for row in session.execute(_ORDERS, columns(orders))]


@dataclass(frozen=True, slots=True)
class DayChange:
    """What changes in one shopper's day; counts, added."""

    merchant_id: int
    shopper_id: int
    on_day: date
    participations: int = 0
    expired_holds: int = 0


_CHANGE_DAYS = text(
    """
    UPDATE shopper_days d SET
        participations = d.participations + c.participations,
        expired_holds = d.expired_holds + c.expired_holds
    FROM (
        SELECT m, s, on_day, sum(participations) AS participations,
            sum(expired_holds) AS expired_holds
        FROM unnest(
            CAST(:merchants AS bigint[]), CAST(:shoppers AS bigint[]), CAST(:days AS date[]),
            CAST(:participations AS bigint[]), CAST(:expired_holds AS bigint[])
        ) AS t (m, s, on_day, participations, expired_holds)
        GROUP BY 1, 2, 3
    ) c
    WHERE d.merchant_id = c.m AND d.shopper_id = c.s AND d.on_day = c.on_day
    """
)


def change_days(session: Session, changes: Sequence[DayChange]) -> None:
    """Add to shoppers' days, which are locked."""
    if changes:
        session.execute(
            _CHANGE_DAYS,
            {
                "merchants": array(c.merchant_id for c in changes),
                "shoppers": array(c.shopper_id for c in changes),
                "days": array(c.on_day for c in changes),
                "participations": array(c.participations for c in changes),
                "expired_holds": array(c.expired_holds for c in changes),
            },
        )
