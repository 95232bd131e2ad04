"""My points: how many there are, and their movements."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from api import auth, request_context
from api.blueprint import Blueprint
from api.paging import PageArguments, answer_page, page_of, read_page
from api.schemas.points import PointsEntrySchema, PointsSchema
from domain.database import read_clock, reading
from domain.points.queries import PointsEntry, PointsView, list_points_entries, read_points

blueprint = Blueprint(
    "points",
    __name__,
    url_prefix="/v1/me/points",
    description="A shopper's points",
    caller="shopper",
)


@blueprint.route("")
@blueprint.response(200, PointsSchema)
def show_points() -> PointsView:
    """Say how many points I have, what they are worth, and when they expire."""
    caller = auth.require_shopper()
    at = read_clock()
    with reading() as session:
        return read_points(session, caller.key, at=at)


@blueprint.route("/entries", name="list_points_entries")
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, page_of(PointsEntrySchema))
def show_entries(arguments: dict[str, Any]) -> dict[str, Any]:
    """List the movements of my points, newest first."""
    caller = auth.require_shopper()
    page = read_page(arguments, "me.points", str, int, int)
    after = None
    if page.after is not None:
        after = (datetime.fromisoformat(page.after[0]), page.after[1], page.after[2])
    with reading() as session:
        found = list_points_entries(session, caller.key, after=after, limit=page.limit + 1)
    answer = answer_page(found, page, "me.points", _key)
    language = request_context.language()
    items = [asdict(entry) | {"text": entry.text(language)} for entry in answer["items"]]
    return answer | {"items": items}


def _key(entry: PointsEntry) -> tuple[str, int, int]:
    at, rank, number = entry.key
    return at.isoformat(), rank, number
