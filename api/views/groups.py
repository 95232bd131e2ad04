"""Groups: opening, progress, joining."""

import hmac
import re
from typing import Any

from flask import Response, jsonify, request

from api.auth import ShopperCaller, optional_shopper, require_merchant_of_shopper, require_shopper
from api.blueprint import Blueprint
from api.idempotency import request_key
from api.limits import order_limiter
from api.progress import progress_cache
from api.refusals import PLACING
from api.schemas.groups import GroupSchema
from api.schemas.orders import OrderSchema, PlaceArguments
from api.telling import tell_order
from domain.campaigns.errors import CampaignNotFound
from domain.checkout.commands import Basket, Client, JoinGroup, OpenGroup
from domain.checkout.errors import (
    BudgetExhausted,
    CampaignNotRunning,
    StockExhausted,
    TooLateToOpen,
    VariantNotSold,
)
from domain.checkout.joining import join_group
from domain.checkout.opening import open_group
from domain.config import settings
from domain.database import read_clock, reading
from domain.groups.errors import (
    AlreadyInGroup,
    GroupFull,
    GroupNotFound,
    GroupNotOpen,
    ShareNeeded,
    TooLateToJoin,
)
from domain.groups.queries import GroupView, as_json, read_group, read_version
from domain.orders.errors import OpenGroupLimitReached, ParticipationLimitReached

blueprint = Blueprint("groups", __name__, url_prefix="/v1", description="Groups")

_ETAG = re.compile(r'"v(\d{1,18})-[0-9a-z]*-([0-9a-f]{16})"', re.ASCII)


def _seal_of(group_id: str, version: int) -> str:
    key = settings().token_key.encode()
    return hmac.digest(key, f"group {group_id} {version}".encode(), "sha256")[:8].hex()


def _etag(view: GroupView, order_id: str) -> str:
    return f'"v{view.version}-{order_id}-{_seal_of(view.id, view.version)}"'


def _seen_version(group_id: str, asked: str) -> int:
    """Return the version the reader has seen; one that was made up would bypass the cache."""
    found = _ETAG.search(asked)
    if found is None or not hmac.compare_digest(found[2], _seal_of(group_id, int(found[1]))):
        return 0
    return int(found[1])


def _look(merchant_id: int, group_id: str, asked: str, *, is_signed_in: bool) -> GroupView:
    """Return a group's progress: as it is now to whoever may have changed it, else a moment old."""
    with reading() as session:
        least = (
            read_version(session, merchant_id, group_id)
            if is_signed_in
            else _seen_version(group_id, asked)
        )
        view = progress_cache().get(merchant_id, group_id, seen_version=least)
        if view is None:
            view = read_group(session, merchant_id, group_id)
            progress_cache().put(merchant_id, view)
    return view


def _basket(caller: ShopperCaller, body: dict[str, Any]) -> Basket:
    return Basket(
        shopper=caller.key,
        key=request_key(caller, body),
        variant_id=body["variant_id"],
        use_wallet=body["use_wallet"],
        use_points=body["use_points"],
        coupon_id=body["coupon_id"],
        pass_id=body["pass_id"],
        address=body["address"],
        share_token=body["share_token"],
        client=Client(caller.client_address, caller.device, caller.channel),
    )


def _created(body: dict[str, Any]) -> Response:
    response = jsonify(tell_order(body))
    response.status_code = 201
    return response


@blueprint.route(
    "/campaigns/<id:campaign_id>/groups",
    methods=["POST"],
    caller="shopper",
    headers=("Idempotency-Key", "X-Device-Id", "X-Channel"),
    refuses=(
        *PLACING,
        ParticipationLimitReached,
        OpenGroupLimitReached,
        CampaignNotFound,
        CampaignNotRunning,
        TooLateToOpen,
        BudgetExhausted,
        StockExhausted,
        VariantNotSold,
    ),
    name="open_group",
)
@blueprint.arguments(PlaceArguments)
@blueprint.response(201, OrderSchema)
def open_(body: dict[str, Any], campaign_id: str) -> Response:
    """Open a group: pending until its leader has paid."""
    caller = require_shopper()
    order_limiter().spend(caller.key)
    basket = _basket(caller, body)
    return _created(open_group(OpenGroup(basket, campaign_id), at=read_clock()))


@blueprint.route(
    "/groups/<id:group_id>/orders",
    methods=["POST"],
    caller="shopper",
    headers=("Idempotency-Key", "X-Device-Id", "X-Channel"),
    refuses=(
        *PLACING,
        ParticipationLimitReached,
        OpenGroupLimitReached,
        GroupNotFound,
        GroupNotOpen,
        GroupFull,
        AlreadyInGroup,
        TooLateToJoin,
        ShareNeeded,
        VariantNotSold,
    ),
    name="join_group",
)
@blueprint.arguments(PlaceArguments)
@blueprint.response(201, OrderSchema)
def join(body: dict[str, Any], group_id: str) -> Response:
    """Join a group: a seat is held until it is paid."""
    caller = require_shopper()
    order_limiter().spend(caller.key)
    basket = _basket(caller, body)
    return _created(join_group(JoinGroup(basket, group_id), at=read_clock()))


@blueprint.route(
    "/groups/<id:group_id>",
    caller="mall",
    headers=("If-None-Match",),
    refuses=(GroupNotFound,),
    name="show_group",
)
@blueprint.response(
    200,
    GroupSchema,
    headers={"ETag": {"description": "for If-None-Match", "schema": {"type": "string"}}},
)
@blueprint.alt_response(304, description="Nothing has changed since the ETag that was sent")
def progress(group_id: str) -> Response:
    """Read a group's progress; cheap to poll with If-None-Match."""
    merchant_id = require_merchant_of_shopper()
    caller = optional_shopper()
    shopper_id = None if caller is None else caller.shopper_id
    asked = request.headers.get("If-None-Match", "")
    view = _look(merchant_id, group_id, asked, is_signed_in=caller is not None)
    etag = _etag(view, view.orders.get(shopper_id or 0, ""))
    response = (
        Response(status=304)
        if etag in asked
        else jsonify(as_json(view, shopper_id, at=read_clock()))
    )
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = "private, no-cache"
    return response
