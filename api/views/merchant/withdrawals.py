"""Withdrawals, for staff: the list."""

from typing import Any

from api import auth, request_context
from api.blueprint import Blueprint
from api.paging import answer_page, page_of, read_page
from api.schemas.merchant.withdrawals import StaffWithdrawalSchema, WithdrawalFilters
from domain.database import merchant_transaction
from domain.states import WithdrawalState
from domain.withdrawals.queries import list_withdrawals

blueprint = Blueprint(
    "merchant-withdrawals",
    __name__,
    url_prefix="/v1/merchant/withdrawals",
    description="Withdrawals, for staff",
    caller="staff",
)


@blueprint.route("", name="list_withdrawals")
@blueprint.arguments(WithdrawalFilters, location="query")
@blueprint.response(200, page_of(StaffWithdrawalSchema))
def show_withdrawals(arguments: dict[str, Any]) -> dict[str, Any]:
    """List withdrawals, newest first, in one state or in all."""
    caller = auth.require_staff()
    page = read_page(arguments, "merchant.withdrawals", int)
    state = arguments["state"]
    with merchant_transaction(caller.merchant_id) as session:
        found = list_withdrawals(
            session,
            caller.merchant_id,
            state=None if state is None else WithdrawalState(state),
            below_id=page.after[0] if page.after else None,
            limit=page.limit + 1,
        )
    answer = answer_page(found, page, "merchant.withdrawals", lambda line: (line.row_id,))
    language = request_context.language()
    return answer | {"items": [line.describe_to_staff(language) for line in answer["items"]]}
