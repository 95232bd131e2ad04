"""Drafting campaigns, and changing them before and after they are published."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.campaigns import rules
from domain.campaigns.errors import (
    BudgetBelowCommitments,
    CampaignOver,
    StockBelowCommitments,
)
from domain.campaigns.queries import campaign_to_json, lock_campaign
from domain.models import Campaign, Variant
from domain.public_ids import new_public_id
from domain.states import CampaignState
from domain.terms import Terms

OVER = (CampaignState.ENDED, CampaignState.ARCHIVED)


@dataclass(frozen=True, slots=True)
class NewCampaign:
    """What a campaign is made of; the product is the inner id."""

    product_id: int
    title: str
    terms: Terms
    budget_fen: int
    stock_units: int


@dataclass(frozen=True, slots=True)
class ChangedCampaign:
    """A changed campaign, with what the audit log keeps of it."""

    campaign: Campaign
    before: dict[str, Any]
    after: dict[str, Any]


def variants_of(session: Session, merchant_id: int, product_id: int) -> dict[str, Variant]:
    """Return a product's variants by public id."""
    found = session.scalars(
        select(Variant).where(Variant.merchant_id == merchant_id, Variant.product_id == product_id)
    )
    return {variant.public_id: variant for variant in found}


def draft_campaign(
    session: Session, merchant_id: int, new: NewCampaign, *, moved_by: str, at: datetime
) -> Campaign:
    """Draft a campaign: nobody sees it until it is published. Raises TermsInvalid."""
    _check(session, merchant_id, new.product_id, new.terms)
    campaign = Campaign(
        merchant_id=merchant_id,
        public_id=new_public_id(),
        product_id=new.product_id,
        title=new.title,
        state=CampaignState.DRAFT.value,
        starts_at=new.terms.starts_at,
        ends_at=new.terms.ends_at,
        draft_terms=new.terms.to_json(),
        rule_version_id=None,
        budget_fen=new.budget_fen,
        stock_units=new.stock_units,
        created_at=at,
        moved_at=at,
        moved_by=moved_by,
    )
    session.add(campaign)
    session.flush()
    return campaign


def change_campaign(
    session: Session,
    merchant_id: int,
    public_id: str,
    changes: Mapping[str, Any],
    *,
    draw_up: Callable[[Terms, int], Terms] | None = None,
) -> ChangedCampaign:
    """Change title, budget_fen, stock_units at once, and the draft of the terms; locks it.

    `draw_up` makes the new terms of the old ones and the product. Terms take effect at the next
    publication; a draft's window moves with them. Raises CampaignNotFound, CampaignOver,
    TermsInvalid, BudgetBelowCommitments, StockBelowCommitments.
    """
    campaign = lock_campaign(session, merchant_id, public_id)
    if campaign.state in OVER:
        raise CampaignOver(state=campaign.state)
    before = campaign_to_json(campaign)
    campaign.title = changes.get("title", campaign.title)
    _change_budget(campaign, changes.get("budget_fen", campaign.budget_fen))
    _change_stock(campaign, changes.get("stock_units", campaign.stock_units))
    if draw_up is not None:
        terms = draw_up(Terms.from_json(campaign.draft_terms), campaign.product_id)
        _check(session, merchant_id, campaign.product_id, terms)
        campaign.draft_terms = terms.to_json()
        if campaign.state == CampaignState.DRAFT:
            campaign.starts_at, campaign.ends_at = terms.starts_at, terms.ends_at
    session.flush()
    return ChangedCampaign(campaign, before, campaign_to_json(campaign))


def _change_budget(campaign: Campaign, budget_fen: int) -> None:
    bound = campaign.committed_fen + campaign.spent_fen
    if budget_fen < bound:
        raise BudgetBelowCommitments(field="budget_fen", bound_fen=bound)
    campaign.budget_fen = budget_fen


def _change_stock(campaign: Campaign, stock_units: int) -> None:
    bound = campaign.stock_committed + campaign.stock_consumed
    if stock_units < bound:
        raise StockBelowCommitments(field="stock_units", bound_units=bound)
    campaign.stock_units = stock_units


def _check(session: Session, merchant_id: int, product_id: int, terms: Terms) -> None:
    variants = variants_of(session, merchant_id, product_id)
    rules.check_terms(terms, variant_ids=[variant.id for variant in variants.values()])
