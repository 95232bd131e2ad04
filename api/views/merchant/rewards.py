"""Referrers' rewards, for staff."""

from typing import Any

from api import auth
from api.blueprint import Blueprint
from api.paging import answer_page, page_of, read_page
from api.schemas.merchant.grants import RewardFilters, RewardSchema
from domain.database import merchant_transaction
from domain.subsidies.rewards import RewardFilter, list_rewards

blueprint = Blueprint(
    "merchant-rewards",
    __name__,
    url_prefix="/v1/merchant/rewards",
    description="Referrers' rewards, for staff",
    caller="staff",
)


@blueprint.route("", name="list_rewards")
@blueprint.arguments(RewardFilters, location="query")
@blueprint.response(200, page_of(RewardSchema))
def list_(arguments: dict[str, Any]) -> dict[str, Any]:
    """List rewards, newest first."""
    caller = auth.require_staff()
    page = read_page(arguments, "merchant.rewards", int)
    with merchant_transaction(caller.merchant_id) as session:
        found = list_rewards(
            session,
            caller.merchant_id,
            RewardFilter(arguments["campaign_id"], arguments["referrer_id"]),
            below_id=page.after[0] if page.after else None,
            limit=page.limit + 1,
        )
    return answer_page(found, page, "merchant.rewards", lambda line: (line.row_id,))
