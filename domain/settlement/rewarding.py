"""Rewarding referrers: binding a new shopper to who brought it, and the coupon for that, once.

Groups that formed or failed are looked at beside, after the fact: until then the largest reward of
each seat stays committed in the campaign's budget.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session
from sqlalchemy.sql import bindparam

from domain import outbox
from domain.ledger import posting
from domain.public_ids import new_public_id
from domain.settlement.granting import terms_of
from domain.settlement.issuing import Issue, Source, issue
from domain.settlement.locking import Key, LockedGroup, columns, lock_groups
from domain.settlement.movements import Movement, record_movements
from domain.states import GroupState
from domain.terms import RewardRule, SubsidyKind, Terms

ACTOR = "settlement:reward"
BINDING_LIFE = timedelta(days=7)
"""How long before an order a share may have been visited to count."""
_WAIT = timedelta(seconds=15)
_FORMED = (GroupState.FORMED, GroupState.FORMED_SHORT)
_LOCK_SPACE = 0x5265666572 << 24
"""Advisory locks of referrals: this, and the merchant's id."""


class Brought(NamedTuple):
    """A shopper whose first order formed or failed, and who shared what it visited last.

    `is_suspect`: one of the two is flagged, or the order is under review.
    """

    merchant_id: int
    order_id: int
    group_id: int
    shopper_id: int
    share_id: int
    referrer_id: int
    is_suspect: bool


_LOCK_REFERRALS = text("SELECT pg_advisory_xact_lock(:number)")
_BROUGHT = text(
    """
    WITH ended AS (
        SELECT o.merchant_id, o.id, o.group_id, o.shopper_id, o.placed_at, o.paid_at, o.share_id,
            o.risk_outcome
        FROM orders o
        JOIN unnest(CAST(:merchants AS bigint[]), CAST(:ids AS bigint[])) AS t (m, i)
            ON o.merchant_id = t.m AND o.group_id = t.i
        JOIN groups g ON g.merchant_id = o.merchant_id AND g.id = o.group_id
        LEFT JOIN grants s ON s.merchant_id = o.merchant_id AND s.order_id = o.id
        WHERE CASE WHEN g.state IN ('formed', 'formed_short') THEN o.seat_state = 'taken'
            WHEN g.state = 'failed' THEN s.id IS NOT NULL ELSE false END
    ), firsts AS (
        SELECT DISTINCT ON (n.merchant_id, n.shopper_id) n.*
        FROM ended n
        WHERE NOT EXISTS (
                SELECT FROM referrals r
                WHERE r.merchant_id = n.merchant_id AND r.shopper_id = n.shopper_id)
            AND NOT EXISTS (
                SELECT FROM orders e
                LEFT JOIN groups eg ON eg.merchant_id = e.merchant_id AND eg.id = e.group_id
                LEFT JOIN grants es ON es.merchant_id = e.merchant_id AND es.order_id = e.id
                WHERE e.merchant_id = n.merchant_id AND e.shopper_id = n.shopper_id
                    AND e.id <> n.id AND (e.paid_at, e.id) < (n.paid_at, n.id)
                    AND (e.group_id IS NULL OR es.id IS NOT NULL
                        OR (eg.state IN ('formed', 'formed_short') AND e.seat_state = 'taken')))
        ORDER BY n.merchant_id, n.shopper_id, n.paid_at, n.id
    )
    SELECT f.merchant_id, f.id, f.group_id, f.shopper_id, h.id, h.shopper_id,
        f.risk_outcome <> 'allow' OR s.flag IS NOT NULL OR p.flag IS NOT NULL
    FROM firsts f
    JOIN shoppers s ON s.merchant_id = f.merchant_id AND s.id = f.shopper_id
    CROSS JOIN LATERAL (
        SELECT seen.share_id FROM (
            SELECT v.share_id, v.occurred_at FROM visits v
            WHERE v.merchant_id = f.merchant_id AND v.shopper_id = f.shopper_id
                AND v.occurred_at <= f.placed_at
            UNION ALL
            SELECT f.share_id, f.placed_at WHERE f.share_id IS NOT NULL
            UNION ALL
            SELECT s.came_by_share_id, s.created_at WHERE s.came_by_share_id IS NOT NULL
        ) seen
        WHERE seen.occurred_at >= f.placed_at - CAST(:life AS interval)
        ORDER BY seen.occurred_at DESC, seen.share_id DESC LIMIT 1
    ) last
    JOIN shares h ON h.merchant_id = f.merchant_id AND h.id = last.share_id
        AND h.shopper_id <> f.shopper_id
    JOIN shoppers p ON p.merchant_id = h.merchant_id AND p.id = h.shopper_id
    ORDER BY f.merchant_id, f.paid_at, f.id
    """
)
_ANCESTORS = text(
    """
    WITH RECURSIVE above AS (
        SELECT r.merchant_id, r.shopper_id, r.referrer_id
        FROM referrals r
        JOIN unnest(CAST(:merchants AS bigint[]), CAST(:ids AS bigint[])) AS t (m, i)
            ON r.merchant_id = t.m AND r.shopper_id = t.i
        UNION
        SELECT r.merchant_id, r.shopper_id, r.referrer_id
        FROM above a
        JOIN referrals r ON r.merchant_id = a.merchant_id AND r.shopper_id = a.referrer_id
    )
    SELECT merchant_id, shopper_id, referrer_id FROM above
    """
)
_BIND = text(
    """
    INSERT INTO referrals (merchant_id, shopper_id, referrer_id, share_id, order_id, bound_at)
    SELECT m, shopper_id, referrer_id, share_id, order_id, :at
    FROM jsonb_to_recordset(:bound) AS t (
        m bigint, shopper_id bigint, referrer_id bigint, share_id bigint, order_id bigint)
    RETURNING merchant_id, id, order_id
    """
).bindparams(bindparam("bound", type_=JSONB))
_REWARD = text(
    """
    INSERT INTO rewards (merchant_id, public_id, referral_id, referrer_id, order_id, group_id,
        campaign_id, outcome, amount_fen, issued_at)
    SELECT m, public_id, referral_id, referrer_id, order_id, group_id, campaign_id, outcome, amount,
        :at
    FROM jsonb_to_recordset(:rewards) AS t (
        m bigint, public_id text, referral_id bigint, referrer_id bigint, order_id bigint,
        group_id bigint, campaign_id bigint, outcome text, amount bigint)
    RETURNING merchant_id, id, order_id
    """
).bindparams(bindparam("rewards", type_=JSONB))


