"""Reconciliation, for staff: days, differences, a day's CSV, and resolving a difference."""

from dataclasses import asdict
from typing import Any

from flask import Response

from api import auth, request_context
from api.blueprint import Blueprint
from api.idempotency import request_key
from api.paging import PageArguments, answer_page, page_of, read_page
from api.schemas.merchant.reconciliations import (
    ReconciliationSchema,
    ResolutionSchema,
    TaskFilters,
    TaskSchema,
)
from domain.database import merchant_transaction, read_clock
from domain.interventions.resolving_differences import ResolveDifference, resolve_difference
from domain.merchants.rules import Role
from domain.reconciliation.errors import (
    ReconciliationNotFound,
    ReconciliationTaskNotFound,
    ReconciliationTaskResolved,
)
from domain.reconciliation.reporting import (
    TaskLine,
    find_reconciliation,
    list_reconciliations,
    list_tasks,
    write_csv,
)
from domain.texts import text

blueprint = Blueprint(
    "merchant-reconciliations",
    __name__,
    url_prefix="/v1/merchant",
    description="Reconciliation, for staff",
    caller="staff",
)


@blueprint.route("/reconciliations", name="list_reconciliations")
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, page_of(ReconciliationSchema))
def show_days(arguments: dict[str, Any]) -> dict[str, Any]:
    """List reconciled days, newest first."""
    caller = auth.require_staff()
    page = read_page(arguments, "merchant.reconciliations", int)
    with merchant_transaction(caller.merchant_id) as session:
        found = list_reconciliations(
            session,
            caller.merchant_id,
            below_id=page.after[0] if page.after else None,
            limit=page.limit + 1,
        )
    return answer_page(found, page, "merchant.reconciliations", lambda line: (line.row_id,))


@blueprint.route(
    "/reconciliations/<id:reconciliation_id>/csv",
    refuses=(ReconciliationNotFound,),
    name="download_reconciliation",
)
@blueprint.response(200, {"type": "string"}, content_type="text/csv")
def download_csv(reconciliation_id: str) -> Response:
    """Download a day: each line of the bill with ours beside it, then what the bill lacks."""
    caller = auth.require_staff()
    with merchant_transaction(caller.merchant_id) as session:
        day = find_reconciliation(session, caller.merchant_id, reconciliation_id)
        content = write_csv(session, day, reconciliation_id)
    name = f"{day.on}-{day.account.gateway}.csv"
    return Response(
        content,
        mimetype="text/csv",
        headers={"Content-Disposition": f"attachment; filename={name}"},
    )


@blueprint.route("/reconciliation-tasks", name="list_reconciliation_tasks")
@blueprint.arguments(TaskFilters, location="query")
@blueprint.response(200, page_of(TaskSchema))
def show_tasks(arguments: dict[str, Any]) -> dict[str, Any]:
    """List differences between a bill and our books, newest first."""
    caller = auth.require_staff()
    page = read_page(arguments, "merchant.reconciliation-tasks", int)
    state = arguments["state"]
    with merchant_transaction(caller.merchant_id) as session:
        found = list_tasks(
            session,
            caller.merchant_id,
            is_open=None if state is None else state == "open",
            below_id=page.after[0] if page.after else None,
            limit=page.limit + 1,
        )
    answer = answer_page(found, page, "merchant.reconciliation-tasks", lambda task: (task.row_id,))
    return answer | {"items": [_shown(task) for task in answer["items"]]}


@blueprint.route(
    "/reconciliation-tasks/<id:task_id>/resolution",
    methods=["POST"],
    role=Role.OPERATOR,
    headers=("Idempotency-Key",),
    refuses=(
        ReconciliationTaskNotFound,
        ReconciliationTaskResolved,
    ),
    name="resolve_reconciliation_task",
)
@blueprint.arguments(ResolutionSchema)
@blueprint.response(200, TaskSchema)
def resolve(arguments: dict[str, Any], task_id: str) -> dict[str, Any]:
    """Resolve a difference, with a reason; once."""
    caller = auth.require_staff()
    command = ResolveDifference(
        caller.actor, request_key(caller, arguments), task_id, arguments["reason"]
    )
    resolve_difference(command, at=read_clock())
    with merchant_transaction(caller.merchant_id) as session:
        [task] = list_tasks(session, caller.merchant_id, task_id=task_id)
    return _shown(task)


def _shown(task: TaskLine) -> dict[str, Any]:
    sentence = text(f"reconciliation.{task.kind}", request_context.language())
    return asdict(task) | {"text": sentence}
