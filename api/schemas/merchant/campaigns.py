"""Campaigns, as staff see and change them."""

import marshmallow as ma

from api.paging import PageArguments
from api.schemas.campaigns import TotalsSchema
from api.schemas.fields import (
    Answer,
    Boolean,
    Choice,
    Count,
    Fen,
    Instant,
    PublicId,
    Schema,
    String,
    Text,
    answer_of,
)
from domain.campaigns.phases import CampaignPhase
from domain.publishing.warnings import Severity
from domain.states import CampaignState
from domain.terms import (
    LARGEST_GROUP,
    LONGEST_LIFE_SECONDS,
    SHORTEST_LIFE_SECONDS,
    SMALLEST_GROUP,
    SubsidyKind,
)

PHASES = [phase.value for phase in CampaignPhase]


class PriceSchema(Schema):
    """The group price of a variant."""

    variant_id = PublicId(required=True)
    group_price_fen = Fen(least=1, required=True)


class SubsidyRuleSchema(Schema):
    """What each paid member of a failed group gets."""

    kind = Choice(SubsidyKind, load_default=SubsidyKind.CASH.value)
    amount_fen = Fen(
        least=1,
        required=True,
        metadata={"description": "fixed, or the most of a random amount; a pass's value"},
    )
    least_fen = Fen(
        least=1,
        load_default=None,
        allow_none=True,
        metadata={"description": "random, uniform in whole fen (points) from here to amount_fen"},
    )
    new_shopper_fen = Fen(load_default=0)
    invite_fen = Fen(load_default=0, metadata={"description": "extra per seat paid by my share"})
    invites_most = Count(load_default=0)
    delay_seconds = Count(load_default=0)
    threshold_fen = Fen(load_default=0, metadata={"description": "of a coupon; 0 is none"})
    valid_days = Count(load_default=0, metadata={"description": "of a coupon or a pass"})
    programme_id = PublicId(
        load_default=None,
        allow_none=True,
        metadata={"description": "whose points external_points are"},
    )


class RewardRuleSchema(Schema):
    """The coupon for who brought a new shopper, by how its first group ends; 0 is none."""

    formed_fen = Fen()
    failed_fen = Fen()
    threshold_fen = Fen()
    valid_days = Count(least=1)


class CapsSchema(Schema):
    """The most one shopper gets in this campaign; null is without end."""

    day_fen = Fen(allow_none=True)
    month_fen = Fen(allow_none=True)
    day_failures = Count(least=1, allow_none=True)
    month_failures = Count(least=1, allow_none=True)
    failures = Count(least=1, allow_none=True)


class LeversSchema(Schema):
    """Conditions against farming; told before paying."""

    full_from_seats = Count(least=1)
    consolation_fen = Fen()
    least_paid_seconds = Count()
    is_pool_open = Boolean()


class LimitsSchema(Schema):
    """How often one shopper may take part."""

    open_groups = Count(least=1, most=100)
    participations_per_day = Count(least=1, most=100)
    expired_holds_per_day = Count(least=1, most=100)


class TermsSchema(Schema):
    """The rules of a campaign."""

    group_size = Count(least=SMALLEST_GROUP, most=LARGEST_GROUP, required=True)
    life_seconds = Count(least=SHORTEST_LIFE_SECONDS, most=LONGEST_LIFE_SECONDS, required=True)
    prices = ma.fields.List(
        ma.fields.Nested(PriceSchema), required=True, validate=ma.validate.Length(min=1, max=50)
    )
    subsidy = ma.fields.Nested(
        SubsidyRuleSchema, metadata={"description": "default: the product's"}
    )
    limits = ma.fields.Nested(LimitsSchema, load_default=dict)
    reward = ma.fields.Nested(RewardRuleSchema, load_default=dict)
    caps = ma.fields.Nested(CapsSchema, load_default=dict)
    levers = ma.fields.Nested(LeversSchema, load_default=dict)


class TermsChangeSchema(Schema):
    """What to change of the rules; what is not named stays."""

    group_size = Count(least=SMALLEST_GROUP, most=LARGEST_GROUP)
    life_seconds = Count(least=SHORTEST_LIFE_SECONDS, most=LONGEST_LIFE_SECONDS)
    prices = ma.fields.List(
        ma.fields.Nested(PriceSchema), validate=ma.validate.Length(min=1, max=50)
    )
    subsidy = ma.fields.Nested(SubsidyRuleSchema)
    limits = ma.fields.Nested(LimitsSchema)
    reward = ma.fields.Nested(RewardRuleSchema)
    caps = ma.fields.Nested(CapsSchema)
    levers = ma.fields.Nested(LeversSchema)


