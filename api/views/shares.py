"""Shares: sharing a group, and opening what somebody shared."""

from typing import Any

from api import auth, request_context
from api.blueprint import Blueprint
from api.schemas.fields import NothingSchema
from api.schemas.shares import SharedGroupSchema, ShareSchema
from domain.database import read_clock, transaction
from domain.referrals.sharing import share_group
from domain.referrals.visiting import Visitor, visit_share

blueprint = Blueprint("shares", __name__, url_prefix="/v1", description="Shares of groups")

PAGE = "pages/group/index"


@blueprint.route("/groups/<id:group_id>/shares", methods=["POST"], caller="shopper")
@blueprint.arguments(NothingSchema, required=False)
@blueprint.response(201, ShareSchema)
def share(_: dict[str, Any], group_id: str) -> dict[str, Any]:
    """Share a group: the same token for the same sharer."""
    caller = auth.require_shopper()
    at = read_clock()
    with transaction() as session:
        made = share_group(session, caller.key, group_id, at=at)
    return {
        "token": made.token,
        "group_id": made.group_id,
        "path": f"{PAGE}?id={made.group_id}&share={made.token}",
    }


@blueprint.route("/shares/<share:token>", caller="anyone", headers=("X-Device-Id",))
@blueprint.response(200, SharedGroupSchema)
def visit(token: str) -> dict[str, Any]:
    """Open a share: records the visit; signing in is not needed."""
    caller = auth.optional_shopper()
    visitor = Visitor(
        shopper=None if caller is None else caller.key,
        client_address=request_context.client_address(),
        device=request_context.device(),
    )
    at = read_clock()
    with transaction() as session:
        found = visit_share(session, token, visitor, at=at)
    left = None if found.deadline_at is None else (found.deadline_at - at).total_seconds()
    return {
        "token": found.token,
        "group": {
            "id": found.group_id,
            "state": found.group_state,
            "size": found.size,
            "taken": found.taken,
            "held": found.held,
            "seats_left": found.seats_left,
            "deadline_at": found.deadline_at,
            "seconds_left": None if left is None else max(0, int(left)),
            "leader_nickname": found.leader_nickname,
        },
        "campaign": {"id": found.campaign_id, "title": found.campaign_title},
        "sharer_nickname": found.sharer_nickname,
    }
