"""The live board of a merchant: counts of what is running, groups, one group with its members."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from domain import clock
from domain.analytics.campaigns import find_campaign_id
from domain.groups.errors import GroupNotFound
from domain.states import GroupState

ENDING_SOON = timedelta(minutes=30)


class BoardCounts(NamedTuple):
    """What is running, and what is stuck; `oldest_unsettled_at` is the oldest deadline past due."""

    open: int
    pending: int
    closing: int
    one_short: int
    ending_soon: int
    unsettled_past_deadline: int
    oldest_unsettled_at: datetime | None
    rejected_refunds: int
    abnormal_refunds: int
    parked_work: int


@dataclass(frozen=True, slots=True)
class GroupLine:
    """A group in a list; `paid_seats` is how many were paid when it ended."""

    row_id: int
    id: str
    campaign_id: str
    campaign_title: str
    state: str
    end_reason: str | None
    size: int
    taken: int
    held: int
    releasing: int
    paid_seats: int | None
    created_at: datetime
    opened_at: datetime | None
    deadline_at: datetime | None
    ended_at: datetime | None
    leader_nickname: str | None


@dataclass(frozen=True, slots=True)
class GroupDetail:
    """A group with the orders that ever had a seat in it, and the moves that were recorded."""

    line: GroupLine
    members: list[dict[str, Any]]
    moves: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class GroupFilter:
    """Which groups: a state, a campaign (public id), Shanghai days of opening (both included)."""

    state: GroupState | None = None
    campaign: str | None = None
    from_on: date | None = None
    to_on: date | None = None


_COUNTS = """
    SELECT count(*) FILTER (WHERE g.state = 'open') AS open,
        count(*) FILTER (WHERE g.state = 'pending') AS pending,
        count(*) FILTER (WHERE g.state = 'closing') AS closing,
        count(*) FILTER (WHERE g.state = 'open' AND g.size - g.taken = 1) AS one_short,
        count(*) FILTER (
            WHERE g.state = 'open' AND g.deadline_at > :at AND g.deadline_at <= :soon_at
        ) AS ending_soon,
        count(*) FILTER (WHERE least(g.deadline_at, g.cut_at) <= :at) AS unsettled_past_deadline,
        min(least(g.deadline_at, g.cut_at)) FILTER (WHERE least(g.deadline_at, g.cut_at) <= :at)
            AS oldest_unsettled_at,
        (
            SELECT count(*) FROM refunds r
            WHERE r.merchant_id = :merchant_id AND r.state = 'rejected' {of_refund}
        ) AS rejected_refunds,
        (
            SELECT count(*) FROM refunds r
            WHERE r.merchant_id = :merchant_id AND r.state = 'abnormal' {of_refund}
        ) AS abnormal_refunds,
        (
            SELECT count(*) FROM work_rows w
            WHERE w.merchant_id = :merchant_id AND w.state = 'parked'
        ) AS parked_work
    FROM groups g
    WHERE g.merchant_id = :merchant_id AND g.state IN ('pending', 'open', 'frozen', 'closing')
        {of_group}
"""
_OF_ALL = text(_COUNTS.format(of_group="", of_refund=""))
_OF_CAMPAIGN = text(
    _COUNTS.format(
        of_group="AND g.campaign_id = :campaign_id",
        of_refund="""AND EXISTS (
            SELECT 1 FROM orders o
            WHERE o.merchant_id = r.merchant_id AND o.id = r.order_id
                AND o.campaign_id = :campaign_id)""",
    )
)
_LINES = """
    SELECT g.id AS row_id, g.public_id AS id, c.public_id AS campaign_id,
        c.title AS campaign_title, g.state, g.end_reason, g.size, g.taken, g.held, g.releasing,
        g.paid_seats, g.created_at, g.opened_at, g.deadline_at, g.ended_at,
        l.nickname AS leader_nickname
    FROM groups g
    JOIN campaigns c ON c.merchant_id = g.merchant_id AND c.id = g.campaign_id
    LEFT JOIN shoppers l ON l.merchant_id = g.merchant_id AND l.id = g.leader_id
    WHERE g.merchant_id = :merchant_id
