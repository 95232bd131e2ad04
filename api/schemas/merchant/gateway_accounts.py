"""Gateway accounts, as staff handle them."""

import marshmallow as ma

from api.schemas.fields import (
    Answer,
    Choice,
    PublicId,
    Schema,
    Text,
)
from domain.payments.quotas import OPERATIONS


class ToppedUpSchema(Schema):
    """How somebody knows that an account has funds again."""

    reason = Text(most=500, required=True)


class ResumedSchema(Answer):
    """What went on: refunds, transfers, both, or neither as nothing waited."""

    id = PublicId()
    resumed = ma.fields.List(Choice(OPERATIONS))
