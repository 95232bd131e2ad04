"""My subsidies."""

from dataclasses import replace
from typing import Any

from api import auth
from api.blueprint import Blueprint
from api.paging import PageArguments, answer_page, page_of, read_page
from api.schemas.subsidies import MySubsidySchema
from api.telling import tell_parts
from domain.database import reading
from domain.subsidies.queries import list_subsidies

blueprint = Blueprint(
    "subsidies",
    __name__,
    url_prefix="/v1/me/subsidies",
    description="A shopper's subsidies",
    caller="shopper",
)


@blueprint.route("", name="list_subsidies")
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, page_of(MySubsidySchema))
def mine(arguments: dict[str, Any]) -> dict[str, Any]:
    """List my subsidies, newest first, with every reason for their amounts."""
    caller = auth.require_shopper()
    page = read_page(arguments, "me.subsidies", int)
    with reading() as session:
        found = list_subsidies(
            session,
            caller.key,
            below_id=page.after[0] if page.after else None,
            limit=page.limit + 1,
        )
    answer = answer_page(found, page, "me.subsidies", lambda subsidy: (subsidy.row_id,))
    told = [replace(one, parts=tell_parts(one.parts)) for one in answer["items"]]
    return answer | {"items": told}
