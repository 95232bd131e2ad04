"""Approvals, for staff: asked for by one person, decided by another."""

from typing import Any

from flask import Response, jsonify

from api import auth
from api.blueprint import Blueprint
from api.idempotency import request_key
from api.paging import answer_page, page_of, read_page
from api.refusals import ACTING
from api.schemas.merchant.approvals import (
    ApprovalDecisionSchema,
    ApprovalFilters,
    ApprovalSchema,
    NewApprovalSchema,
)
from domain.database import merchant_transaction, read_clock
from domain.interventions.approving import Ask, Decide, ask_approval, decide_approval
from domain.merchants.approvals import find_approval, list_approvals
from domain.merchants.errors import ApprovalDecided, ApprovalNotFound, ApprovalOutdated, ApprovalOwn
from domain.merchants.rules import Role

blueprint = Blueprint(
    "merchant-approvals",
    __name__,
    url_prefix="/v1/merchant/approvals",
    description="Acts above the limit, decided by a second person",
    caller="staff",
)


@blueprint.route("", name="list_approvals")
@blueprint.arguments(ApprovalFilters, location="query")
@blueprint.response(200, page_of(ApprovalSchema))
def list_(arguments: dict[str, Any]) -> dict[str, Any]:
    """List approvals, newest first, in one state or in all."""
    caller = auth.require_staff()
    page = read_page(arguments, "merchant.approvals", int)
    with merchant_transaction(caller.merchant_id) as session:
        found = list_approvals(
            session,
            caller.merchant_id,
            state=arguments["state"],
            below_id=page.after[0] if page.after else None,
            limit=page.limit + 1,
        )
    return answer_page(found, page, "merchant.approvals", lambda line: (line.row_id,))


@blueprint.route("/<id:approval_id>", refuses=(ApprovalNotFound,), name="show_approval")
@blueprint.response(200, ApprovalSchema)
def show(approval_id: str) -> Any:
    """Show an approval."""
    caller = auth.require_staff()
    with merchant_transaction(caller.merchant_id) as session:
        return find_approval(session, caller.merchant_id, approval_id)


@blueprint.route(
    "",
    methods=["POST"],
    role=Role.OPERATOR,
    headers=("Idempotency-Key",),
    refuses=(*ACTING,),
    name="ask_approval",
)
@blueprint.arguments(NewApprovalSchema)
@blueprint.response(201, ApprovalSchema)
def ask(arguments: dict[str, Any]) -> Response:
    """Ask a second person for an act."""
    caller = auth.require_staff()
    wanted = Ask(
        caller.actor,
        request_key(caller, arguments),
        arguments["kind"],
        arguments["command"],
        arguments["reason"],
    )
    response = jsonify(ask_approval(wanted, at=read_clock()))
    response.status_code = 201
    return response


@blueprint.route(
    "/<id:approval_id>/approval",
    methods=["POST"],
    role=Role.OPERATOR,
    headers=("Idempotency-Key",),
    refuses=(
        ApprovalNotFound,
        ApprovalDecided,
        ApprovalOwn,
        ApprovalOutdated,
        *ACTING,
    ),
)
@blueprint.arguments(ApprovalDecisionSchema)
@blueprint.response(200, ApprovalSchema)
def approve(arguments: dict[str, Any], approval_id: str) -> Response:
    """Approve what somebody else asked for: it is done at once."""
    return _decide("approved", approval_id, arguments)


@blueprint.route(
    "/<id:approval_id>/refusal",
    methods=["POST"],
    role=Role.OPERATOR,
    headers=("Idempotency-Key",),
    refuses=(
        ApprovalNotFound,
        ApprovalDecided,
        ApprovalOwn,
    ),
    name="refuse_approval",
)
@blueprint.arguments(ApprovalDecisionSchema)
@blueprint.response(200, ApprovalSchema)
def refuse(arguments: dict[str, Any], approval_id: str) -> Response:
    """Refuse what somebody else asked for."""
    return _decide("refused", approval_id, arguments)


@blueprint.route(
    "/<id:approval_id>/withdrawal",
    methods=["POST"],
    role=Role.OPERATOR,
    headers=("Idempotency-Key",),
    refuses=(
        ApprovalNotFound,
        ApprovalDecided,
        ApprovalOwn,
    ),
    name="withdraw_approval",
)
@blueprint.arguments(ApprovalDecisionSchema)
@blueprint.response(200, ApprovalSchema)
def withdraw(arguments: dict[str, Any], approval_id: str) -> Response:
    """Withdraw what one asked for oneself."""
    return _decide("withdrawn", approval_id, arguments)


def _decide(state: str, approval_id: str, arguments: dict[str, Any]) -> Response:
    caller = auth.require_staff()
    decision = Decide(
        caller.actor, request_key(caller, arguments), approval_id, state, arguments["reason"]
    )
    return jsonify(decide_approval(decision, at=read_clock()))
