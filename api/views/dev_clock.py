"""The business clock, in development: how it stands, and jumping forward."""

from typing import Any

from flask import request

from api.blueprint import Blueprint
from api.progress import progress_cache
from api.refusals import GATEWAY
from api.schemas.clock import AdvanceArguments, ClockSchema
from api.strangers import CalledFromElsewhere, refuse_strangers
from domain.config import settings
from domain.timekeeping.advancing import (
    ClockBackwards,
    ClockFixed,
    ClockView,
    NotDrained,
    advance_clock,
    look_at_clock,
)

blueprint = Blueprint(
    "dev-clock", __name__, url_prefix="/v1/dev", description="Development: the business clock"
)


def _body(view: ClockView) -> dict[str, Any]:
    return {
        "now": view.now,
        "offset_seconds": view.offset_seconds,
        "next_due_at": view.next_due_at,
        "is_drained": not view.waiting,
        "waiting": view.waiting,
    }


@blueprint.route(
    "/clock",
    methods=["GET"],
    refuses=(CalledFromElsewhere, ClockFixed, *GATEWAY),
    name="look_at_clock",
)
@blueprint.response(200, ClockSchema)
def look() -> dict[str, Any]:
    """Look at the clock, and at what is due."""
    refuse_strangers(request, own_url=settings().public_base_url)
    return _body(look_at_clock())


@blueprint.route(
    "/clock",
    methods=["POST"],
    refuses=(
        ClockFixed,
        NotDrained,
        ClockBackwards,
        CalledFromElsewhere,
        *GATEWAY,
    ),
    name="advance_clock",
)
@blueprint.arguments(AdvanceArguments)
@blueprint.response(200, ClockSchema)
def advance(arguments: dict[str, Any]) -> dict[str, Any]:
    """Jump to the next due instant, or by 5 minutes where that is later."""
    refuse_strangers(request, own_url=settings().public_base_url)
    view = advance_clock(until_at=arguments["until_at"])
    progress_cache().clear()
    return _body(view)
