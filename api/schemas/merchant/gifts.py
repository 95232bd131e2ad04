"""Gifts of staff, and claw-backs."""

import marshmallow as ma

from api.schemas.fields import (
    Answer,
    Choice,
    Count,
    Fen,
    Instant,
    PublicId,
    Schema,
    String,
    Text,
)
from domain.terms import SubsidyKind

MOST_FEN = 100_000_00
"""No gift is above 100,000 yuan: that is a slip of the keyboard."""
KINDS = [kind for kind in SubsidyKind if kind is not SubsidyKind.EXTERNAL_POINTS]


def check_threshold(threshold_fen: object, value_fen: object) -> None:
    """Refuse a coupon's threshold that is below its value."""
    if isinstance(threshold_fen, int) and isinstance(value_fen, int):  # noqa: SIM102
        if 0 < threshold_fen < value_fen:
            raise ma.ValidationError("threshold_below_value", "threshold_fen")


class GiftShopperSchema(Answer):
    """Whose gift it is."""

    id = PublicId()
    nickname = String()


class GiftSchema(Answer):
    """A gift out of the goodwill budget."""

    id = PublicId()
    shopper = ma.fields.Nested(GiftShopperSchema)
    kind = Choice(KINDS)
    amount_fen = Fen()
    clawed_back_fen = Fen()
    reason = String()
    issued_at = Instant()


class NewGiftSchema(Schema):
    """What is given, to whom, and why; threshold and validity are of coupons and passes."""

    shopper_id = PublicId(required=True)
    kind = Choice(KINDS, required=True)
    amount_fen = Fen(required=True, validate=ma.validate.Range(1, MOST_FEN))
    threshold_fen = Fen(load_default=0)
    valid_days = Count(load_default=30, least=1, most=3650)
    reason = Text(most=500, required=True)

    @ma.validates_schema(skip_on_field_errors=True)
    def check_threshold(self, given: dict[str, object], **_: object) -> None:
        """A threshold below a coupon's value would pay more than the order."""
        check_threshold(given["threshold_fen"], given["amount_fen"])


class ClawBackSchema(Schema):
    """How much is taken back at most (all that is unspent, if nothing is said), and why."""

    amount_fen = Fen(least=1, load_default=None, allow_none=True)
    reason = Text(most=500, required=True)


class ClawedBackSchema(Answer):
    """What was taken back."""

    id = PublicId()
    clawed_back_fen = Fen()
