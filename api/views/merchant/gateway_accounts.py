"""Gateway accounts, for staff: topped up, so that what waited goes on."""

from typing import Any

from flask import Response, jsonify

from api import auth
from api.blueprint import Blueprint
from api.idempotency import request_key
from api.schemas.merchant.gateway_accounts import ResumedSchema, ToppedUpSchema
from domain.database import read_clock
from domain.interventions.topping_up import SayToppedUp, say_topped_up
from domain.merchants.rules import Role
from domain.payments.errors import UnknownGatewayAccount

blueprint = Blueprint(
    "merchant-gateway-accounts",
    __name__,
    url_prefix="/v1/merchant/gateway-accounts",
    description="Gateway accounts, for staff",
    caller="staff",
)


@blueprint.route(
    "/<id:account_id>/topped-up",
    methods=["POST"],
    role=Role.OPERATOR,
    headers=("Idempotency-Key",),
    refuses=(UnknownGatewayAccount,),
    name="top_up_account",
)
@blueprint.arguments(ToppedUpSchema)
@blueprint.response(200, ResumedSchema)
def topped_up(arguments: dict[str, Any], account_id: str) -> Response:
    """Say that an account has funds again: what waited for them goes on at once."""
    caller = auth.require_staff()
    command = SayToppedUp(
        actor=caller.actor,
        key=request_key(caller, arguments),
        account_id=account_id,
        reason=arguments["reason"],
    )
    return jsonify(say_topped_up(command, at=read_clock()))
