"""WeChat Pay v3's endpoints of transfers to shoppers."""

from collections.abc import Callable
from sqlite3 import Connection, Row

from flask import Blueprint, Response, request

from sandbox.wechat import flows, transfer_steps, transfers
from sandbox.wechat.errors import ApiError
from sandbox.wechat.serving import Answer, Call, serve

wechat_transfers = Blueprint("wechat_transfers", __name__)

_BILLS = "/v3/fund-app/mch-transfer/transfer-bills"
Find = Callable[[Connection, str], Row | None]


@wechat_transfers.post(_BILLS)
def transfer() -> Response:
    """Transfer money to a shopper, who must confirm it."""
    return serve("transfer", _transfer)


def _transfer(call: Call) -> Answer:
    body = call.body()
    with call.gateway.store.transaction() as db:
        per_second = flows.settings_of(db, call.account.mchid)["transfers_per_second"]
        call.gateway.quotas.take(call.account.mchid, "transfer", per_second)
        accepted = transfers.transfer(db, call.account, body, call.now, fate=_fate(call))
    call.gateway.courier.wake()
    return 200, accepted


def _fate(call: Call) -> transfers.Fate:
    fails = call.faults.get("transfer_fails")
    reason = None if fails is None else fails.reason or transfer_steps.FAIL_REASONS[0]
    return transfers.Fate(
        is_stuck="transfer_stuck" in call.faults,
        is_overdue="transfer_overdue" in call.faults,
        fail_reason=reason,
        closes_as="CANCELLED" if "transfer_closes_cancelled" in call.faults else None,
    )


@wechat_transfers.get(f"{_BILLS}/out-bill-no/<path:number>")
def query_by_number(number: str) -> Response:
    """Describe a transfer by the merchant's number."""
    return serve(
        "query_transfer",
        lambda call: _query(call, lambda db, mchid: transfer_steps.find(db, mchid, number)),
    )


@wechat_transfers.get(f"{_BILLS}/transfer-bill-no/<path:number>")
def query_by_transfer_no(number: str) -> Response:
    """Describe a transfer by WeChat's number."""
    return serve(
        "query_transfer",
        lambda call: _query(
            call, lambda db, mchid: transfer_steps.find_by_transfer_no(db, mchid, number)
        ),
    )


def _query(call: Call, find: Find) -> Answer:
    if request.args:
        raise ApiError("PARAM_ERROR", "参数错误：不支持查询参数")
    with call.gateway.store.snapshot() as db:
        return 200, transfers.query(find(db, call.account.mchid), call.now)


@wechat_transfers.post(f"{_BILLS}/out-bill-no/<path:number>/cancel")
def cancel(number: str) -> Response:
    """Begin to cancel a transfer; the body is empty."""
    return serve("cancel_transfer", lambda call: _cancel(call, number))


def _cancel(call: Call, number: str) -> Answer:
    if request.get_data() not in {b"", b"{}"}:
        raise ApiError("PARAM_ERROR", "参数错误：请求体应为空")
    ends_as = "SUCCESS" if "confirmed_at_cancel" in call.faults else "CANCELLED"
    with call.gateway.store.transaction() as db:
        found = transfer_steps.find(db, call.account.mchid, number)
        cancelling = transfers.cancel(db, found, call.now, ends_as=ends_as)
    call.gateway.courier.wake()
    return 200, cancelling
