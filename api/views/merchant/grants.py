"""Subsidies, for staff: the list, and the decision on held ones."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from flask import Response, jsonify

from api import auth
from api.blueprint import Blueprint
from api.idempotency import request_key
from api.paging import answer_page, page_of, read_page
from api.schemas.merchant.grants import DecisionSchema, GrantFilters, GrantSchema
from domain.clock import day_start
from domain.database import merchant_transaction, read_clock
from domain.interventions import deciding_grants
from domain.interventions.deciding_grants import DecideGrant
from domain.interventions.retrying_grants import retry_grant
from domain.merchants.errors import ApprovalNeeded
from domain.merchants.rules import Role
from domain.states import GrantState
from domain.subsidies import queries
from domain.subsidies.errors import GrantEmpty, GrantNotFound, GrantNotHeld, GrantNotStuck
from domain.subsidies.queries import GrantFilter
from domain.terms import SubsidyKind

blueprint = Blueprint(
    "merchant-grants",
    __name__,
    url_prefix="/v1/merchant/grants",
    description="Subsidies, for staff",
    caller="staff",
)


@blueprint.route("")
@blueprint.arguments(GrantFilters, location="query")
@blueprint.response(200, page_of(GrantSchema))
def list_grants(arguments: dict[str, Any]) -> dict[str, Any]:
    """List subsidies, newest first."""
    caller = auth.require_staff()
    page = read_page(arguments, "merchant.grants", int)
    with merchant_transaction(caller.merchant_id) as session:
        found = queries.list_grants(
            session,
            caller.merchant_id,
            _filter(arguments),
            below_id=page.after[0] if page.after else None,
            limit=page.limit + 1,
        )
    return answer_page(found, page, "merchant.grants", lambda line: (line.row_id,))


def _filter(arguments: dict[str, Any]) -> GrantFilter:
    state, kind = arguments["state"], arguments["kind"]
    since, until = arguments["decided_from"], arguments["decided_to"]
    return GrantFilter(
        state=None if state is None else GrantState(state),
        kind=None if kind is None else SubsidyKind(kind),
        campaign_id=arguments["campaign_id"],
        shopper_id=arguments["shopper_id"],
        decided_from=None if since is None else day_start(since),
        decided_until=None if until is None else day_start(until + timedelta(days=1)),
    )


@blueprint.route("/<id:grant_id>", refuses=(GrantNotFound,), name="show_grant")
@blueprint.response(200, GrantSchema)
def show(grant_id: str) -> Any:
    """Show a subsidy."""
    caller = auth.require_staff()
    with merchant_transaction(caller.merchant_id) as session:
        return queries.find_grant(session, caller.merchant_id, grant_id)


@blueprint.route(
    "/<id:grant_id>/retry",
    methods=["POST"],
    role=Role.OPERATOR,
    headers=("Idempotency-Key",),
    refuses=(
        GrantNotFound,
        GrantNotStuck,
    ),
    name="retry_grant",
)
@blueprint.arguments(DecisionSchema)
@blueprint.response(200, GrantSchema)
def retry(arguments: dict[str, Any], grant_id: str) -> Response:
    """Try a stuck subsidy again, once its cause is mended."""
    return _decide(retry_grant, grant_id, arguments)


@blueprint.route(
    "/<id:grant_id>/release",
    methods=["POST"],
    role=Role.OPERATOR,
    headers=("Idempotency-Key",),
    refuses=(
        GrantNotFound,
        GrantNotHeld,
        GrantEmpty,
        ApprovalNeeded,
    ),
    name="release_grant",
)
@blueprint.arguments(DecisionSchema)
@blueprint.response(200, GrantSchema)
def release(arguments: dict[str, Any], grant_id: str) -> Response:
    """Release a held subsidy: it is credited at once."""
    return _decide(deciding_grants.release_grant, grant_id, arguments)


@blueprint.route(
    "/<id:grant_id>/denial",
    methods=["POST"],
    role=Role.OPERATOR,
    headers=("Idempotency-Key",),
    refuses=(
        GrantNotFound,
        GrantNotHeld,
        ApprovalNeeded,
    ),
    name="deny_grant",
)
@blueprint.arguments(DecisionSchema)
@blueprint.response(200, GrantSchema)
def deny(arguments: dict[str, Any], grant_id: str) -> Response:
    """Deny a held subsidy for good: nothing is paid."""
    return _decide(deciding_grants.deny_grant, grant_id, arguments)


def _decide(
    verb: Callable[..., dict[str, Any]], grant_id: str, arguments: dict[str, Any]
) -> Response:
    caller = auth.require_staff()
    command = DecideGrant(
        actor=caller.actor,
        key=request_key(caller, arguments),
        grant_id=grant_id,
        reason=arguments["reason"],
    )
    return jsonify(verb(command, at=read_clock()))
