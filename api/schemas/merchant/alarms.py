"""Alarms, as staff see them."""

import marshmallow as ma

from api.schemas.fields import (
    Answer,
    Choice,
    Count,
    Fen,
    Instant,
    String,
)
from api.schemas.merchant.refunds import AccountBriefSchema
from domain.analytics.alarms import ALARMS


class AlarmSchema(Answer):
    """What waits for a person; `sentence` is by Accept-Language."""

    kind = Choice(ALARMS)
    account = ma.fields.Nested(AccountBriefSchema, allow_none=True)
    count = Count()
    amount_fen = Fen(allow_none=True)
    since = Instant(allow_none=True)
    sentence = String()


class AlarmsSchema(Answer):
    """A merchant's alarms."""

    items = ma.fields.List(ma.fields.Nested(AlarmSchema))
    server_time = Instant()
