"""My coupons and my passes."""

from typing import Any

from api import auth
from api.blueprint import Blueprint
from api.paging import answer_page, page_of, read_page
from api.schemas.instruments import CouponSchema, InstrumentFilters, PassSchema
from domain.database import read_clock, reading
from domain.instruments.queries import Use, list_instruments
from domain.instruments.rules import InstrumentKind

blueprint = Blueprint(
    "instruments",
    __name__,
    url_prefix="/v1/me",
    description="A shopper's coupons and passes",
    caller="shopper",
)


@blueprint.route("/coupons", name="list_coupons")
@blueprint.arguments(InstrumentFilters, location="query")
@blueprint.response(200, page_of(CouponSchema))
def my_coupons(arguments: dict[str, Any]) -> dict[str, Any]:
    """List my coupons, newest first."""
    return _list(InstrumentKind.COUPON, arguments)


@blueprint.route("/passes", name="list_passes")
@blueprint.arguments(InstrumentFilters, location="query")
@blueprint.response(200, page_of(PassSchema))
def my_passes(arguments: dict[str, Any]) -> dict[str, Any]:
    """List my passes, newest first."""
    return _list(InstrumentKind.PASS, arguments)


def _list(kind: InstrumentKind, arguments: dict[str, Any]) -> dict[str, Any]:
    caller = auth.require_shopper()
    state = None if arguments["state"] is None else Use(arguments["state"])
    name = f"me.{kind.value}"
    page = read_page(arguments, name, int)
    at = read_clock()
    with reading() as session:
        found = list_instruments(
            session,
            caller.key,
            kind,
            state=state,
            below_id=page.after[0] if page.after else None,
            limit=page.limit + 1,
            at=at,
        )
    return answer_page(found, page, name, lambda held: (held.row_id,))
