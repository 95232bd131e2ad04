"""Drafting campaigns, and changing them before and after they are published."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.campaigns import rules
from domain.campaigns.errors import (
    BudgetBelowCommitments,
    CampaignChanged,
    CampaignOver,
    StockBelowCommitments,
)
from domain.campaigns.queries import campaign_to_json, lock_campaign, variants_of
from domain.campaigns.rules import TermsDraft
from domain.models import Campaign, ExternalProgramme, MerchantSettings, Product
from domain.money import point_fen
from domain.public_ids import new_public_id
from domain.states import CampaignState
from domain.terms import SubsidyRule, Terms

OVER = (CampaignState.ENDED, CampaignState.ARCHIVED)


@dataclass(frozen=True, slots=True)
class NewCampaign:
    """What a campaign is made of; the product is the inner id."""

    product_id: int
    title: str
    terms: TermsDraft
    budget_fen: int
    stock_units: int


@dataclass(frozen=True, slots=True)
class ChangedCampaign:
    """A changed campaign, with what the audit log keeps of it."""

    campaign: Campaign
    before: dict[str, Any]
    after: dict[str, Any]


def draft_campaign(
    session: Session, merchant_id: int, new: NewCampaign, *, moved_by: str, at: datetime
) -> Campaign:
    """Draft a campaign: nobody sees it until it is published. Raises TermsInvalid."""
    terms = _draw_up(session, (merchant_id, new.product_id), new.terms, base=None)
    campaign = Campaign(
        merchant_id=merchant_id,
        public_id=new_public_id(),
        product_id=new.product_id,
        title=new.title,
        state=CampaignState.DRAFT.value,
        starts_at=terms.starts_at,
        ends_at=terms.ends_at,
        draft_terms=terms.to_json(),
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
    terms: TermsDraft | None = None,
) -> ChangedCampaign:
    """Change title, budget_fen, stock_units at once, and the draft of the terms; locks it.

    Terms take effect at the next publication; a draft's window moves with them. A change may say
    from what it raises (`budget_was_fen`, `stock_was_units`), so that two raises at once are not
    taken for one; repeated, it changes nothing. Raises CampaignNotFound, CampaignOver,
    CampaignChanged, TermsInvalid, BudgetBelowCommitments, StockBelowCommitments.
    """
    campaign = lock_campaign(session, merchant_id, public_id)
    if campaign.state in OVER:
        raise CampaignOver(state=campaign.state)
    before = campaign_to_json(session, campaign)
    for name in ("budget_fen", "stock_units"):
        _check_unchanged(campaign, name, changes)
    campaign.title = changes.get("title", campaign.title)
    _change_budget(campaign, changes.get("budget_fen", campaign.budget_fen))
    _change_stock(campaign, changes.get("stock_units", campaign.stock_units))
    if terms is not None:
        base = Terms.from_json(campaign.draft_terms)
        drawn = _draw_up(session, (merchant_id, campaign.product_id), terms, base=base)
        campaign.draft_terms = drawn.to_json()
        if campaign.state == CampaignState.DRAFT:
            campaign.starts_at, campaign.ends_at = drawn.starts_at, drawn.ends_at
    session.flush()
    return ChangedCampaign(campaign, before, campaign_to_json(session, campaign))


def _draw_up(
    session: Session, product: tuple[int, int], draft: TermsDraft, *, base: Terms | None
) -> Terms:
    variants = variants_of(session, product)
    ids = {variant.public_id: variant.id for variant in variants}
    given = _with_programme(session, product[0], draft)
    if given.subsidy is None and base is None:
        given = replace(given, subsidy=_default_subsidy(session, product))
    terms = rules.draw_up(given, base=base, variant_ids=ids)
    rules.check_terms(terms, variant_ids=ids.values(), point_fen=_point_fen(session, product[0]))
    return terms


def _with_programme(session: Session, merchant_id: int, draft: TermsDraft) -> TermsDraft:
    """Look up the programme that external points are of; an unknown one is none."""
    if draft.subsidy is None or draft.programme_id is None:
        return draft
    found = session.execute(
        select(ExternalProgramme.id, ExternalProgramme.points_per_yuan).where(
            ExternalProgramme.merchant_id == merchant_id,
            ExternalProgramme.public_id == draft.programme_id,
        )
    ).one_or_none()
    if found is None:
        return replace(draft, subsidy=replace(draft.subsidy, programme_id=None))
    programme_id, per_yuan = found
    subsidy = replace(draft.subsidy, programme_id=programme_id, point_fen=point_fen(per_yuan))
    return replace(draft, subsidy=subsidy)


def check_default_subsidy(
    session: Session, merchant_id: int, rule: SubsidyRule, programme_id: str | None
) -> SubsidyRule:
    """Return the rule that a product's campaigns have unless they name another.

    Raises TermsInvalid, its fields below `default_subsidy`.
    """
    draft = _with_programme(
        session, merchant_id, TermsDraft(subsidy=rule, programme_id=programme_id)
    )
    checked = draft.subsidy or rule
    rules.check_subsidy(checked, of="default_subsidy", point_fen=_point_fen(session, merchant_id))
    return checked


def _default_subsidy(session: Session, product: tuple[int, int]) -> SubsidyRule | None:
    found = session.scalar(
        select(Product.default_subsidy).where(
            Product.merchant_id == product[0], Product.id == product[1]
        )
    )
    return None if found is None else SubsidyRule.from_json(found)


def _point_fen(session: Session, merchant_id: int) -> int:
    """Return the fen that a merchant's points are whole in."""
    per_yuan = session.scalar(
        select(MerchantSettings.points_per_yuan).where(MerchantSettings.merchant_id == merchant_id)
    )
    return point_fen(100 if per_yuan is None else per_yuan)


_WAS = {"budget_fen": "budget_was_fen", "stock_units": "stock_was_units"}


def _check_unchanged(campaign: Campaign, name: str, changes: Mapping[str, Any]) -> None:
    was, now = changes.get(_WAS[name]), getattr(campaign, name)
    if was is not None and now not in {was, changes.get(name)}:
        raise CampaignChanged(field=name, now=now)


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
