"""Refunds, for staff: the list, the queue, and the repeat of rejected ones."""

from typing import Any

from flask import Response, jsonify

from api import auth
from api.blueprint import Blueprint
from api.idempotency import request_key
from api.paging import answer_page, page_of, read_page
from api.schemas.merchant.refunds import (
    OfflineSettlementSchema,
    RefundFilters,
    RefundQueuesSchema,
    RefundSchema,
    RetrySchema,
)
from domain.database import merchant_transaction, read_clock
from domain.interventions.retrying_refunds import RetryRefund, retry_refund
from domain.interventions.settling_offline import SettleOffline, settle_refund_offline
from domain.merchants.errors import ApprovalNeeded
from domain.merchants.rules import Role
from domain.refunds import queries
from domain.refunds.errors import RefundNotFound, RefundNotRejected
from domain.states import RefundState

blueprint = Blueprint(
    "merchant-refunds",
    __name__,
    url_prefix="/v1/merchant/refunds",
    description="Refunds, for staff",
    caller="staff",
)


@blueprint.route("")
@blueprint.arguments(RefundFilters, location="query")
@blueprint.response(200, page_of(RefundSchema))
def list_refunds(arguments: dict[str, Any]) -> dict[str, Any]:
    """List refunds, newest first, in one state or in all."""
    caller = auth.require_staff()
    page = read_page(arguments, "merchant.refunds", int)
    state = arguments["state"]
    with merchant_transaction(caller.merchant_id) as session:
        found = queries.list_refunds(
            session,
            caller.merchant_id,
            state=None if state is None else RefundState(state),
            below_id=page.after[0] if page.after else None,
            limit=page.limit + 1,
        )
    return answer_page(found, page, "merchant.refunds", lambda line: (line.row_id,))


@blueprint.route("/queue", name="show_refund_queue")
@blueprint.response(200, RefundQueuesSchema)
def show_queue() -> dict[str, Any]:
    """Show how many refunds wait at each gateway account, how fast they go, and until when."""
    caller = auth.require_staff()
    at = read_clock()
    with merchant_transaction(caller.merchant_id) as session:
        found = queries.list_queues(session, caller.merchant_id, at=at)
    return {"items": [queue.to_json() for queue in found], "server_time": at}


@blueprint.route(
    "/<id:refund_id>/retry",
    methods=["POST"],
    role=Role.OPERATOR,
    headers=("Idempotency-Key",),
    refuses=(
        RefundNotFound,
        RefundNotRejected,
    ),
    name="retry_refund",
)
@blueprint.arguments(RetrySchema)
@blueprint.response(200, RefundSchema)
def retry(arguments: dict[str, Any], refund_id: str) -> Response:
    """Send a rejected refund again, under the same number."""
    caller = auth.require_staff()
    command = RetryRefund(
        actor=caller.actor,
        key=request_key(caller, arguments),
        refund_id=refund_id,
        reason=arguments["reason"],
    )
    return jsonify(retry_refund(command, at=read_clock()))


@blueprint.route(
    "/<id:refund_id>/offline-settlement",
    methods=["POST"],
    role=Role.OPERATOR,
    headers=("Idempotency-Key",),
    refuses=(
        RefundNotFound,
        RefundNotRejected,
        ApprovalNeeded,
    ),
    name="settle_refund_offline",
)
@blueprint.arguments(OfflineSettlementSchema)
@blueprint.response(200, RefundSchema)
def settle_offline(arguments: dict[str, Any], refund_id: str) -> Response:
    """Record that a rejected refund was paid outside the gateway; once."""
    caller = auth.require_staff()
    command = SettleOffline(
        actor=caller.actor,
        key=request_key(caller, arguments),
        refund_id=refund_id,
        reason=arguments["reason"],
    )
    return jsonify(settle_refund_offline(command, at=read_clock()))