"""
_CONDITIONS = {
    "state": " AND g.state = :state",
    "campaign_id": " AND g.campaign_id = :campaign_id",
    "opened_from": " AND g.opened_at >= :opened_from",
    "opened_before": " AND g.opened_at < :opened_before",
    "below_id": " AND g.id < :below_id",
}
_ONE = text(_LINES + " AND g.public_id = :public_id")
_MEMBERS = text(
    """
    SELECT o.public_id AS order_id, s.public_id AS shopper_id, s.nickname, s.flag,
        o.shopper_id = g.leader_id AS is_leader, o.state, o.seat_state, o.price_fen, o.wallet_fen,
        o.quote_fen, o.placed_at, o.paid_at, o.share_id IS NOT NULL AS came_by_share,
        r.state AS refund_state, r.amount_fen AS refund_fen, r.requested_at, r.accepted_at,
        r.arrived_at,
        d.public_id AS subsidy_id, d.state AS subsidy_state, d.amount_fen AS subsidy_fen, d.parts,
        d.issued_at
    FROM orders o
    JOIN groups g ON g.merchant_id = o.merchant_id AND g.id = o.group_id
    JOIN shoppers s ON s.merchant_id = o.merchant_id AND s.id = o.shopper_id
    LEFT JOIN LATERAL (
        SELECT * FROM refunds r
        WHERE r.merchant_id = o.merchant_id AND r.order_id = o.id
        ORDER BY (r.state = 'closed'), r.id DESC LIMIT 1
    ) r ON true
    LEFT JOIN grants d ON d.merchant_id = o.merchant_id AND d.order_id = o.id
    WHERE o.merchant_id = :merchant_id AND o.group_id = :group_id
    ORDER BY o.paid_at NULLS LAST, o.id
    """
)
_MOVES = text(
    """
    SELECT m.from_state, m.to_state, m.occurred_at, split_part(m.actor, ':', 1) AS actor_kind,
        CASE
            WHEN m.actor ~ '^shopper:[0-9]+$' THEN (
                SELECT s.nickname FROM shoppers s
                WHERE s.merchant_id = m.merchant_id
                    AND s.id = CAST(split_part(m.actor, ':', 2) AS bigint))
            WHEN m.actor ~ '^staff:[0-9]+$' THEN (
                SELECT f.name FROM staff f
                WHERE f.merchant_id = m.merchant_id
                    AND f.id = CAST(split_part(m.actor, ':', 2) AS bigint))
        END AS actor_name
    FROM state_moves m
    WHERE m.merchant_id = :merchant_id AND m.machine = 'group' AND m.subject_id = :group_id
    ORDER BY m.occurred_at, m.id
    """
)


def count_board(
    session: Session, merchant_id: int, *, at: datetime, campaign: str | None = None
) -> BoardCounts:
    """Count a merchant's running groups, and what should be over and is not.

    Of one campaign (public id), groups and refunds are its own; work that is parked belongs to no
    campaign and is always the merchant's. Raises CampaignNotFound.
    """
    values = {"merchant_id": merchant_id, "at": at, "soon_at": at + ENDING_SOON}
    if campaign is None:
        return BoardCounts(*session.execute(_OF_ALL, values).one())
    values["campaign_id"] = find_campaign_id(session, merchant_id, campaign)
    return BoardCounts(*session.execute(_OF_CAMPAIGN, values).one())


def list_groups(
    session: Session,
    merchant_id: int,
    wanted: GroupFilter,
    *,
    below_id: int | None,
    limit: int,
) -> list[GroupLine]:
    """List a merchant's groups, newest first, below an inner id. Raises CampaignNotFound."""
    given = {
        "state": None if wanted.state is None else wanted.state.value,
        "campaign_id": None
        if wanted.campaign is None
        else find_campaign_id(session, merchant_id, wanted.campaign),
        "opened_from": None if wanted.from_on is None else clock.day_start(wanted.from_on),
        "opened_before": None
        if wanted.to_on is None
        else clock.day_start(wanted.to_on + timedelta(days=1)),
        "below_id": below_id,
    }
    values = {name: value for name, value in given.items() if value is not None}
    rows = session.execute(
        _page(values), {"merchant_id": merchant_id, "limit": limit, **values}
    ).mappings()
    return [GroupLine(**row) for row in rows]


def _page(values: dict[str, Any]) -> TextClause:
    """Write the statement of a page, with only the conditions asked for: each has its index."""
    conditions = "".join(_CONDITIONS[name] for name in values)
    return text(f"{_LINES}{conditions} ORDER BY g.id DESC LIMIT :limit")


def show_group(session: Session, merchant_id: int, public_id: str) -> GroupDetail:
    """Show one group of a merchant with members and moves. Raises GroupNotFound."""
    row = (
        session.execute(_ONE, {"merchant_id": merchant_id, "public_id": public_id})
        .mappings()
        .one_or_none()
    )
    if row is None:
        raise GroupNotFound
    line = GroupLine(**row)
    values = {"merchant_id": merchant_id, "group_id": line.row_id}
    members = [_member(dict(found)) for found in session.execute(_MEMBERS, values).mappings()]
    moves = [
        {
            "from": found.from_state,
            "to": found.to_state,
            "at": found.occurred_at,
            "by": found.actor_kind,
            "name": found.actor_name,
        }
        for found in session.execute(_MOVES, values)
    ]
    return GroupDetail(line, members, moves)


def _member(row: dict[str, Any]) -> dict[str, Any]:
    refund = {
        "state": row.pop("refund_state"),
        "amount_fen": row.pop("refund_fen"),
        "requested_at": row.pop("requested_at"),
        "accepted_at": row.pop("accepted_at"),
        "arrived_at": row.pop("arrived_at"),
    }
    subsidy = {
        "id": row.pop("subsidy_id"),
        "state": row.pop("subsidy_state"),
        "amount_fen": row.pop("subsidy_fen"),
        "parts": row.pop("parts"),
        "issued_at": row.pop("issued_at"),
    }
    return {
        **row,
        "is_leader": bool(row["is_leader"]),
        "refund": None if refund["state"] is None else refund,
        "subsidy": None if subsidy["state"] is None else subsidy,
    }
