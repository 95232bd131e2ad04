"""Campaigns: drafts, and published ones with their rule version."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from domain import clock
from domain.models import Campaign, Product, RuleVersion, Staff, Variant
from domain.public_ids import new_public_id
from domain.terms import (
    Caps,
    GroupPrice,
    Levers,
    Limits,
    RewardRule,
    SubsidyKind,
    SubsidyRule,
    Terms,
)
from tests.factories.products import make_product, make_variant
from tests.factories.staff import make_staff


@dataclass(frozen=True)
class MadeCampaign:
    """A campaign with what it sells, its terms, and the rule version where published."""

    campaign: Campaign
    product: Product
    variants: tuple[Variant, ...]
    terms: Terms
    rule_version: RuleVersion | None

    @property
    def id(self) -> int:
        return self.campaign.id

    @property
    def merchant_id(self) -> int:
        return self.campaign.merchant_id

    @property
    def public_id(self) -> str:
        return self.campaign.public_id

    @property
    def variant(self) -> Variant:
        return self.variants[0]


def make_draft(
    session: Session,
    merchant_id: int,
    *,
    product: Product | None = None,
    variants: tuple[Variant, ...] | None = None,
    title: str = "网红薯片三人团",
    group_size: int = 3,
    life_seconds: int = 86_400,
    group_price_fen: int = 1990,
    subsidy_fen: int = 1000,
    subsidy: SubsidyRule | None = None,
    reward: RewardRule | None = None,
    caps: Caps | None = None,
    levers: Levers | None = None,
    limits: Limits | None = None,
    budget_fen: int = 10_000_000,
    stock_units: int = 100_000,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> MadeCampaign:
    now = clock.real_now()
    product = product or make_product(session, merchant_id)
    variants = variants or (make_variant(session, product),)
    terms = Terms(
        group_size=group_size,
        life_seconds=life_seconds,
        prices=tuple(GroupPrice(variant.id, group_price_fen) for variant in variants),
        subsidy=subsidy or SubsidyRule(SubsidyKind.CASH, subsidy_fen),
        starts_at=starts_at or now - timedelta(days=1),
        ends_at=ends_at or now + timedelta(days=30),
        limits=limits or Limits(),
        reward=reward or RewardRule(),
        caps=caps or Caps(),
        levers=levers or Levers(),
    )
    campaign = Campaign(
        merchant_id=merchant_id,
        public_id=new_public_id(),
        product_id=product.id,
        title=title,
        state="draft",
        starts_at=terms.starts_at,
        ends_at=terms.ends_at,
        draft_terms=terms.to_json(),
        rule_version_id=None,
        budget_fen=budget_fen,
        stock_units=stock_units,
        created_at=now,
        moved_at=now,
        moved_by="test",
    )
    session.add(campaign)
    session.flush()
    return MadeCampaign(campaign, product, variants, terms, None)


def make_campaign(
    session: Session,
    merchant_id: int,
    *,
    staff: Staff | None = None,
    product: Product | None = None,
    variants: tuple[Variant, ...] | None = None,
    title: str = "网红薯片三人团",
    group_size: int = 3,
    life_seconds: int = 86_400,
    group_price_fen: int = 1990,
    subsidy_fen: int = 1000,
    subsidy: SubsidyRule | None = None,
    reward: RewardRule | None = None,
    caps: Caps | None = None,
    levers: Levers | None = None,
    limits: Limits | None = None,
    budget_fen: int = 10_000_000,
    stock_units: int = 100_000,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> MadeCampaign:
    """Published: the founding document's chips, unless told otherwise."""
    draft = make_draft(
        session,
        merchant_id,
        product=product,
        variants=variants,
        title=title,
        group_size=group_size,
        life_seconds=life_seconds,
        group_price_fen=group_price_fen,
        subsidy_fen=subsidy_fen,
        subsidy=subsidy,
        reward=reward,
        caps=caps,
        levers=levers,
        limits=limits,
        budget_fen=budget_fen,
        stock_units=stock_units,
        starts_at=starts_at,
        ends_at=ends_at,
    )
    staff = staff or make_staff(session, merchant_id)
    now = clock.real_now()
    version = RuleVersion(
        merchant_id=merchant_id,
        campaign_id=draft.id,
        number=1,
        terms=draft.terms.to_json(),
        text_zh=["规则"],
        text_en=["Rules"],
        acknowledged=[],
        published_at=now,
        published_by=staff.id,
    )
    session.add(version)
    session.flush()
    campaign = draft.campaign
    campaign.rule_version_id = version.id
    campaign.state = "published"
    campaign.moved_at = now
    session.flush()
    return MadeCampaign(campaign, draft.product, draft.variants, draft.terms, version)
