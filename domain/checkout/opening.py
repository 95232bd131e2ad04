"""Opening a group: pending, unlisted and unjoinable until its leader has paid. One transaction.

The worst the group may cost is committed of the campaign's budget, and its units of stock.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from domain import clock, idempotency
from domain.campaigns.errors import CampaignNotFound
from domain.checkout import placing
from domain.checkout.commands import OpenGroup
from domain.checkout.errors import (
    BudgetExhausted,
    CampaignNotRunning,
    StockExhausted,
    TooLateToOpen,
    VariantNotSold,
)
from domain.errors import Busy
from domain.orders.rules import OPENING_MARGIN
from domain.public_ids import new_public_id
from domain.terms import Terms

_LOOK = text(
    """
    SELECT c.id, c.public_id, c.state, c.starts_at, c.ends_at, c.rule_version_id, r.terms,
        v.id AS variant_id, v.list_price_fen, s.flag, m.daily_subsidy_cap_fen,
        m.monthly_subsidy_cap_fen, m.daily_failures_cap, m.monthly_failures_cap,
        coalesce(m.points_per_yuan, 100) AS points_per_yuan, sh.id AS share_id
    FROM campaigns c
    JOIN rule_versions r ON r.merchant_id = c.merchant_id AND r.id = c.rule_version_id
    JOIN shoppers s ON s.merchant_id = c.merchant_id AND s.id = :shopper_id
    LEFT JOIN variants v ON v.merchant_id = c.merchant_id AND v.public_id = :variant
    LEFT JOIN merchant_settings m ON m.merchant_id = c.merchant_id
    LEFT JOIN shares sh ON sh.merchant_id = c.merchant_id AND sh.token = :share_token
        AND sh.shopper_id <> :shopper_id
    WHERE c.merchant_id = :merchant_id AND c.public_id = :campaign
    """
)
_COMMIT = text(
    """
    UPDATE campaigns SET committed_fen = committed_fen + :worst,
        stock_committed = stock_committed + :size
    WHERE merchant_id = :merchant_id AND id = :id AND state = 'published'
        AND rule_version_id = :rule_version_id
        AND committed_fen + spent_fen + :worst <= budget_fen
        AND stock_committed + stock_consumed + :size <= stock_units
    """
)
_WHY_NOT = text(
    """
    SELECT state, rule_version_id = :rule_version_id AS is_same_version,
        committed_fen + spent_fen + :worst > budget_fen AS is_budget_used_up
    FROM campaigns WHERE merchant_id = :merchant_id AND id = :id
    """
)
_OPEN = text(
    """
    WITH opened AS (
        INSERT INTO groups (merchant_id, public_id, campaign_id, rule_version_id, state, size,
            largest_subsidy_fen, largest_reward_fen, held, created_at, moved_at, moved_by)
        VALUES (:merchant_id, :public_id, :campaign_id, :rule_version_id, 'pending', :size,
            :largest, :reward, 1, :at, :at, :actor)
        RETURNING id
    ), moved AS (
        INSERT INTO campaign_movements (merchant_id, campaign_id, group_id, reason, committed_fen,
            stock_committed, at, folded_at)
        SELECT :merchant_id, :campaign_id, id, 'pending', :worst, :size, :at, :at
        FROM opened
    )
    SELECT id FROM opened
    """
)


def open_group(command: OpenGroup, *, at: datetime) -> dict[str, Any]:
    """Open a pending group and hold its leader's seat; returns the order's body.

    May be repeated with its key. Raises CampaignNotFound, CampaignNotRunning, TooLateToOpen,
    VariantNotSold, BudgetExhausted, StockExhausted, a limit of the shopper, Busy.
    """
    basket = command.basket
    with placing.placement(basket, at=at) as session:
        done = idempotency.take(session, basket.key)
        return done if done is not None else _open(session, command, at=at)


def _open(session: Session, command: OpenGroup, *, at: datetime) -> dict[str, Any]:
    basket = command.basket
    merchant_id, shopper_id = basket.shopper
    seen = session.execute(
        _LOOK,
        {
            "merchant_id": merchant_id,
            "shopper_id": shopper_id,
            "campaign": command.campaign_id,
            "variant": basket.variant_id,
            "share_token": basket.share_token,
        },
    ).first()
    if seen is None or seen.state == "archived":
        raise CampaignNotFound
    terms = Terms.from_json(seen.terms)
    if seen.state != "published" or not terms.starts_at <= at < terms.ends_at:
        raise CampaignNotRunning(state=seen.state)
    if terms.ends_at - at < OPENING_MARGIN:
        raise TooLateToOpen
    price_fen = None if seen.variant_id is None else terms.price_of(seen.variant_id)
    if price_fen is None:
        raise VariantNotSold(field="variant_id")
    _commit_budget(session, merchant_id, seen, terms)
    public_id = new_public_id()
    group_id = session.execute(
        _OPEN,
        {
            "merchant_id": merchant_id,
            "public_id": public_id,
            "campaign_id": seen.id,
            "rule_version_id": seen.rule_version_id,
            "size": terms.group_size,
            "largest": terms.largest_subsidy_fen,
            "reward": terms.reward.largest_fen,
            "worst": terms.worst_case_fen,
            "at": at,
            "actor": f"shopper:{shopper_id}",
        },
    ).scalar_one()
    place = placing.Place(
        group_id=group_id,
        group_public_id=public_id,
        campaign_id=seen.id,
        campaign_public_id=seen.public_id,
        variant_id=seen.variant_id,
        list_price_fen=seen.list_price_fen,
        price_fen=price_fen,
        terms=terms,
        deadline_at=None,
        is_open=False,
        cap_on=clock.ending_day(min(at + timedelta(seconds=terms.life_seconds), terms.ends_at)),
        share_id=seen.share_id,
        share_source=None if seen.share_id is None else "token",
        flag=seen.flag,
        caps=placing.merchant_caps(seen),
        points_per_yuan=seen.points_per_yuan,
    )
    counts = placing.lock_shopper(session, basket, place, at=at)
    decision = placing.admit(counts, place)
    return placing.place_order(session, basket, place, counts, decision, at=at)


def _commit_budget(session: Session, merchant_id: int, seen: Row[Any], terms: Terms) -> None:
    """Commit a group's worst case and its stock; locks the campaign."""
    wanted = {
        "merchant_id": merchant_id,
        "id": seen.id,
        "rule_version_id": seen.rule_version_id,
        "worst": terms.worst_case_fen,
        "size": terms.group_size,
    }
    if session.execute(_COMMIT, wanted).rowcount == 1:  # type: ignore[attr-defined]
        return
    why = session.execute(_WHY_NOT, wanted).one()
    if why.state != "published":
        raise CampaignNotRunning(state=why.state)
    if not why.is_same_version:
        raise Busy("busy", "the campaign's rules are being changed")
    raise BudgetExhausted if why.is_budget_used_up else StockExhausted
