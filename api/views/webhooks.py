"""Gateways' callbacks: verify, apply, commit, acknowledge. No caller, no rate limit."""

from flask import Response, request

from api.blueprint import Blueprint
from api.refusals import GATEWAY
from domain.checkout.hearing_gateways import hear_callback
from domain.database import read_clock
from domain.gateways.errors import InvalidCallback
from domain.payments.errors import UnknownGatewayAccount

blueprint = Blueprint(
    "callbacks", __name__, url_prefix="/v1/callbacks", description="For payment gateways"
)


@blueprint.route(
    "/<any(wechat, alipay):gateway>/<account>/<any(payment, refund, transfer):kind>",
    methods=["POST"],
    refuses=(
        UnknownGatewayAccount,
        InvalidCallback,
        *GATEWAY,
    ),
    name="hear_callback",
)
@blueprint.response(204)
def hear(gateway: str, account: str, kind: str) -> Response:  # noqa: ARG001 - callbacks say what they are
    """Hear a gateway's callback; a forged, stale or foreign one gets 401 and does nothing.

    Each gateway is answered what ends its tries: WeChat Pay a 204, Alipay the word success.
    """
    answer = hear_callback(
        gateway, account, dict(request.headers), request.get_data(), at=read_clock()
    )
    return Response(answer.body, status=answer.status, content_type=answer.content_type)
