"""The live board, for staff."""

from typing import Any

from api import auth
from api.blueprint import Blueprint
from api.schemas.merchant.groups import BoardArguments, BoardSchema, SettlementSchema
from domain.analytics.live_board import count_board
from domain.analytics.settling import show_progress
from domain.campaigns.errors import CampaignNotFound
from domain.database import merchant_transaction, read_clock

blueprint = Blueprint(
    "merchant-board",
    __name__,
    url_prefix="/v1/merchant/board",
    description="The live board, for staff",
    caller="staff",
)


@blueprint.route("", refuses=(CampaignNotFound,))
@blueprint.arguments(BoardArguments, location="query")
@blueprint.response(200, BoardSchema)
def show_board(arguments: dict[str, Any]) -> dict[str, Any]:
    """Count what is running, what should be over and is not, and work that waits for a person.

    Of one campaign, groups and refunds are its own; `parked_work` is always the merchant's.
    """
    caller = auth.require_staff()
    at = read_clock()
    with merchant_transaction(caller.merchant_id) as session:
        counts = count_board(session, caller.merchant_id, at=at, campaign=arguments["campaign_id"])
    oldest = counts.oldest_unsettled_at
    return {
        **counts._asdict(),
        "oldest_unsettled_seconds": None if oldest is None else int((at - oldest).total_seconds()),
        "server_time": at,
    }


@blueprint.route("/settlement")
@blueprint.response(200, SettlementSchema)
def show_settlement() -> dict[str, Any]:
    """Show how far the groups whose deadline has come are settled, and their refunds accepted."""
    caller = auth.require_staff()
    at = read_clock()
    with merchant_transaction(caller.merchant_id) as session:
        progress = show_progress(session, caller.merchant_id, at=at)
    return {**progress.to_json(at), "server_time": at}
