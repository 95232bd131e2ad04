"""My groups."""

from dataclasses import asdict
from typing import Any

from api import auth
from api.blueprint import Blueprint
from api.paging import answer_page, page_of, read_page
from api.schemas.my_groups import MembershipFilters, MembershipSchema
from domain.database import reading
from domain.groups.memberships import Membership, MembershipStatus, list_memberships

blueprint = Blueprint(
    "my-groups",
    __name__,
    url_prefix="/v1/me/groups",
    description="A shopper's groups",
    caller="shopper",
)


@blueprint.route("", name="list_my_groups")
@blueprint.arguments(MembershipFilters, location="query")
@blueprint.response(200, page_of(MembershipSchema))
def mine(arguments: dict[str, Any]) -> dict[str, Any]:
    """List my group orders, newest first: running, formed or failed, or all."""
    caller = auth.require_shopper()
    page = read_page(arguments, "me.groups", int)
    status = arguments["status"]
    with reading() as session:
        found = list_memberships(
            session,
            caller.key,
            status=None if status is None else MembershipStatus(status),
            below_id=page.after[0] if page.after else None,
            limit=page.limit + 1,
        )
    answer = answer_page(found, page, "me.groups", lambda membership: (membership.row_id,))
    return answer | {"items": [_shown(membership) for membership in answer["items"]]}


def _shown(membership: Membership) -> dict[str, Any]:
    return {
        **asdict(membership),
        "campaign": {"id": membership.campaign_id, "title": membership.campaign_title},
    }