@dataclass(frozen=True, slots=True)
class _Rewarded:
    """A referral that is rewarded: for whom, by which rule, with how many fen."""

    brought: Brought
    rule: RewardRule
    amount_fen: int


def reward_groups(session: Session, keys: Sequence[Key], *, at: datetime) -> dict[Key, datetime]:
    """Bind and reward who brought the new members of groups that formed or failed.

    Returns the groups that wait for releasing seats, with when to look again. Locks the groups,
    then the merchants' referrals. Rewarding a group twice breaks a unique key.
    """
    locked = lock_groups(session, keys)
    waits = {
        key: at + _WAIT
        for key, group in locked.items()
        if group.state == GroupState.FAILED and group.releasing
    }
    groups = {key: group for key, group in locked.items() if key not in waits}
    if not groups:
        return waits
    for merchant_id in sorted({key[0] for key in groups}):
        session.execute(_LOCK_REFERRALS, {"number": _LOCK_SPACE + merchant_id})
    terms = terms_of(session, list(groups.values()))
    rows = session.execute(_BROUGHT, {**columns(groups), "life": BINDING_LIFE})
    bound = _without_circles(session, [Brought(*row) for row in rows])
    rewarded = _reward(session, bound, groups, terms, at=at)
    record_movements(
        session, [_movement(group, rewarded.get(key, 0)) for key, group in groups.items()], at=at
    )
    return waits


