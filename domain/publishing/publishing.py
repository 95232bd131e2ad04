"""Checking a campaign's draft, and publishing it as a new frozen rule version."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from domain.campaigns import rules
from domain.campaigns.drafting import OVER
from domain.campaigns.errors import CampaignOver
from domain.campaigns.moving import move_to
from domain.campaigns.queries import (
    campaign_to_json,
    find_campaign,
    lock_campaign,
    variants_of,
)
from domain.campaigns.rules_text import Margins, write_live_caps, write_rules_text
from domain.database import merchant_transaction
from domain.merchants.auditing import StaffActor, audit
from domain.merchants.rules import Role
from domain.models import Campaign, MerchantSettings, RuleVersion, Variant
from domain.money import point_fen
from domain.orders.rules import LAST_JOIN, OPENING_MARGIN
from domain.publishing.arbitrage import JudgedVariant, PricedVariant, judge_variants
from domain.publishing.errors import (
    CampaignWindowPast,
    NothingToPublish,
    WarningsNotAcknowledged,
)
from domain.publishing.warnings import (
    Plan,
    PublishWarning,
    Severity,
    find_warnings,
)
from domain.states import CampaignState
from domain.terms import Caps, Terms

logger = logging.getLogger(__name__)

MARGINS = Margins(opening=OPENING_MARGIN, joining=LAST_JOIN)


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """A warning that is accepted, and why."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class PublishCampaign:
    """Publish a campaign's draft."""

    actor: StaffActor
    campaign_id: str
    acknowledged: Sequence[Acknowledgement] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """What a publication would warn of, and the text it would show."""

    warnings: list[PublishWarning]
    rules_text_zh: list[str]
    rules_text_en: list[str]


def check_campaign(actor: StaffActor, campaign_id: str, *, at: datetime) -> Check:
    """Say what publishing would warn of. Raises what publishing would, but for warnings."""
    with merchant_transaction(actor.merchant_id) as session:
        campaign = find_campaign(session, actor.merchant_id, campaign_id).campaign
        check = _check(session, campaign, Terms.from_json(campaign.draft_terms), at=at)
        caps = read_live_caps(session, actor.merchant_id)
    return replace(
        check,
        rules_text_zh=[*check.rules_text_zh, *caps["caps_text_zh"]],
        rules_text_en=[*check.rules_text_en, *caps["caps_text_en"]],
    )


def read_live_caps(session: Session, merchant_id: int) -> dict[str, list[str]]:
    """Write what shoppers read below the frozen rules: the merchant's own caps as they are now."""
    caps = _merchant_caps(_settings(session, merchant_id))
    return {
        "caps_text_zh": write_live_caps(caps, language="zh"),
        "caps_text_en": write_live_caps(caps, language="en"),
    }


def judge_draft(actor: StaffActor, campaign_id: str) -> list[JudgedVariant]:
    """Test the variants of a campaign's draft, the worst first. Raises TermsInvalid."""
    with merchant_transaction(actor.merchant_id) as session:
        campaign = find_campaign(session, actor.merchant_id, campaign_id).campaign
        terms = Terms.from_json(campaign.draft_terms)
        variants = variants_of(session, (campaign.merchant_id, campaign.product_id))
        rules.check_terms(
            terms,
            variant_ids={variant.id for variant in variants},
            point_fen=point_fen(_settings(session, actor.merchant_id).points_per_yuan),
        )
        return judge_variants(terms, plan_of(session, campaign, terms, variants).variants)


def publish_campaign(command: PublishCampaign, *, at: datetime) -> None:
    """Publish a draft as a new rule version; paused stays paused, open groups keep theirs.

    Raises CampaignNotFound, CampaignOver, TermsInvalid, CampaignWindowPast, NothingToPublish,
    WarningsNotAcknowledged; RoleTooLow where a red warning is acknowledged by less than an owner.
    """
    actor = command.actor
    with merchant_transaction(actor.merchant_id) as session:
        campaign = lock_campaign(session, actor.merchant_id, command.campaign_id)
        _hold_prices(session, campaign)
        _settings(session, actor.merchant_id, hold=True)
        terms = Terms.from_json(campaign.draft_terms)
        before = campaign_to_json(session, campaign)
        check = _check(session, campaign, terms, at=at)
        last = _last_version(session, campaign)
        if last is not None and Terms.from_json(last.terms) == terms:
            raise NothingToPublish
        acknowledged = acknowledge(check.warnings, command.acknowledged, actor)
        version = RuleVersion(
            merchant_id=campaign.merchant_id,
            campaign_id=campaign.id,
            number=1 if last is None else last.number + 1,
            terms=terms.to_json(),
            text_zh=check.rules_text_zh,
            text_en=check.rules_text_en,
            acknowledged=acknowledged,
            published_at=at,
            published_by=actor.staff_id,
        )
        session.add(version)
        session.flush()
        session.refresh(version, ["chain"])
        campaign.rule_version_id = version.id
        campaign.starts_at, campaign.ends_at = terms.starts_at, terms.ends_at
        if campaign.state == CampaignState.DRAFT:
            move_to(campaign, CampaignState.PUBLISHED, moved_by=actor.moved_by, at=at)
        session.flush()
        audit(
            session,
            actor,
            "campaign.published",
            subject_kind="campaign",
            subject_id=campaign.id,
            at=at,
            reason="; ".join(f"{a['code']}: {a['reason']}" for a in acknowledged) or None,
            before=before,
            after={**campaign_to_json(session, campaign), "number": version.number},
        )
    _tell_rules(version)


