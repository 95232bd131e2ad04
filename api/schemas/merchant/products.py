"""Products and variants, as staff see and change them."""

from typing import Any

import marshmallow as ma

from api.schemas.fields import (
    Answer,
    Count,
    Fen,
    ImageAddress,
    Instant,
    PublicId,
    Schema,
    String,
    Text,
)
from api.schemas.merchant.campaigns import (
    AcknowledgementSchema,
    ShownSubsidyRuleSchema,
    SubsidyRuleSchema,
)


def _images(**options: object) -> ma.fields.List[str]:
    return ma.fields.List(
        ImageAddress(),
        validate=ma.validate.Length(max=9),
        **options,  # type: ignore[arg-type]
    )


class VariantSchema(Answer):
    """A variant; the unit cost never reaches shoppers."""

    id = PublicId(attribute="public_id")
    title = String()
    list_price_fen = Fen()
    alone_price_fen = Fen(allow_none=True)
    unit_cost_fen = Fen(allow_none=True)
    points_price_fen = Fen(
        allow_none=True, metadata={"description": "worth of the points it can be had for alone"}
    )
    stock_units = Count()


class NewVariantSchema(Schema):
    """A variant to be made."""

    title = Text(most=60, required=True)
    list_price_fen = Fen(least=1, required=True)
    alone_price_fen = Fen(least=1, load_default=None, allow_none=True)
    unit_cost_fen = Fen(load_default=None, allow_none=True)
    points_price_fen = Fen(least=1, load_default=None, allow_none=True)
    stock_units = Count(load_default=0)


class VariantChangeSchema(Schema):
    """What to change of a variant; the stock by a difference."""

    title = Text(most=60)
    list_price_fen = Fen(least=1)
    alone_price_fen = Fen(least=1, allow_none=True)
    unit_cost_fen = Fen(allow_none=True)
    points_price_fen = Fen(least=1, allow_none=True)
    stock_delta = Count(least=-(10**9), load_default=0)
    reason = Text(most=500, load_default=None, allow_none=True)
    acknowledged = ma.fields.List(
        ma.fields.Nested(AcknowledgementSchema),
        load_default=list,
        validate=ma.validate.Length(max=50),
    )

    @ma.validates_schema
    def check_reason(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse to move stock without a reason."""
        if data["stock_delta"] and data["reason"] is None:
            raise ma.ValidationError("required", "reason")


class ProductSchema(Answer):
    """A product with its variants."""

    id = PublicId()
    title = String()
    description = String()
    category = String()
    images = ma.fields.List(String())
    created_at = Instant()
    default_subsidy = ma.fields.Nested(
        ShownSubsidyRuleSchema,
        allow_none=True,
        metadata={"description": "of its campaigns that name no subsidy"},
    )
    variants = ma.fields.List(ma.fields.Nested(VariantSchema))


class NewProductSchema(Schema):
    """A product to be made."""

    title = Text(most=100, required=True)
    description = Text(most=5000, least=0, load_default="")
    category = Text(most=60, least=0, load_default="")
    images = _images(load_default=list)
    default_subsidy = ma.fields.Nested(SubsidyRuleSchema, load_default=None, allow_none=True)
    variants = ma.fields.List(
        ma.fields.Nested(NewVariantSchema),
        load_default=list,
        validate=ma.validate.Length(max=50),
    )


class ProductChangeSchema(Schema):
    """What to change of a product."""

    title = Text(most=100)
    description = Text(most=5000, least=0)
    category = Text(most=60, least=0)
    images = _images()
    default_subsidy = ma.fields.Nested(SubsidyRuleSchema, allow_none=True)
    reason = Text(most=500, load_default=None, allow_none=True)
