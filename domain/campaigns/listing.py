"""Campaigns and their open groups as shoppers see them: one statement each, with the fullest group.

What is shown comes from the published rule version, never from the draft; the rules text ends with
the merchant's caps as they are now.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from domain.campaigns.errors import CampaignNotFound
from domain.campaigns.rules_text import write_live_caps
from domain.terms import Caps, Terms

LAST_JOIN = timedelta(minutes=1)

Key = tuple[int, int]


@dataclass(frozen=True, slots=True)
class GroupBrief:
    """An open group that can be joined."""

    key: Key
    id: str
    size: int
    taken: int
    held: int
    seats_left: int
    deadline_at: datetime
    leader_nickname: str | None


@dataclass(frozen=True, slots=True)
class ShownCampaign:
    """A campaign as shoppers see it."""

    key: Key
    id: str
    title: str
    state: str
    starts_at: datetime
    ends_at: datetime
    product: dict[str, Any]
    variants: list[dict[str, Any]]
    terms: Terms
    is_sold_out: bool
    is_budget_used_up: bool
    totals: dict[str, int]
    fullest_group: GroupBrief | None
    text_zh: list[str]
    text_en: list[str]


_IN_THE_POOL = "coalesce((r.terms -> 'levers' ->> 'is_pool_open')::boolean, true)"
"""Whether strangers may join a group, by the rules that it was opened under (r)."""
_SHOWN = f"""
    SELECT c.merchant_id, c.id, c.public_id, c.title, c.state, c.starts_at, c.ends_at,
        c.budget_fen - c.committed_fen - c.spent_fen AS budget_left_fen,
        c.stock_units - c.stock_committed - c.stock_consumed AS stock_left,
        c.groups_opened, c.groups_formed, c.groups_failed, c.people_paid,
        v.terms, v.text_zh, v.text_en,
        p.public_id AS product_public_id, p.title AS product_title, p.images, p.category,
        p.description, priced.variants,
        f.id AS group_id, f.public_id AS group_public_id, f.size, f.taken, f.held, f.releasing,
        f.deadline_at, f.leader_nickname, m.daily_subsidy_cap_fen,
        m.monthly_subsidy_cap_fen, m.daily_failures_cap, m.monthly_failures_cap
    FROM campaigns c
    JOIN rule_versions v ON v.merchant_id = c.merchant_id AND v.id = c.rule_version_id
    JOIN products p ON p.merchant_id = c.merchant_id AND p.id = c.product_id
    LEFT JOIN merchant_settings m ON m.merchant_id = c.merchant_id
    CROSS JOIN LATERAL (
        SELECT jsonb_agg(jsonb_build_object(
            'id', s.public_id, 'title', s.title, 'list_price_fen', s.list_price_fen,
            'alone_price_fen', coalesce(s.alone_price_fen, s.list_price_fen),
            'points_price_fen', s.points_price_fen, 'group_price_fen', t.group_price_fen
            ) ORDER BY s.id) AS variants
        FROM jsonb_to_recordset(v.terms -> 'prices')
            AS t (variant_id bigint, group_price_fen bigint)
        JOIN variants s ON s.merchant_id = c.merchant_id AND s.id = t.variant_id
    ) priced
    LEFT JOIN LATERAL (
        SELECT g.id, g.public_id, g.size, g.taken, g.held, g.releasing, g.deadline_at,
            l.nickname AS leader_nickname
        FROM groups g
        JOIN rule_versions r ON r.merchant_id = g.merchant_id AND r.id = g.rule_version_id
        LEFT JOIN shoppers l ON l.merchant_id = g.merchant_id AND l.id = g.leader_id
        WHERE g.merchant_id = c.merchant_id AND g.campaign_id = c.id AND g.state = 'open'
            AND g.deadline_at > :joinable_until AND g.taken + g.held + g.releasing < g.size
            AND {_IN_THE_POOL}
        ORDER BY g.taken + g.held DESC, g.deadline_at
        LIMIT 1
    ) f ON true
