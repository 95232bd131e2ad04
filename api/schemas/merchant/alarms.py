"""Alarms, as staff see them."""

import marshmallow as ma

from api.schemas.fields import Count, Fen, Instant, Schema, String
from api.schemas.merchant.refunds import AccountBriefSchema


class AlarmSchema(Schema):
    """What waits for a person; `sentence` is by Accept-Language."""

    kind = String()
    account = ma.fields.Nested(AccountBriefSchema, allow_none=True)
    count = Count()
    amount_fen = Fen(allow_none=True)
    since = Instant(allow_none=True)
    sentence = String()


class AlarmsSchema(Schema):
    """A merchant's alarms."""

    items = ma.fields.List(ma.fields.Nested(AlarmSchema))
    server_time = Instant()
