"""Leaderboards."""

import marshmallow as ma

from api.schemas.fields import Count, Instant, MaskedName, PublicId, Schema, String
from api.schemas.shares import CampaignNameSchema


class RankSchema(Schema):
    """One place: a campaign (hottest) or one of its groups (fastest)."""

    rank = Count()
    campaign = ma.fields.Nested(CampaignNameSchema)
    people = Count(metadata={"description": "who paid today; of a group, its members"})
    group_id = PublicId(allow_none=True)
    seconds = Count(allow_none=True, metadata={"description": "from opening to forming"})
    formed_at = Instant(allow_none=True)
    leader_nickname = MaskedName(allow_none=True)


class LeaderboardSchema(Schema):
    """The first ten of today (Asia/Shanghai)."""

    name = String(metadata={"enum": ["hottest", "fastest"]})
    as_of = Instant()
    items = ma.fields.List(ma.fields.Nested(RankSchema))