def _tell_rules(version: RuleVersion) -> None:
    """Put the new end of a campaign's chain into the log, out of the database's reach."""
    logger.info(
        "rules frozen",
        extra={
            "merchant_id": version.merchant_id,
            "campaign_id": version.campaign_id,
            "number": version.number,
            "chain": version.chain.hex(),
        },
    )


def _check(session: Session, campaign: Campaign, terms: Terms, *, at: datetime) -> Check:
    if campaign.state in OVER:
        raise CampaignOver(state=campaign.state)
    variants = {
        variant.id: variant
        for variant in variants_of(session, (campaign.merchant_id, campaign.product_id))
    }
    worth = point_fen(_settings(session, campaign.merchant_id).points_per_yuan)
    rules.check_terms(terms, variant_ids=variants, point_fen=worth)
    if terms.ends_at < at + OPENING_MARGIN:
        raise CampaignWindowPast(field="ends_at")
    titles = {id_: variant.title for id_, variant in variants.items()}
    return Check(
        warnings=find_warnings(plan_of(session, campaign, terms, variants.values())),
        rules_text_zh=write_rules_text(terms, MARGINS, variant_titles=titles, language="zh"),
        rules_text_en=write_rules_text(terms, MARGINS, variant_titles=titles, language="en"),
    )


def plan_of(
    session: Session, campaign: Campaign, terms: Terms, variants: Iterable[Variant]
) -> Plan:
    """Return what warnings are found in: terms at the variants' present prices."""
    by_id = {variant.id: variant for variant in variants}
    return Plan(
        terms=terms,
        variants=tuple(
            PricedVariant(
                title=by_id[price.variant_id].title,
                list_price_fen=by_id[price.variant_id].list_price_fen,
                unit_cost_fen=by_id[price.variant_id].unit_cost_fen,
                group_price_fen=price.group_price_fen,
                alone_price_fen=by_id[price.variant_id].alone_price_fen,
                public_id=by_id[price.variant_id].public_id,
            )
            for price in terms.prices
        ),
        budget_left_fen=campaign.budget_fen - campaign.committed_fen - campaign.spent_fen,
        stock_left=campaign.stock_units - campaign.stock_committed - campaign.stock_consumed,
        stock_units=campaign.stock_units,
        stock_of_variants=sum(by_id[price.variant_id].stock_units for price in terms.prices),
        merchant_caps=_merchant_caps(_settings(session, campaign.merchant_id)),
    )


def _settings(session: Session, merchant_id: int, *, hold: bool = False) -> MerchantSettings:
    """Return a merchant's settings; `hold` keeps them from changing until the transaction ends."""
    found = select(MerchantSettings).where(MerchantSettings.merchant_id == merchant_id)
    return session.scalars(found.with_for_update(read=True) if hold else found).one()


def _merchant_caps(settings: MerchantSettings) -> Caps:
    return Caps(
        settings.daily_subsidy_cap_fen,
        settings.monthly_subsidy_cap_fen,
        settings.daily_failures_cap,
        settings.monthly_failures_cap,
    )


def _hold_prices(session: Session, campaign: Campaign) -> None:
    """Let nobody change the product's prices between the check and the publication."""
    session.execute(
        select(Variant.id)
        .where(
            Variant.merchant_id == campaign.merchant_id, Variant.product_id == campaign.product_id
        )
        .order_by(Variant.id)
        .with_for_update(read=True)
    )


def _last_version(session: Session, campaign: Campaign) -> RuleVersion | None:
    of_campaign = (
        RuleVersion.merchant_id == campaign.merchant_id,
        RuleVersion.campaign_id == campaign.id,
    )
    newest = select(func.max(RuleVersion.number)).where(*of_campaign).scalar_subquery()
    return session.scalars(
        select(RuleVersion).where(*of_campaign, RuleVersion.number == newest)
    ).one_or_none()


def acknowledge(
    warnings: Sequence[PublishWarning], given: Sequence[Acknowledgement], actor: StaffActor
) -> list[dict[str, Any]]:
    """Return how each warning was accepted, as it is kept.

    Raises WarningsNotAcknowledged; RoleTooLow where one is red and the actor no owner.
    """
    reasons = {a.code: a.reason.strip() for a in given if a.reason.strip()}
    missing = [warning for warning in warnings if warning.code not in reasons]
    if missing:
        raise WarningsNotAcknowledged(warnings=[warning.to_json() for warning in missing])
    if any(warning.severity is Severity.RED for warning in warnings):
        actor.require(Role.OWNER)
    return [
        {"code": w.code, "severity": w.severity.value, "reason": reasons[w.code]} for w in warnings
    ]
