"""Changing a variant that running campaigns sell: a new price warns as publishing it would."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.campaigns.queries import variants_of
from domain.catalog.changing import change_variant
from domain.catalog.queries import lock_variant
from domain.database import merchant_transaction
from domain.merchants.auditing import StaffActor, audit
from domain.models import Campaign, RuleVersion, Variant
from domain.publishing.publishing import Acknowledgement, acknowledge, plan_of
from domain.publishing.warnings import PublishWarning, find_warnings
from domain.states import CampaignState
from domain.terms import Terms

PRICES = ("list_price_fen", "alone_price_fen")


@dataclass(frozen=True, slots=True)
class ChangeVariant:
    """Change fields of a variant, and its stock by a difference."""

    actor: StaffActor
    variant_id: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    stock_delta: int = 0
    reason: str | None = None
    acknowledged: Sequence[Acknowledgement] = ()


def change_variant_on_sale(command: ChangeVariant, *, at: datetime) -> Variant:
    """Change a variant; locks it. Nothing changed is nothing audited.

    A new list or alone price needs an acknowledgement of each warning that published or paused
    campaigns would newly have. Raises what `change_variant` does, WarningsNotAcknowledged;
    RoleTooLow where a red warning is acknowledged by less than an owner.
    """
    actor = command.actor
    with merchant_transaction(actor.merchant_id) as session:
        variant = lock_variant(session, actor.merchant_id, command.variant_id)
        known = _find_warnings(session, variant, at=at)
        changed = change_variant(
            session,
            actor.merchant_id,
            command.variant_id,
            command.changes,
            stock_delta=command.stock_delta,
        )
        found: list[PublishWarning] = []
        if any(changed.before[name] != changed.after[name] for name in PRICES):
            found = [w for w in _find_warnings(session, variant, at=at) if w not in known]
        reasons = [
            f"{accepted['code']}: {accepted['reason']}"
            for accepted in acknowledge(found, command.acknowledged, actor)
        ]
        if changed.before != changed.after:
            audit(
                session,
                actor,
                "variant.changed",
                subject_kind="variant",
                subject_id=variant.id,
                at=at,
                reason="; ".join(filter(None, [command.reason, *reasons])) or None,
                before=changed.before,
                after=changed.after,
            )
    return changed.variant


def _find_warnings(session: Session, variant: Variant, *, at: datetime) -> list[PublishWarning]:
    """Find what the running campaigns that sell a variant would be warned of, each once."""
    variants = variants_of(session, (variant.merchant_id, variant.product_id))
    found: list[PublishWarning] = []
    for campaign, version in session.execute(_running(variant, at=at)):
        terms = Terms.from_json(version.terms)
        if terms.price_of(variant.id) is not None:
            warnings = find_warnings(plan_of(session, campaign, terms, variants))
            found += [warning for warning in warnings if warning not in found]
    return found


def _running(variant: Variant, *, at: datetime) -> Any:
    """Select the campaigns of its product that open groups, or may again, with their rules."""
    return (
        select(Campaign, RuleVersion)
        .join(
            RuleVersion,
            (RuleVersion.merchant_id == Campaign.merchant_id)
            & (RuleVersion.id == Campaign.rule_version_id),
        )
        .where(
            Campaign.merchant_id == variant.merchant_id,
            Campaign.product_id == variant.product_id,
            Campaign.state.in_([CampaignState.PUBLISHED, CampaignState.PAUSED]),
            Campaign.ends_at > at,
        )
        .order_by(Campaign.id)
    )
