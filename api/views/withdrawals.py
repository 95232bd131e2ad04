"""My withdrawals: from my wallet to my change at the gateway."""

from typing import Any

from api import auth, request_context
from api.blueprint import Blueprint
from api.idempotency import request_key
from api.paging import PageArguments, answer_page, page_of, read_page
from api.schemas.fields import NothingSchema
from api.schemas.withdrawals import OwnWithdrawalSchema, WithdrawalSchema, WithdrawArguments
from domain.checkout.withdrawing import Withdraw, cancel_withdrawal, withdraw
from domain.database import read_clock, reading
from domain.payments.accounts import find_account
from domain.payments.errors import NoGatewayAccount
from domain.withdrawals.errors import (
    BalanceTooLow,
    WithdrawalDayLimitReached,
    WithdrawalNotCancellable,
    WithdrawalNotFound,
    WithdrawalRunning,
    WithdrawalsOff,
    WithdrawalTooLarge,
    WithdrawalTooSmall,
)
from domain.withdrawals.queries import WithdrawalView, find_withdrawal, list_withdrawals

blueprint = Blueprint(
    "withdrawals",
    __name__,
    url_prefix="/v1/me/withdrawals",
    description="A shopper's withdrawals",
    caller="shopper",
)


@blueprint.route(
    "",
    methods=["POST"],
    headers=("Idempotency-Key",),
    refuses=(
        WithdrawalsOff,
        WithdrawalRunning,
        WithdrawalTooSmall,
        WithdrawalTooLarge,
        WithdrawalDayLimitReached,
        BalanceTooLow,
        NoGatewayAccount,
    ),
    name="withdraw",
)
@blueprint.arguments(WithdrawArguments)
@blueprint.response(201, OwnWithdrawalSchema)
def start(body: dict[str, Any]) -> dict[str, Any]:
    """Withdraw from my wallet; one at a time, confirmed by me within 24 hours."""
    caller = auth.require_shopper()
    command = Withdraw(caller.key, body["amount_fen"], request_key(caller, body))
    return _answer(caller.key, withdraw(command, at=read_clock()))


@blueprint.route("", name="list_withdrawals")
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, page_of(WithdrawalSchema))
def mine(arguments: dict[str, Any]) -> dict[str, Any]:
    """List my withdrawals, newest first."""
    merchant_id, shopper_id = auth.require_shopper().key
    page = read_page(arguments, "me.withdrawals", int)
    with reading() as session:
        found = list_withdrawals(
            session,
            merchant_id,
            shopper_id=shopper_id,
            below_id=page.after[0] if page.after else None,
            limit=page.limit + 1,
        )
    answer = answer_page(found, page, "me.withdrawals", lambda line: (line.row_id,))
    language = request_context.language()
    return answer | {"items": [line.describe(language) for line in answer["items"]]}


@blueprint.route("/<id:withdrawal_id>", refuses=(WithdrawalNotFound,), name="show_withdrawal")
@blueprint.response(200, OwnWithdrawalSchema)
def read(withdrawal_id: str) -> dict[str, Any]:
    """Read one of my withdrawals, with what confirming it needs while it awaits me."""
    shopper = auth.require_shopper().key
    with reading() as session:
        found = find_withdrawal(session, shopper, withdrawal_id)
    return _answer(shopper, found)


@blueprint.route(
    "/<id:withdrawal_id>/cancellation",
    methods=["POST"],
    headers=("Idempotency-Key",),
    refuses=(
        WithdrawalNotFound,
        WithdrawalNotCancellable,
    ),
    name="cancel_withdrawal",
)
@blueprint.arguments(NothingSchema, required=False)
@blueprint.response(201, OwnWithdrawalSchema)
def cancel(_: dict[str, Any], withdrawal_id: str) -> dict[str, Any]:
    """Cancel a withdrawal that awaits me; the gateway says when it is over."""
    caller = auth.require_shopper()
    key = request_key(caller)
    return _answer(caller.key, cancel_withdrawal(caller.key, withdrawal_id, key, at=read_clock()))


def _answer(shopper: tuple[int, int], found: WithdrawalView) -> dict[str, Any]:
    parameters = None
    if found.awaits_shopper:
        with reading() as session:
            account = find_account(session, (shopper[0], found.gateway_account_id))
        parameters = account.provider.transfer_parameters(found.package_info or "", found.app_id)
    return found.describe(request_context.language()) | {"client_parameters": parameters}
