"""Visiting a share: the token finds its merchant; an opening is recorded once, append-only.

Whoever opens the same share again within the hour has visited once. A shopper who opened another
share in between has come back: the last share visited is what counts for rewards.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.referrals.errors import ShareNotFound

Key = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who opens a share: a signed-in shopper or nobody known, and where from.

    `counts` is false for whoever opens too many: the share is shown, and nothing recorded.
    """

    shopper: Key | None = None
    client_address: str | None = None
    device: str | None = None
    counts: bool = True


@dataclass(frozen=True, slots=True)
class SharedGroup:
    """What a share leads to: its group as it stands, the campaign, and who shared it."""

    token: str
    group_id: str
    group_state: str
    size: int
    taken: int
    held: int
    seats_left: int
    deadline_at: datetime | None
    leader_nickname: str | None
    campaign_id: str
    campaign_title: str
    sharer_nickname: str


_MERCHANT = text("SELECT merchant_id, share_id FROM share_tokens WHERE token = :token")
_SHARED = text(
    """
    SELECT sh.shopper_id AS sharer_id, g.public_id AS group_id, g.state AS group_state, g.size,
        coalesce(g.paid_seats, g.taken) AS taken, g.held,
        CASE g.state WHEN 'open' THEN g.size - g.taken - g.held - g.releasing ELSE 0 END
            AS seats_left,
        g.deadline_at, l.nickname AS leader_nickname, c.public_id AS campaign_id,
        c.title AS campaign_title, s.nickname AS sharer_nickname
    FROM shares sh
    JOIN shoppers s ON s.merchant_id = sh.merchant_id AND s.id = sh.shopper_id
    JOIN groups g ON g.merchant_id = sh.merchant_id AND g.id = sh.group_id
    JOIN campaigns c ON c.merchant_id = g.merchant_id AND c.id = g.campaign_id
    LEFT JOIN shoppers l ON l.merchant_id = g.merchant_id AND l.id = g.leader_id
    WHERE sh.merchant_id = :merchant_id AND sh.id = :share_id
    """
)
_RECORD = text(
    """
    INSERT INTO visits (merchant_id, occurred_at, share_id, shopper_id, client_address, device)
    SELECT :merchant_id, :at, :share_id, CAST(:shopper_id AS bigint), :client_address, :device
    WHERE :share_id IS DISTINCT FROM (
        SELECT v.share_id FROM visits v
        WHERE v.merchant_id = :merchant_id AND v.shopper_id = :shopper_id
            AND v.occurred_at > CAST(:at AS timestamptz) - interval '1 hour'
        ORDER BY v.occurred_at DESC, v.id DESC LIMIT 1
    ) AND NOT (CAST(:shopper_id AS bigint) IS NULL AND EXISTS (
        SELECT FROM visits v
        WHERE v.merchant_id = :merchant_id AND v.share_id = :share_id AND v.shopper_id IS NULL
            AND coalesce(v.device, v.client_address, '')
                = coalesce(CAST(:device AS text), CAST(:client_address AS text), '')
            AND v.occurred_at > CAST(:at AS timestamptz) - interval '1 hour'
    ))
    """
)
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended(:visitor, 0))")


def visit_share(session: Session, token: str, visitor: Visitor, *, at: datetime) -> SharedGroup:
    """Record an opening of a share, and return what it leads to.

    Who opens their own share is no visitor: that is not recorded. Raises ShareNotFound, also where
    the visitor is signed in at another merchant.
    """
    share = session.execute(_MERCHANT, {"token": token}).one_or_none()
    if share is None:
        raise ShareNotFound
    if visitor.shopper is not None and visitor.shopper[0] != share.merchant_id:
        raise ShareNotFound
    key = {"merchant_id": share.merchant_id, "share_id": share.share_id}
    found = dict(session.execute(_SHARED, key).mappings().one())
    shopper_id = None if visitor.shopper is None else visitor.shopper[1]
    if found.pop("sharer_id") != shopper_id and visitor.counts:
        who = shopper_id or visitor.device or visitor.client_address
        session.execute(_ONE_AT_A_TIME, {"visitor": f"visit/{share.share_id}/{who}"})
        session.execute(
            _RECORD,
            {
                **key,
                "at": at,
                "shopper_id": shopper_id,
                "client_address": visitor.client_address,
                "device": visitor.device,
            },
        )
    return SharedGroup(token=token, **found)
