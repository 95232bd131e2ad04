"""Coupon pushes, for staff."""

from typing import Any

from flask import Response, jsonify

from api import auth
from api.blueprint import Blueprint
from api.idempotency import request_key
from api.paging import PageArguments, answer_page, page_of, read_page
from api.schemas.merchant.pushes import NewPushSchema, OrderedPushSchema, PushSchema
from domain.database import merchant_transaction, read_clock
from domain.interventions.pushing import Push, push_coupon
from domain.merchants.errors import ApprovalNeeded
from domain.merchants.rules import Role
from domain.subsidies.errors import GoodwillExhausted, SegmentEmpty
from domain.subsidies.pushes import list_pushes
from domain.subsidies.segments import Segment

blueprint = Blueprint(
    "merchant-pushes",
    __name__,
    url_prefix="/v1/merchant/coupon-pushes",
    description="Coupon pushes, for staff",
    caller="staff",
)


@blueprint.route("", name="list_coupon_pushes")
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, page_of(PushSchema))
def list_(arguments: dict[str, Any]) -> dict[str, Any]:
    """List pushes with what came of them, newest first."""
    caller = auth.require_staff()
    page = read_page(arguments, "merchant.pushes", int)
    with merchant_transaction(caller.merchant_id) as session:
        found = list_pushes(
            session,
            caller.merchant_id,
            below_id=page.after[0] if page.after else None,
            limit=page.limit + 1,
        )
    return answer_page(found, page, "merchant.pushes", lambda line: (line.row_id,))


@blueprint.route(
    "",
    methods=["POST"],
    role=Role.OPERATOR,
    headers=("Idempotency-Key",),
    refuses=(
        SegmentEmpty,
        GoodwillExhausted,
        ApprovalNeeded,
    ),
    name="push_coupon",
)
@blueprint.arguments(NewPushSchema)
@blueprint.response(201, OrderedPushSchema)
def push(arguments: dict[str, Any]) -> Response:
    """Give a coupon to every shopper of a segment, once each, out of the goodwill budget."""
    caller = auth.require_staff()
    key = request_key(caller, arguments)
    wanted = Push(**{**arguments, "segment": Segment(arguments["segment"])})
    response = jsonify(push_coupon(caller.actor, key, wanted, at=read_clock()))
    response.status_code = 201
    return response
