"""Groups out."""

import marshmallow as ma

from api.schemas.fields import (
    Answer,
    Boolean,
    Choice,
    Count,
    Instant,
    PublicId,
    String,
)
from domain.states import GroupState


class MemberSchema(Answer):
    """Who is in a group; the name is masked."""

    nickname = String()
    is_leader = Boolean()
    joined_at = Instant()


class GroupSchema(Answer):
    """A group's progress."""

    id = PublicId()
    campaign_id = PublicId()
    state = Choice(GroupState)
    size = Count()
    taken = Count()
    held = Count()
    releasing = Count()
    seats_left = Count()
    is_one_short = Boolean(
        metadata={"description": "the next to join fills it: its last seat is not held either"}
    )
    seat_free_at = Instant(
        allow_none=True,
        metadata={"description": "no seat is left, and when the first that is held may come back"},
    )
    deadline_at = Instant(allow_none=True)
    ended_at = Instant(allow_none=True)
    server_time = Instant()
    members = ma.fields.List(ma.fields.Nested(MemberSchema))
    my_order_id = PublicId(allow_none=True)
