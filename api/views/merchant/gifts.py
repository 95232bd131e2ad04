"""Gifts of staff, and what staff take back of gifts, grants and rewards."""

from typing import Any

from flask import Response, jsonify

from api import auth
from api.blueprint import Blueprint
from api.idempotency import request_key
from api.paging import PageArguments, answer_page, page_of, read_page
from api.schemas.merchant.gifts import (
    ClawBackSchema,
    ClawedBackSchema,
    GiftSchema,
    NewGiftSchema,
)
from domain.database import merchant_transaction, read_clock
from domain.interventions.giving import Gift, give
from domain.interventions.taking_back import TakeBack, take_back
from domain.merchants.errors import ApprovalNeeded
from domain.merchants.rules import Role
from domain.settlement.issuing import Source
from domain.shoppers.errors import ShopperNotFound
from domain.subsidies.errors import (
    GoodwillExhausted,
    GrantNotFound,
    NothingToClawBack,
    NotWholePoints,
)
from domain.subsidies.gifts import list_gifts
from domain.terms import SubsidyKind

blueprint = Blueprint(
    "merchant-gifts",
    __name__,
    url_prefix="/v1/merchant",
    description="Gifts of staff, and claw-backs",
    caller="staff",
)


@blueprint.route("/gifts", name="list_gifts")
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, page_of(GiftSchema))
def list_(arguments: dict[str, Any]) -> dict[str, Any]:
    """List gifts, newest first."""
    caller = auth.require_staff()
    page = read_page(arguments, "merchant.gifts", int)
    with merchant_transaction(caller.merchant_id) as session:
        found = list_gifts(
            session,
            caller.merchant_id,
            below_id=page.after[0] if page.after else None,
            limit=page.limit + 1,
        )
    return answer_page(found, page, "merchant.gifts", lambda line: (line.row_id,))


@blueprint.route(
    "/gifts",
    methods=["POST"],
    role=Role.OPERATOR,
    headers=("Idempotency-Key",),
    refuses=(
        ShopperNotFound,
        GoodwillExhausted,
        NotWholePoints,
        ApprovalNeeded,
    ),
    name="give_gift",
)
@blueprint.arguments(NewGiftSchema)
@blueprint.response(201, GiftSchema)
def give_(arguments: dict[str, Any]) -> Response:
    """Give a shopper cash, a coupon, points or a pass out of the goodwill budget, at once."""
    caller = auth.require_staff()
    key = request_key(caller, arguments)
    gift = Gift(**{**arguments, "kind": SubsidyKind(arguments["kind"])})
    response = jsonify(give(caller.actor, key, gift, at=read_clock()))
    response.status_code = 201
    return response


@blueprint.route(
    "/grants/<id:source_id>/claw-back",
    methods=["POST"],
    role=Role.OPERATOR,
    headers=("Idempotency-Key",),
    refuses=(
        GrantNotFound,
        NothingToClawBack,
        ApprovalNeeded,
    ),
)
@blueprint.arguments(ClawBackSchema)
@blueprint.response(200, ClawedBackSchema)
def claw_back_grant(arguments: dict[str, Any], source_id: str) -> Response:
    """Take back what a subsidy issued, never more than is unspent."""
    return _take_back(Source.GRANT, source_id, arguments)


@blueprint.route(
    "/rewards/<id:source_id>/claw-back",
    methods=["POST"],
    role=Role.OPERATOR,
    headers=("Idempotency-Key",),
    refuses=(
        GrantNotFound,
        NothingToClawBack,
        ApprovalNeeded,
    ),
)
@blueprint.arguments(ClawBackSchema)
@blueprint.response(200, ClawedBackSchema)
def claw_back_reward(arguments: dict[str, Any], source_id: str) -> Response:
    """Take back a reward's coupon, if it is unspent."""
    return _take_back(Source.REWARD, source_id, arguments)


@blueprint.route(
    "/gifts/<id:source_id>/claw-back",
    methods=["POST"],
    role=Role.OPERATOR,
    headers=("Idempotency-Key",),
    refuses=(
        GrantNotFound,
        NothingToClawBack,
        ApprovalNeeded,
    ),
)
@blueprint.arguments(ClawBackSchema)
@blueprint.response(200, ClawedBackSchema)
def claw_back_gift(arguments: dict[str, Any], source_id: str) -> Response:
    """Take back what a gift issued, never more than is unspent."""
    return _take_back(Source.GIFT, source_id, arguments)


def _take_back(source: Source, source_id: str, arguments: dict[str, Any]) -> Response:
    caller = auth.require_staff()
    command = TakeBack(
        caller.actor,
        request_key(caller, arguments),
        source,
        source_id,
        arguments["reason"],
        arguments["amount_fen"],
    )
    return jsonify(take_back(command, at=read_clock()))
