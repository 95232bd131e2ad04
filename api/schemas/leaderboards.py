"""Leaderboards."""

import marshmallow as ma

from api.schemas.fields import (
    Answer,
    Choice,
    Count,
    Instant,
    MaskedName,
    PublicId,
)
from api.schemas.shares import CampaignNameSchema


class RankSchema(Answer):
    """One place: a campaign (hottest) or one of its groups (fastest)."""

    rank = Count()
    campaign = ma.fields.Nested(CampaignNameSchema)
    people = Count(metadata={"description": "who paid today; of a group, its members"})
    group_id = PublicId(allow_none=True)
    seconds = Count(allow_none=True, metadata={"description": "from opening to forming"})
    formed_at = Instant(allow_none=True)
    leader_nickname = MaskedName(allow_none=True)


class LeaderboardSchema(Answer):
    """The first ten of today (Asia/Shanghai)."""

    name = Choice(["hottest", "fastest"])
    as_of = Instant()
    items = ma.fields.List(ma.fields.Nested(RankSchema))
