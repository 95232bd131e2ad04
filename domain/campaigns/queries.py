"""Reads of campaigns, as staff see them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from domain.campaigns.errors import CampaignNotFound
from domain.models import Campaign, ExternalProgramme, Product, RuleVersion, Variant
from domain.terms import Terms


@dataclass(frozen=True, slots=True)
class PublicIds:
    """What people outside the database call variants and programmes, by inner id."""

    variants: Mapping[int, str]
    programmes: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class CampaignView:
    """A campaign as its merchant sees it: the draft of its rules, and the published version."""

    campaign: Campaign
    product_id: str
    product_title: str
    draft: Terms
    version: RuleVersion | None
    public_ids: PublicIds

    @property
    def published(self) -> Terms | None:
        """Return the published terms."""
        return None if self.version is None else Terms.from_json(self.version.terms)

    @property
    def has_unpublished_changes(self) -> bool:
        """Say whether the draft differs from what is published."""
        return self.published != self.draft


def _views(session: Session, campaigns: Sequence[Campaign]) -> list[CampaignView]:
    if not campaigns:
        return []
    merchant_id = campaigns[0].merchant_id
    products = {
        row.id: row
        for row in session.execute(
            select(Product.id, Product.public_id, Product.title).where(
                Product.merchant_id == merchant_id,
                Product.id.in_({campaign.product_id for campaign in campaigns}),
            )
        )
    }
    versions = {
        version.id: version
        for version in session.scalars(
            select(RuleVersion).where(
                RuleVersion.merchant_id == merchant_id,
                RuleVersion.id.in_({c.rule_version_id for c in campaigns if c.rule_version_id}),
            )
        )
    }
    public_ids = _public_ids(session, merchant_id, products)
    return [
        CampaignView(
            campaign=campaign,
            product_id=products[campaign.product_id].public_id,
            product_title=products[campaign.product_id].title,
            draft=Terms.from_json(campaign.draft_terms),
            version=versions.get(campaign.rule_version_id or 0),
            public_ids=public_ids,
        )
        for campaign in campaigns
    ]


def list_campaigns(
    session: Session,
    merchant_id: int,
    *conditions: ColumnElement[bool],
    below_id: int | None,
    limit: int,
) -> list[CampaignView]:
    """List a merchant's campaigns that meet the conditions, newest first."""
    wanted = select(Campaign).where(Campaign.merchant_id == merchant_id, *conditions)
    if below_id is not None:
        wanted = wanted.where(Campaign.id < below_id)
    return _views(session, session.scalars(wanted.order_by(Campaign.id.desc()).limit(limit)).all())


def find_campaign(session: Session, merchant_id: int, public_id: str) -> CampaignView:
    """Find a campaign. Raises CampaignNotFound."""
    return _views(
        session,
        [_one(session.scalars(_by_public_id(merchant_id, public_id)).one_or_none())],
    )[0]


def lock_campaign(session: Session, merchant_id: int, public_id: str) -> Campaign:
    """Find a campaign and lock it: before any of its groups. Raises CampaignNotFound."""
    return _one(
        session.scalars(
            _by_public_id(merchant_id, public_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        ).one_or_none()
    )


def _by_public_id(merchant_id: int, public_id: str) -> Any:
    return select(Campaign).where(
        Campaign.merchant_id == merchant_id, Campaign.public_id == public_id
    )


def _one(campaign: Campaign | None) -> Campaign:
    if campaign is None:
        raise CampaignNotFound
    return campaign


def variants_of(session: Session, product: tuple[int, int]) -> Sequence[Variant]:
    """Return the variants of a product, by its key."""
    return session.scalars(
        select(Variant)
        .where(Variant.merchant_id == product[0], Variant.product_id == product[1])
        .order_by(Variant.id)
    ).all()


def _public_ids(session: Session, merchant_id: int, products: Collection[int]) -> PublicIds:
    variants = session.execute(
        select(Variant.id, Variant.public_id).where(
            Variant.merchant_id == merchant_id, Variant.product_id.in_(products)
        )
    )
    programmes = session.execute(
        select(ExternalProgramme.id, ExternalProgramme.public_id).where(
            ExternalProgramme.merchant_id == merchant_id
        )
    )
    return PublicIds(
        variants={row.id: row.public_id for row in variants},
        programmes={row.id: row.public_id for row in programmes},
    )


def terms_to_public_json(terms: Terms, public_ids: PublicIds) -> dict[str, Any]:
    """Write terms with public ids, for people outside the database."""
    written = terms.to_json()
    written["prices"] = [
        {
            "variant_id": public_ids.variants[price.variant_id],
            "group_price_fen": price.group_price_fen,
        }
        for price in terms.prices
    ]
    programme_id = terms.subsidy.programme_id
    if programme_id is not None:
        written["subsidy"]["programme_id"] = public_ids.programmes[programme_id]
    return written


def campaign_to_json(session: Session, campaign: Campaign) -> dict[str, Any]:
    """Write a campaign as the audit log keeps it."""
    public_ids = _public_ids(session, campaign.merchant_id, [campaign.product_id])
    return {
        "title": campaign.title,
        "state": campaign.state,
        "budget_fen": campaign.budget_fen,
        "stock_units": campaign.stock_units,
        "terms": terms_to_public_json(Terms.from_json(campaign.draft_terms), public_ids),
    }
