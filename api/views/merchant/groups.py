"""Groups, for staff: the list, and one group with its members and moves."""

from dataclasses import asdict
from typing import Any

from api import auth
from api.blueprint import Blueprint
from api.paging import answer_page, page_of, read_page
from api.schemas.merchant.groups import (
    GroupFilters,
    MerchantGroupDetailSchema,
    MerchantGroupSchema,
)
from domain.analytics import live_board
from domain.analytics.live_board import GroupFilter
from domain.campaigns.errors import CampaignNotFound
from domain.database import merchant_transaction
from domain.groups.errors import GroupNotFound
from domain.states import GroupState

blueprint = Blueprint(
    "merchant-groups",
    __name__,
    url_prefix="/v1/merchant/groups",
    description="Groups, for staff",
    caller="staff",
)


@blueprint.route("", refuses=(CampaignNotFound,))
@blueprint.arguments(GroupFilters, location="query")
@blueprint.response(200, page_of(MerchantGroupSchema))
def list_groups(arguments: dict[str, Any]) -> dict[str, Any]:
    """List groups, newest first, by state, campaign and days of opening."""
    caller = auth.require_staff()
    page = read_page(arguments, "merchant.groups", int)
    state = arguments["state"]
    wanted = GroupFilter(
        state=None if state is None else GroupState(state),
        campaign=arguments["campaign_id"],
        from_on=arguments["from_on"],
        to_on=arguments["to_on"],
    )
    with merchant_transaction(caller.merchant_id) as session:
        found = live_board.list_groups(
            session,
            caller.merchant_id,
            wanted,
            below_id=page.after[0] if page.after else None,
            limit=page.limit + 1,
        )
    return answer_page(found, page, "merchant.groups", lambda line: (line.row_id,))


@blueprint.route("/<id:group_id>", refuses=(GroupNotFound,))
@blueprint.response(200, MerchantGroupDetailSchema)
def show_group(group_id: str) -> dict[str, Any]:
    """Show a group with all who ever had a seat in it, and its recorded moves."""
    caller = auth.require_staff()
    with merchant_transaction(caller.merchant_id) as session:
        found = live_board.show_group(session, caller.merchant_id, group_id)
    return {**asdict(found.line), "members": found.members, "moves": found.moves}
