"""Leaderboards shown to shoppers: the hottest campaigns and the fastest groups of the day."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain import clock

LENGTH = 10


@dataclass(frozen=True, slots=True)
class HotCampaign:
    """A campaign, and how many people paid in its groups today."""

    campaign_id: str
    campaign_title: str
    people: int


@dataclass(frozen=True, slots=True)
class FastGroup:
    """A group that formed today, and how long it took from opening to its last seat."""

    campaign_id: str
    campaign_title: str
    group_id: str
    people: int
    seconds: int
    formed_at: datetime
    leader_nickname: str | None


_HOTTEST = text(
    """
    SELECT c.public_id, c.title, hot.people
    FROM (
        SELECT o.campaign_id, count(DISTINCT o.shopper_id) AS people, max(o.paid_at) AS last_at
        FROM orders o
        WHERE o.merchant_id = :merchant_id AND o.paid_at >= :day_start AND o.paid_at <= :at
            AND o.campaign_id IS NOT NULL
        GROUP BY 1
    ) hot
    JOIN campaigns c ON c.merchant_id = :merchant_id AND c.id = hot.campaign_id
    WHERE c.state IN ('published', 'paused') AND c.ends_at > :at
    ORDER BY hot.people DESC, hot.last_at DESC, c.id
    LIMIT :length
    """
)
_FASTEST = text(
    """
    SELECT c.public_id AS campaign_id, c.title, g.public_id AS group_id, g.paid_seats,
        ceil(extract(epoch FROM g.ended_at - g.opened_at))::bigint AS seconds, g.ended_at,
        s.nickname
    FROM groups g
    JOIN campaigns c ON c.merchant_id = g.merchant_id AND c.id = g.campaign_id
    LEFT JOIN shoppers s ON s.merchant_id = g.merchant_id AND s.id = g.leader_id
    WHERE g.merchant_id = :merchant_id AND g.state = 'formed' AND g.ended_at >= :day_start
        AND g.ended_at <= :at
    ORDER BY g.ended_at - g.opened_at, g.ended_at, g.id
    LIMIT :length
    """
)


def rank_hottest(session: Session, merchant_id: int, *, at: datetime) -> list[HotCampaign]:
    """Rank a merchant's running campaigns by the people who paid in them today (Shanghai)."""
    return [HotCampaign(*row) for row in session.execute(_HOTTEST, _today(merchant_id, at))]


def rank_fastest(session: Session, merchant_id: int, *, at: datetime) -> list[FastGroup]:
    """Rank a merchant's groups that formed today (Shanghai) by the time from opening to forming."""
    return [FastGroup(*row) for row in session.execute(_FASTEST, _today(merchant_id, at))]


def _today(merchant_id: int, at: datetime) -> dict[str, object]:
    return {
        "merchant_id": merchant_id,
        "day_start": clock.day_start(clock.shanghai_day(at)),
        "at": at,
        "length": LENGTH,
    }
