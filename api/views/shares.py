"""Shares: sharing a group, the ways into it from outside, and opening what somebody shared."""

from datetime import datetime, timedelta
from typing import Any

from flask import Response

from api import auth, request_context
from api.blueprint import Blueprint
from api.limits import share_code_limiter, share_link_limiter, visit_limiter
from api.micro_cache import MicroCache
from api.refusals import GATEWAY
from api.schemas.fields import NothingSchema
from api.schemas.shares import SharedGroupSchema, ShareLinkSchema, ShareSchema
from domain.addresses import network_of
from domain.database import read_clock, reading, transaction
from domain.errors import TooManyAttempts
from domain.gateways.miniprogram import MOST_LINK_DAYS, CodeImage, MiniProgram
from domain.groups.errors import GroupNotFound
from domain.merchants.errors import AppNotOnWechat
from domain.merchants.queries import find_wechat_app
from domain.referrals.errors import GroupNotShareable, ShareNotFound
from domain.referrals.queries import SharedPlace, find_shared_place
from domain.referrals.sharing import share_group
from domain.referrals.visiting import Visitor, visit_share

blueprint = Blueprint("shares", __name__, url_prefix="/v1", description="Shares of groups")

PAGE = "pages/group/index"
_CODE_KEPT_SECONDS = 86_400
_LINK_KEPT_SECONDS = 3_600

codes: MicroCache[CodeImage] = MicroCache(life_seconds=_CODE_KEPT_SECONDS, most_keys=256)
links: MicroCache[tuple[str, datetime]] = MicroCache(life_seconds=_LINK_KEPT_SECONDS)


@blueprint.route(
    "/groups/<id:group_id>/shares",
    methods=["POST"],
    caller="shopper",
    refuses=(
        GroupNotFound,
        GroupNotShareable,
    ),
    name="share_group",
)
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


@blueprint.route(
    "/shares/<share:token>",
    caller="anyone",
    headers=("X-Device-Id",),
    refuses=(ShareNotFound,),
    name="open_share",
)
@blueprint.response(200, SharedGroupSchema)
def visit(token: str) -> dict[str, Any]:
    """Open a share: records the visit, once an hour; signing in is not needed."""
    caller = auth.optional_shopper()
    address = request_context.client_address()
    visitor = Visitor(
        shopper=None if caller is None else caller.key,
        client_address=address,
        device=request_context.device(),
        counts=visit_limiter().takes(network_of(address) if caller is None else caller.key),
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


@blueprint.route(
    "/shares/<share:token>/qr",
    caller="anyone",
    refuses=(
        ShareNotFound,
        AppNotOnWechat,
        TooManyAttempts,
        *GATEWAY,
    ),
    name="show_share_code",
)
@blueprint.response(200, content_type="image/png", schema={"type": "string", "format": "binary"})
def show_code(token: str) -> Response:
    """Draw the code that leads to a share when WeChat scans it; PNG, or JPEG as WeChat chooses.

    The mini-program's page gets `share=<token>` as its scene. Scanning is visiting, drawing is not.
    """
    caller = auth.optional_shopper()
    share_code_limiter().spend(network_of(request_context.client_address()))
    place, program = _way_in(token, None if caller is None else caller.merchant_id)
    image = codes.get((place.app_id, token), lambda: program.qr_code(f"share={token}", PAGE))
    answer = Response(image.content, mimetype=image.media_type)
    answer.headers["Cache-Control"] = f"public, max-age={_CODE_KEPT_SECONDS}"
    return answer


@blueprint.route(
    "/shares/<share:token>/link",
    methods=["POST"],
    caller="shopper",
    refuses=(
        ShareNotFound,
        AppNotOnWechat,
        TooManyAttempts,
        *GATEWAY,
    ),
    name="make_share_link",
)
@blueprint.arguments(NothingSchema, required=False)
@blueprint.response(201, ShareLinkSchema)
def make_link(_: dict[str, Any], token: str) -> dict[str, Any]:
    """Make a link that opens a share from outside WeChat; good for a month."""
    caller = auth.require_shopper()
    share_link_limiter().spend(caller.key)
    place, program = _way_in(token, caller.merchant_id)
    expires_at = read_clock() + timedelta(days=MOST_LINK_DAYS)
    query = f"id={place.group_id}&share={token}"
    url, expires_at = links.get(
        (place.app_id, token), lambda: (program.url_link(PAGE, query), expires_at)
    )
    return {"url": url, "expires_at": expires_at}


def _way_in(token: str, merchant_id: int | None) -> tuple[SharedPlace, MiniProgram]:
    with reading() as session:
        place = find_shared_place(session, token, merchant_id=merchant_id)
        app = find_wechat_app(session, place.app_id)
    return place, MiniProgram(app.app_id, app.secret)