class AcknowledgementSchema(Schema):
    """A warning that is accepted."""

    code = String(required=True, validate=ma.validate.Length(min=1, max=64))
    reason = Text(most=500, required=True)


class AcknowledgedSchema(Answer):
    """A warning that was accepted at a publication."""

    code = String()
    severity = Choice(Severity)
    reason = String()


ShownSubsidyRuleSchema = answer_of(SubsidyRuleSchema, "ShownSubsidyRule")
ShownTermsSchema = answer_of(TermsSchema, "ShownTerms")
"""The rules of a campaign, all of them."""


class PublishedSchema(Answer):
    """The rules that new groups are opened under."""

    number = ma.fields.Integer()
    published_at = Instant()
    starts_at = Instant()
    ends_at = Instant()
    terms = ma.fields.Nested(ShownTermsSchema)
    acknowledged = ma.fields.List(ma.fields.Nested(AcknowledgedSchema))


class PublishedRulesSchema(PublishedSchema):
    """One published version, with the text that shoppers read under it.

    `rules_text` is frozen; `caps_text` are the merchant's own caps as they are now, which shoppers
    read below it.
    """

    is_in_force = Boolean()
    published_by = String()
    rules_text_zh = ma.fields.List(String())
    rules_text_en = ma.fields.List(String())
    caps_text_zh = ma.fields.List(String())
    caps_text_en = ma.fields.List(String())


class MerchantCampaignSchema(Answer):
    """A campaign: `terms`, `starts_at`, `ends_at` are the draft's; `published` is in force."""

    id = PublicId()
    product_id = PublicId()
    product_title = String()
    title = String()
    state = Choice(CampaignState)
    phase = Choice(
        PHASES,
        metadata={"description": "the state, and of a published one where the clock is"},
    )
    starts_at = Instant()
    ends_at = Instant()
    budget_fen = Fen()
    committed_fen = Fen()
    spent_fen = Fen()
    stock_units = Count()
    stock_committed = Count()
    stock_consumed = Count()
    terms = ma.fields.Nested(ShownTermsSchema)
    rule_version = ma.fields.Integer(allow_none=True)
    published = ma.fields.Nested(PublishedSchema, allow_none=True)
    has_unpublished_changes = Boolean()
    totals = ma.fields.Nested(TotalsSchema)
    created_at = Instant()


class NewCampaignSchema(Schema):
    """A campaign to be drafted."""

    product_id = PublicId(required=True)
    title = Text(most=100, required=True)
    starts_at = Instant(required=True)
    ends_at = Instant(required=True)
    budget_fen = Fen(required=True)
    stock_units = Count(required=True)
    terms = ma.fields.Nested(TermsSchema, required=True)


class CampaignChangeSchema(Schema):
    """What to change: title, budget and stock at once, the rules at the next publication."""

    title = Text(most=100)
    starts_at = Instant()
    ends_at = Instant()
    budget_fen = Fen()
    stock_units = Count()
    budget_was_fen = Fen(
        metadata={"description": "409 `campaign_changed` if it was changed from this meanwhile"}
    )
    stock_was_units = Count()
    terms = ma.fields.Nested(TermsChangeSchema)
    reason = Text(most=500, load_default=None, allow_none=True)


class CampaignFilters(PageArguments):
    """Which campaigns."""

    state = Choice(CampaignState, load_default=None)
    phase = Choice(PHASES, load_default=None)


class WarningSchema(Answer):
    """What publishing would warn of."""

    code = String()
    severity = Choice(Severity, metadata={"description": "red needs an owner"})
    sentence = String()


class CheckSchema(Answer):
    """Warnings, and the text that would be shown."""

    warnings = ma.fields.List(ma.fields.Nested(WarningSchema))
    rules_text_zh = ma.fields.List(String())
    rules_text_en = ma.fields.List(String())


class PublicationSchema(Schema):
    """The acknowledgements a publication comes with."""

    acknowledged = ma.fields.List(
        ma.fields.Nested(AcknowledgementSchema),
        load_default=list,
        validate=ma.validate.Length(max=50),
    )


class ReasonSchema(Schema):
    """Why."""

    reason = Text(most=500, required=True)