"""  # noqa: S608 - constants only
_RUNNING = (
    _SHOWN
    + """
    WHERE c.merchant_id = :merchant_id AND c.state = 'published'
        AND c.starts_at <= :at AND c.ends_at > :at
        AND (CAST(:category AS text) IS NULL OR p.category = :category)
        {after}
    ORDER BY {order}
    LIMIT :limit
    """
)
_NEW = text(
    _RUNNING.format(
        after="AND (CAST(:after_id AS bigint) IS NULL OR c.id < :after_id)", order="c.id DESC"
    )
)
_HOT = text(
    _RUNNING.format(
        after=(
            "AND (CAST(:after_id AS bigint) IS NULL"
            " OR (c.people_paid, c.id) < (CAST(:after_people AS bigint), :after_id))"
        ),
        order="c.people_paid DESC, c.id DESC",
    )
)
_ONE = text(
    _SHOWN
    + " WHERE c.merchant_id = :merchant_id AND c.public_id = :public_id AND c.state <> 'draft'"
)
_ID = text(
    "SELECT id FROM campaigns WHERE merchant_id = :merchant_id AND public_id = :public_id"
    " AND state <> 'draft'"
)
_GROUPS = text(
    f"""
    SELECT g.id AS group_id, g.public_id AS group_public_id, g.size, g.taken, g.held, g.releasing,
        g.deadline_at, l.nickname AS leader_nickname
    FROM groups g
    JOIN rule_versions r ON r.merchant_id = g.merchant_id AND r.id = g.rule_version_id
    LEFT JOIN shoppers l ON l.merchant_id = g.merchant_id AND l.id = g.leader_id
    WHERE g.merchant_id = :merchant_id AND g.campaign_id = :campaign_id AND g.state = 'open'
        AND g.deadline_at > :joinable_until AND g.taken + g.held + g.releasing < g.size
        AND {_IN_THE_POOL}
        AND (
            CAST(:after_id AS bigint) IS NULL
            OR g.taken + g.held < :after_seats
            OR (g.taken + g.held = :after_seats
                AND (g.deadline_at, g.id) > (CAST(:after_deadline AS timestamptz), :after_id))
        )
    ORDER BY g.taken + g.held DESC, g.deadline_at, g.id
    LIMIT :limit
    """  # noqa: S608 - constants only
)


def _brief(merchant_id: int, row: Row[Any]) -> GroupBrief:
    return GroupBrief(
        key=(merchant_id, row.group_id),
        id=row.group_public_id,
        size=row.size,
        taken=row.taken,
        held=row.held,
        seats_left=row.size - row.taken - row.held - row.releasing,
        deadline_at=row.deadline_at,
        leader_nickname=row.leader_nickname,
    )


def _shown(row: Row[Any]) -> ShownCampaign:
    terms = Terms.from_json(row.terms)
    caps = Caps(
        row.daily_subsidy_cap_fen,
        row.monthly_subsidy_cap_fen,
        row.daily_failures_cap,
        row.monthly_failures_cap,
    )
    return ShownCampaign(
        key=(row.merchant_id, row.id),
        id=row.public_id,
        title=row.title,
        state=row.state,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        product={
            "id": row.product_public_id,
            "title": row.product_title,
            "images": row.images,
            "category": row.category,
            "description": row.description,
        },
        variants=row.variants or [],
        terms=terms,
        is_sold_out=row.stock_left < terms.group_size,
        is_budget_used_up=row.budget_left_fen < terms.worst_case_fen,
        totals={
            "groups_opened": row.groups_opened,
            "groups_formed": row.groups_formed,
            "groups_failed": row.groups_failed,
            "people_paid": row.people_paid,
        },
        fullest_group=None if row.group_id is None else _brief(row.merchant_id, row),
        text_zh=[*row.text_zh, *write_live_caps(caps, language="zh")],
        text_en=[*row.text_en, *write_live_caps(caps, language="en")],
    )


def list_newest(
    session: Session,
    merchant_id: int,
    *,
    category: str | None,
    after: tuple[int] | None,
    limit: int,
    at: datetime,
) -> list[ShownCampaign]:
    """List running campaigns, newest first, below an id."""
    rows = session.execute(
        _NEW,
        {
            "merchant_id": merchant_id,
            "category": category,
            "after_id": after[0] if after else None,
            "limit": limit,
            "at": at,
            "joinable_until": at + LAST_JOIN,
        },
    )
    return [_shown(row) for row in rows]


def list_hottest(
    session: Session,
    merchant_id: int,
    *,
    category: str | None,
    after: tuple[int, int] | None,
    limit: int,
    at: datetime,
) -> list[ShownCampaign]:
    """List running campaigns, most people first, below (people, id)."""
    rows = session.execute(
        _HOT,
        {
            "merchant_id": merchant_id,
            "category": category,
            "after_people": after[0] if after else None,
            "after_id": after[1] if after else None,
            "limit": limit,
            "at": at,
            "joinable_until": at + LAST_JOIN,
        },
    )
    return [_shown(row) for row in rows]


def show_campaign(
    session: Session, merchant_id: int, public_id: str, *, at: datetime
) -> ShownCampaign:
    """Show a campaign, also a paused or an ended one. Raises CampaignNotFound."""
    row = session.execute(
        _ONE,
        {"merchant_id": merchant_id, "public_id": public_id, "joinable_until": at + LAST_JOIN},
    ).one_or_none()
    if row is None:
        raise CampaignNotFound
    return _shown(row)


def list_joinable_groups(
    session: Session,
    merchant_id: int,
    campaign_public_id: str,
    *,
    after: tuple[int, str, int] | None,
    limit: int,
    at: datetime,
) -> Sequence[GroupBrief]:
    """List a campaign's open groups with a seat left that strangers may join, fullest first.

    `after` = (taken + held, deadline, id) of the last one seen. Raises CampaignNotFound.
    """
    campaign_id = session.execute(
        _ID, {"merchant_id": merchant_id, "public_id": campaign_public_id}
    ).scalar_one_or_none()
    if campaign_id is None:
        raise CampaignNotFound
    seats, deadline, group_id = after or (None, None, None)
    rows = session.execute(
        _GROUPS,
        {
            "merchant_id": merchant_id,
            "campaign_id": campaign_id,
            "joinable_until": at + LAST_JOIN,
            "after_seats": seats,
            "after_deadline": deadline,
            "after_id": group_id,
            "limit": limit,
        },
    )
    return [_brief(merchant_id, row) for row in rows]
