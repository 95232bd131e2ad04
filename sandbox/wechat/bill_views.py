"""WeChat Pay v3's endpoints of bills: asked for, then downloaded within five minutes."""

from collections.abc import Callable
from datetime import date
from sqlite3 import Connection

from flask import Blueprint, Response, request

from sandbox.wechat import bills, flows
from sandbox.wechat.errors import ApiError
from sandbox.wechat.serving import Answer, Call, serve

wechat_bills = Blueprint("wechat_bills", __name__)

_FILE = "/v3/billdownload/file"


@wechat_bills.get("/v3/bill/tradebill")
def trade_bill() -> Response:
    """Offer the bill of a day's payments and refunds."""
    return serve("bill", lambda call: _offer(call, "bill_type", bills.BILL_TYPES, bills.trade_bill))


@wechat_bills.get("/v3/bill/fundflowbill")
def fundflow_bill() -> Response:
    """Offer the bill of a day's flows in one of the merchant's accounts."""
    return serve(
        "bill", lambda call: _offer(call, "account_type", flows.ACCOUNTS, bills.fundflow_bill)
    )


def _offer(
    call: Call,
    choice: str,
    choices: tuple[str, ...],
    write: Callable[[Connection, str, date, str, bills.Falsified], str],
) -> Answer:
    asked = request.args
    if "bill_date" not in asked or set(asked) - {"bill_date", choice, "tar_type"}:
        raise ApiError("PARAM_ERROR", f"参数错误：bill_date 必填，仅支持 {choice}、tar_type")
    chosen = asked.get(choice, choices[0])
    if chosen not in choices or asked.get("tar_type", "GZIP") != "GZIP":
        raise ApiError("PARAM_ERROR", f"参数错误：{choice} 或 tar_type 取值有误")
    now = call.now
    day = bills.check_day(asked["bill_date"], now)
    falsified = bills.falsified_by(call.faults)
    with call.gateway.store.transaction() as db:
        text = write(db, call.account.mchid, day, chosen, falsified)
        token, digest = bills.offer(
            db,
            call.account.mchid,
            text,
            now,
            is_gzip="tar_type" in asked,
            falsified=falsified,
        )
    url = f"{request.host_url.rstrip('/')}{_FILE}?token={token}"
    return 200, {"download_url": url, "hash_type": "SHA1", "hash_value": digest}


@wechat_bills.get(_FILE)
def download() -> Response:
    """Hand out a file to the merchant it was offered to; not signed."""
    return serve("bill_file", _download)


def _download(call: Call) -> Answer:
    if set(request.args) != {"token"}:
        raise ApiError("PARAM_ERROR", "参数错误：token 必填，且不支持其他参数")
    with call.gateway.store.snapshot() as db:
        return 200, bills.fetch(db, call.account.mchid, request.args["token"], call.now)
