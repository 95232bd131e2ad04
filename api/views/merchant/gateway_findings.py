"""What gateways said that could not be believed, for staff: the list, and resolving one."""

from typing import Any

from flask import Response, jsonify

from api import auth
from api.blueprint import Blueprint
from api.idempotency import request_key
from api.paging import answer_page, page_of, read_page
from api.schemas.merchant.gateway_findings import (
    FindingFilters,
    FindingResolutionSchema,
    GatewayFindingSchema,
)
from domain.database import merchant_transaction, read_clock
from domain.interventions.resolving_findings import ResolveFinding, resolve_gateway_finding
from domain.merchants.rules import Role
from domain.payments import findings
from domain.payments.errors import FindingNotFound, FindingResolved

blueprint = Blueprint(
    "merchant-gateway-findings",
    __name__,
    url_prefix="/v1/merchant/gateway-findings",
    description="What gateways said that could not be believed, for staff",
    caller="staff",
)


@blueprint.route("", name="list_gateway_findings")
@blueprint.arguments(FindingFilters, location="query")
@blueprint.response(200, page_of(GatewayFindingSchema))
def list_findings(arguments: dict[str, Any]) -> dict[str, Any]:
    """List what gateways said that differs or could not be read, newest first."""
    caller = auth.require_staff()
    page = read_page(arguments, "merchant.gateway-findings", int)
    state = arguments["state"]
    with merchant_transaction(caller.merchant_id) as session:
        found = findings.list_findings(
            session,
            caller.merchant_id,
            is_open=None if state is None else state == "open",
            kind=arguments["kind"],
            below_id=page.after[0] if page.after else None,
            limit=page.limit + 1,
        )
    return answer_page(found, page, "merchant.gateway-findings", lambda line: (line.row_id,))


@blueprint.route(
    "/<id:finding_id>/resolution",
    methods=["POST"],
    role=Role.OPERATOR,
    headers=("Idempotency-Key",),
    refuses=(FindingNotFound, FindingResolved),
    name="resolve_gateway_finding",
)
@blueprint.arguments(FindingResolutionSchema)
@blueprint.response(200, GatewayFindingSchema)
def resolve(arguments: dict[str, Any], finding_id: str) -> Response:
    """Resolve a finding, with a reason; once."""
    caller = auth.require_staff()
    command = ResolveFinding(
        caller.actor, request_key(caller, arguments), finding_id, arguments["reason"]
    )
    return jsonify(resolve_gateway_finding(command, at=read_clock()))
