"""Figures, for staff."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

from api import auth, request_context
from api.blueprint import Blueprint
from api.schemas.merchant.figures import ClocksSchema, FiguresArguments, PeriodFiguresSchema
from domain.analytics.clocks import measure_clocks
from domain.analytics.counting import Period
from domain.analytics.definitions import CLOCKS, DEFINITIONS
from domain.analytics.figures import measure_period
from domain.campaigns.errors import CampaignNotFound
from domain.database import merchant_transaction, read_clock

Measured = TypeVar("Measured")

blueprint = Blueprint(
    "merchant-figures",
    __name__,
    url_prefix="/v1/merchant/figures",
    description="Figures, for staff",
    caller="staff",
)


@blueprint.route("", refuses=(CampaignNotFound,))
@blueprint.arguments(FiguresArguments, location="query")
@blueprint.response(200, PeriodFiguresSchema)
def show_figures(arguments: dict[str, Any]) -> dict[str, Any]:
    """Measure a period of Shanghai days, against the period of the same length before it.

    Of a period that has not ended, `previous` is counted up to the same time of its last day:
    `previous_until`.
    """
    asked, found = _measured(measure_period, arguments)
    language = request_context.language()
    return {
        **asked,
        "total": found.total,
        "previous": found.previous,
        "previous_until": found.previous_until,
        "days": [{"on": on, **figures} for on, figures in found.days],
        "definitions": [
            {
                "key": definition.key,
                "name": definition.name.in_language(language),
                "sentence": definition.sentence.in_language(language),
            }
            for definition in DEFINITIONS
        ],
    }


@blueprint.route("/clocks", refuses=(CampaignNotFound,))
@blueprint.arguments(FiguresArguments, location="query")
@blueprint.response(200, ClocksSchema)
def show_clocks(arguments: dict[str, Any]) -> dict[str, Any]:
    """Measure how long each step took for the members whose groups failed in a period."""
    asked, found = _measured(measure_clocks, arguments)
    language = request_context.language()
    return {
        **asked,
        "clocks": [
            {
                **asdict(clock),
                "name": definition.name.in_language(language),
                "sentence": definition.sentence.in_language(language),
            }
            for clock, definition in zip(found, CLOCKS, strict=True)
        ],
    }


def _measured(
    measure: Callable[..., Measured], arguments: dict[str, Any]
) -> tuple[dict[str, Any], Measured]:
    """Return what was asked for, and what it measures at the caller's merchant."""
    caller = auth.require_staff()
    as_of = read_clock()
    period = Period(arguments["from_on"], arguments["to_on"])
    with merchant_transaction(caller.merchant_id) as session:
        found = measure(
            session, caller.merchant_id, period, at=as_of, campaign=arguments["campaign_id"]
        )
    return {"from_on": period.first, "to_on": period.last, "as_of": as_of}, found