def _without_circles(session: Session, brought: Sequence[Brought]) -> list[Brought]:
    """Leave out who is above its own referrer, by earlier referrals or by those before it here."""
    if not brought:
        return []
    starts = sorted({(b.merchant_id, b.referrer_id) for b in brought})
    above = {
        (row.merchant_id, row.shopper_id): row.referrer_id
        for row in session.execute(_ANCESTORS, columns(starts))
    }
    kept = []
    for new in brought:
        shopper = (new.merchant_id, new.shopper_id)
        ancestor: int | None = new.referrer_id
        while ancestor is not None and ancestor != new.shopper_id:
            ancestor = above.get((new.merchant_id, ancestor))
        if ancestor is None:
            above[shopper] = new.referrer_id
            kept.append(new)
    return kept


def _reward(
    session: Session,
    bound: Sequence[Brought],
    groups: Mapping[Key, LockedGroup],
    terms: Mapping[Key, Terms],
    *,
    at: datetime,
) -> dict[Key, int]:
    """Write referrals, and the rewards of those that nobody suspects; returns fen by group."""
    if not bound:
        return {}
    referrals = session.execute(
        _BIND,
        {
            "at": at,
            "bound": [
                {
                    "m": b.merchant_id,
                    "shopper_id": b.shopper_id,
                    "referrer_id": b.referrer_id,
                    "share_id": b.share_id,
                    "order_id": b.order_id,
                }
                for b in bound
            ],
        },
    )
    referral_of = {(row.merchant_id, row.order_id): row.id for row in referrals}
    rewarded = {
        (r.brought.merchant_id, r.brought.order_id): r
        for b in bound
        if (r := _rewarded(b, groups[b.merchant_id, b.group_id], terms)).amount_fen
        and not b.is_suspect
    }
    made = session.execute(
        _REWARD,
        {
            "at": at,
            "rewards": [
                {
                    "m": r.brought.merchant_id,
                    "public_id": new_public_id(),
                    "referral_id": referral_of[key],
                    "referrer_id": r.brought.referrer_id,
                    "order_id": r.brought.order_id,
                    "group_id": r.brought.group_id,
                    "campaign_id": groups[r.brought.merchant_id, r.brought.group_id].campaign_id,
                    "outcome": _outcome(groups[r.brought.merchant_id, r.brought.group_id]),
                    "amount": r.amount_fen,
                }
                for key, r in rewarded.items()
            ],
        },
    ).all()
    issues = [_issue_of(row.id, rewarded[row.merchant_id, row.order_id]) for row in made]
    posting.post(session, issue(session, issues, at=at, actor=ACTOR), at=at)
    outbox.emit(
        session,
        [outbox.NewFact(row.merchant_id, "reward.issued", row.id) for row in made],
        at=at,
    )
    sums: dict[Key, int] = {}
    for reward in rewarded.values():
        group = (reward.brought.merchant_id, reward.brought.group_id)
        sums[group] = sums.get(group, 0) + reward.amount_fen
    return sums


def _outcome(group: LockedGroup) -> str:
    return "formed" if group.state in _FORMED else "failed"


def _rewarded(brought: Brought, group: LockedGroup, terms: Mapping[Key, Terms]) -> _Rewarded:
    rule = terms[group.key].reward
    amount = rule.formed_fen if group.state in _FORMED else rule.failed_fen
    return _Rewarded(brought, rule, amount)


def _issue_of(reward_id: int, rewarded: _Rewarded) -> Issue:
    return Issue(
        rewarded.brought.merchant_id,
        Source.REWARD,
        reward_id,
        rewarded.brought.referrer_id,
        SubsidyKind.COUPON,
        rewarded.amount_fen,
        threshold_fen=rewarded.rule.threshold_fen,
        valid_days=rewarded.rule.valid_days,
    )


def _movement(group: LockedGroup, spent_fen: int) -> Movement:
    return Movement(
        group.merchant_id,
        group.campaign_id,
        group.id,
        "rewarded",
        committed_fen=-group.size * group.largest_reward_fen,
        spent_fen=spent_fen,
    )
