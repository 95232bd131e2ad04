"""Shares of groups."""

import marshmallow as ma

from api.schemas.campaigns import GroupBriefSchema
from api.schemas.fields import (
    Answer,
    Choice,
    Instant,
    MaskedName,
    PublicId,
    String,
)
from domain.states import GroupState


class ShareSchema(Answer):
    """A share: what a link or card of the mini-program carries."""

    token = String()
    group_id = PublicId()
    path = String(metadata={"description": "the mini-program's page, with the token"})


class ShareLinkSchema(Answer):
    """A link that opens a share from outside WeChat."""

    url = String()
    expires_at = Instant()


class SharedGroupBriefSchema(GroupBriefSchema):
    """The shared group as it stands."""

    state = Choice(GroupState)
    deadline_at = Instant(allow_none=True)
    seconds_left = ma.fields.Integer(allow_none=True)


class CampaignNameSchema(Answer):
    """A campaign by name."""

    id = PublicId()
    title = String()


class SharedGroupSchema(Answer):
    """What a share leads to, and who shared it."""

    token = String()
    group = ma.fields.Nested(SharedGroupBriefSchema)
    campaign = ma.fields.Nested(CampaignNameSchema)
    sharer_nickname = MaskedName()
