"""Reads of a campaign's published rules, version by version, with the text that was shown."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.campaigns.errors import RuleVersionNotFound
from domain.campaigns.queries import CampaignView, find_campaign, terms_to_public_json
from domain.models import RuleVersion, Staff
from domain.terms import Terms


@dataclass(frozen=True, slots=True)
class PublishedRules:
    """One frozen version: new groups are opened under the one in force, others keep theirs."""

    number: int
    is_in_force: bool
    published_at: datetime
    published_by: str
    starts_at: datetime
    ends_at: datetime
    terms: dict[str, Any]
    acknowledged: list[Any]
    rules_text_zh: list[Any]
    rules_text_en: list[Any]


def list_versions(
    session: Session, merchant_id: int, campaign_id: str, *, below: int | None, limit: int
) -> list[PublishedRules]:
    """List a campaign's versions (public id), newest first. Raises CampaignNotFound."""
    view = find_campaign(session, merchant_id, campaign_id)
    wanted = _versions(view)
    if below is not None:
        wanted = wanted.where(RuleVersion.number < below)
    rows = session.execute(wanted.order_by(RuleVersion.number.desc()).limit(limit))
    return [_shown(view, version, name) for version, name in rows]


def find_version(
    session: Session, merchant_id: int, campaign_id: str, number: int
) -> PublishedRules:
    """Find one version. Raises CampaignNotFound, RuleVersionNotFound."""
    view = find_campaign(session, merchant_id, campaign_id)
    found = session.execute(_versions(view).where(RuleVersion.number == number)).one_or_none()
    if found is None:
        raise RuleVersionNotFound
    return _shown(view, *found)


def _versions(view: CampaignView) -> Any:
    return (
        select(RuleVersion, Staff.name)
        .join(
            Staff,
            (Staff.merchant_id == RuleVersion.merchant_id) & (Staff.id == RuleVersion.published_by),
        )
        .where(
            RuleVersion.merchant_id == view.campaign.merchant_id,
            RuleVersion.campaign_id == view.campaign.id,
        )
    )


def _shown(view: CampaignView, version: RuleVersion, published_by: str) -> PublishedRules:
    terms = Terms.from_json(version.terms)
    return PublishedRules(
        number=version.number,
        is_in_force=version.id == view.campaign.rule_version_id,
        published_at=version.published_at,
        published_by=published_by,
        starts_at=terms.starts_at,
        ends_at=terms.ends_at,
        terms=terms_to_public_json(terms, view.public_ids),
        acknowledged=version.acknowledged,
        rules_text_zh=version.text_zh,
        rules_text_en=version.text_en,
    )
