"""Segments of shoppers, as they stood at an instant: what was so then stays so."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.orm import Session


class Segment(StrEnum):
    """Who a coupon push is for.

    `won`: a group of theirs formed. `subsidised`: a subsidy was issued to them. `dormant`: known
    for so many days, and nothing paid since. `followers`: they follow the shop.
    """

    WON = "won"
    SUBSIDISED = "subsidised"
    DORMANT = "dormant"
    FOLLOWERS = "followers"


OF_SEGMENT = """
    s.flag IS DISTINCT FROM 'block' AND CASE :segment
    WHEN 'won' THEN EXISTS (
        SELECT FROM orders o
        JOIN groups g ON g.merchant_id = o.merchant_id AND g.id = o.group_id
        WHERE o.merchant_id = s.merchant_id AND o.shopper_id = s.id
            AND o.state IN ('fulfilling', 'fulfilled', 'aftersale')
            AND g.state IN ('formed', 'formed_short') AND g.ended_at <= :at)
    WHEN 'subsidised' THEN EXISTS (
        SELECT FROM grants r
        WHERE r.merchant_id = s.merchant_id AND r.shopper_id = s.id AND r.issued_at <= :at)
    WHEN 'dormant' THEN s.created_at <= CAST(:at AS timestamptz) - CAST(:dormant AS interval)
        AND NOT EXISTS (
            SELECT FROM orders o
            WHERE o.merchant_id = s.merchant_id AND o.shopper_id = s.id
                AND o.paid_at > CAST(:at AS timestamptz) - CAST(:dormant AS interval)
                AND o.paid_at <= :at)
    ELSE s.followed_at <= :at END
"""
"""Whether shopper `s` is of `:segment` as of `:at`; `:dormant` is an interval, or null."""

_COUNT = text(
    f"""
    SELECT count(*) FROM shoppers s WHERE s.merchant_id = :merchant_id AND {OF_SEGMENT}
    """  # noqa: S608 - constants only
)


def count_segment(
    session: Session,
    merchant_id: int,
    segment: Segment,
    *,
    at: datetime,
    dormant_days: int | None = None,
) -> int:
    """Count the shoppers of a segment; who is blocked is in none."""
    found: int = session.execute(
        _COUNT,
        {
            "merchant_id": merchant_id,
            "segment": segment.value,
            "at": at,
            "dormant": None if dormant_days is None else f"{dormant_days} days",
        },
    ).scalar_one()
    return found
