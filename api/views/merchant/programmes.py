"""Programmes of outside brands, for staff."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from flask import Response, jsonify

from api import auth
from api.blueprint import Blueprint
from api.idempotency import request_key
from api.schemas.merchant.programmes import (
    AddedProgrammeSchema,
    ConfirmPointsSchema,
    ExportArguments,
    MovedPointsSchema,
    NewProgrammeSchema,
    ProgrammeListSchema,
    ProgrammeReasonSchema,
    SecretSchema,
)
from domain.database import merchant_transaction, read_clock
from domain.interventions.programmes import (
    MovePoints,
    NewProgramme,
    add_programme,
    confirm_points,
    export_points,
    renew_secret,
)
from domain.merchants.rules import Role
from domain.points.errors import (
    ExportNotFound,
    ExportNotOpen,
    NotAWebhook,
    NotByFile,
    NothingToExport,
    ProgrammeNotFound,
    ProgrammeTaken,
    ProgrammeUrlNotAllowed,
)
from domain.points.programmes import find_programme, list_programmes, write_export

blueprint = Blueprint(
    "merchant-programmes",
    __name__,
    url_prefix="/v1/merchant/programmes",
    description="Programmes of outside brands, for staff",
    caller="staff",
)


@blueprint.route("", name="list_programmes")
@blueprint.response(200, ProgrammeListSchema)
def list_() -> dict[str, Any]:
    """List programmes, with what is on its way to them."""
    caller = auth.require_staff()
    with merchant_transaction(caller.merchant_id) as session:
        return {"items": list_programmes(session, caller.merchant_id), "next_cursor": None}


@blueprint.route(
    "",
    methods=["POST"],
    role=Role.OWNER,
    refuses=(
        ProgrammeUrlNotAllowed,
        ProgrammeTaken,
    ),
    name="add_programme",
)
@blueprint.arguments(NewProgrammeSchema)
@blueprint.response(201, AddedProgrammeSchema)
def add(arguments: dict[str, Any]) -> dict[str, Any]:
    """Add a programme; its secret is shown this once."""
    caller = auth.require_staff()
    added, secret = add_programme(caller.actor, NewProgramme(**arguments), at=read_clock())
    return {**asdict(added), "secret": secret}


@blueprint.route(
    "/<id:programme_id>/secret",
    methods=["POST"],
    role=Role.OWNER,
    refuses=(
        ProgrammeNotFound,
        NotAWebhook,
    ),
    name="renew_programme_secret",
)
@blueprint.arguments(ProgrammeReasonSchema)
@blueprint.response(200, SecretSchema)
def renew(arguments: dict[str, Any], programme_id: str) -> dict[str, str]:
    """Give a programme another secret, in force at once."""
    actor = auth.require_staff().actor
    reason = arguments["reason"]
    return {"secret": renew_secret(actor, programme_id, reason=reason, at=read_clock())}


@blueprint.route(
    "/<id:programme_id>/exports",
    methods=["POST"],
    role=Role.OPERATOR,
    headers=("Idempotency-Key",),
    refuses=(
        ProgrammeNotFound,
        NotByFile,
        NothingToExport,
    ),
    name="export_points",
)
@blueprint.arguments(ProgrammeReasonSchema)
@blueprint.response(200, MovedPointsSchema)
def export(arguments: dict[str, Any], programme_id: str) -> Response:
    """Put the points that wait into the file."""
    return _move(export_points, programme_id, arguments)


@blueprint.route(
    "/<id:programme_id>/points.csv",
    refuses=(
        ProgrammeNotFound,
        NotByFile,
        ExportNotFound,
    ),
    name="download_points",
)
@blueprint.arguments(ExportArguments, location="query")
@blueprint.response(200, {"type": "string"}, content_type="text/csv")
def download(arguments: dict[str, Any], programme_id: str) -> Response:
    """Download a file: what was exported under its number."""
    caller = auth.require_staff()
    with merchant_transaction(caller.merchant_id) as session:
        programme = find_programme(session, caller.merchant_id, programme_id)
        export = arguments["export"]
        content = write_export(session, (caller.merchant_id, programme.row_id), export)
    disposition = f"attachment; filename=points-{programme.id}-{export}.csv"
    return Response(content, mimetype="text/csv", headers={"Content-Disposition": disposition})


@blueprint.route(
    "/<id:programme_id>/confirmations",
    methods=["POST"],
    role=Role.OPERATOR,
    headers=("Idempotency-Key",),
    refuses=(
        ProgrammeNotFound,
        NotByFile,
        ExportNotOpen,
    ),
    name="confirm_points",
)
@blueprint.arguments(ConfirmPointsSchema)
@blueprint.response(200, MovedPointsSchema)
def confirm(arguments: dict[str, Any], programme_id: str) -> Response:
    """Say that the brand has booked what was in a file."""
    return _move(confirm_points, programme_id, arguments)


def _move(
    verb: Callable[..., dict[str, Any]], programme_id: str, arguments: dict[str, Any]
) -> Response:
    caller = auth.require_staff()
    key = request_key(caller, arguments)
    command = MovePoints(
        caller.actor, key, programme_id, arguments["reason"], arguments.get("export")
    )
    return jsonify(verb(command, at=read_clock()))
