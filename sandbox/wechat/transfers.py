"""Transfers at WeChat Pay (商家转账, 2025) as merchants ask: placed, looked at, cancelled."""

import json
import secrets
from dataclasses import dataclass
from sqlite3 import Connection, Row
from typing import Any
from urllib.parse import urlsplit

from sandbox import keys
from sandbox.accounts import Account, is_bound
from sandbox.clock import rfc3339
from sandbox.shapes import Misshapen, integer, list_of, notify_url, shape, text
from sandbox.wechat import flows
from sandbox.wechat.errors import ApiError
from sandbox.wechat.opening import opened
from sandbox.wechat.orders import check
from sandbox.wechat.transfer_steps import CONFIRM_SECONDS, find, known, step, told

QUERY_SECONDS = 30 * 86400
NAMED_FROM_FEN, NAMELESS_BELOW_FEN = 200_000, 30
_SCENE = "1000"
_REPORTED = {"活动名称", "奖励说明"}
_PERCEPTIONS = ("现金奖励", "活动奖励")
_CANCELLABLE = ("ACCEPTED", "PROCESSING", "WAIT_USER_CONFIRM")


def secure_notify_url(value: Any, path: str) -> None:
    """Accept a notify URL that is https, or http to a host that is no public name."""
    notify_url(value, path)
    parts = urlsplit(value)
    host = parts.hostname or ""
    if parts.scheme != "https" and "." in host and not host.startswith("127."):
        raise Misshapen(path, "must be https")


_REPORT = shape({"info_type": text(15), "info_content": text(32)})
TRANSFER = shape(
    {
        "appid": text(32),
        "out_bill_no": text(32, characters="0-9A-Za-z"),
        "transfer_scene_id": text(36),
        "openid": text(64),
        "transfer_amount": integer(1),
        "transfer_remark": text(32),
    },
    {
        "transfer_scene_report_infos": list_of(_REPORT, maximum=10),
        "user_name": text(1024),
        "user_recv_perception": text(32),
        "notify_url": secure_notify_url,
    },
)


@dataclass(frozen=True)
class Fate:
    """What a fault has in store for a transfer at its creation."""

    is_stuck: bool = False
    is_overdue: bool = False
    fail_reason: str | None = None
    closes_as: str | None = None


def transfer(
    db: Connection, account: Account, body: Any, now: float, *, fate: Fate
) -> dict[str, Any]:
    """Accept a transfer, or answer the same again for the same number. Raises ApiError."""
    check(TRANSFER, body)
    body = _with_name_opened(account, body)
    earlier = find(db, account.mchid, body["out_bill_no"])
    if earlier is not None:
        if earlier["request"] != _canonical(body):
            raise ApiError("INVALID_REQUEST", "单号已存在但信息不一致")
        return _accepted(earlier)
    settings = flows.settings_of(db, account.mchid)
    _refuse_unfit(db, account, body, settings)
    return _accepted(_insert(db, account, body, settings, now=now, fate=fate))


def _canonical(body: dict[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False, sort_keys=True)


def _with_name_opened(account: Account, body: dict[str, Any]) -> dict[str, Any]:
    """Open the name: the same name is encrypted differently each time. Raises ApiError."""
    if "user_name" not in body:
        return body
    return body | {"user_name": opened(account, body["user_name"], "user_name")}


def _refuse_unfit(db: Connection, account: Account, body: dict[str, Any], settings: Row) -> None:
    if not is_bound(db, account, body["appid"]):
        raise ApiError("INVALID_REQUEST", "APPID不存在")
    owner = db.execute("SELECT appid FROM openids WHERE openid = ?", (body["openid"],)).fetchone()
    if owner is not None and owner["appid"] != body["appid"]:
        raise ApiError("INVALID_REQUEST", "openid与appid不匹配")
    if body["transfer_scene_id"] != _SCENE:
        raise ApiError("INVALID_REQUEST", "你尚未获取该转账场景")
    infos = body.get("transfer_scene_report_infos", [])
    if len(infos) != len(_REPORTED) or {one["info_type"] for one in infos} != _REPORTED:
        raise ApiError("PARAM_ERROR", "需传入转账场景报备信息")
    if body.get("user_recv_perception", _PERCEPTIONS[0]) not in _PERCEPTIONS:
        raise ApiError("INVALID_REQUEST", "暂不支持展示当前传入的用户收款感知")
    amount = body["transfer_amount"]
    if not settings["transfer_min_fen"] <= amount <= settings["transfer_max_fen"]:
        raise ApiError("INVALID_REQUEST", "超过单笔转账上下限，请核实产品设置")
    if amount >= NAMED_FROM_FEN and "user_name" not in body:
        raise ApiError("PARAM_ERROR", "转账金额大于等于2000元时，收款用户姓名必填")
    if amount < NAMELESS_BELOW_FEN and "user_name" in body:
        raise ApiError("PARAM_ERROR", "转账金额小于0.3元时，不支持传入收款用户姓名")


def _insert(
    db: Connection,
    account: Account,
    body: dict[str, Any],
    settings: Row,
    *,
    now: float,
    fate: Fate,
) -> Row:
    number = f"1330{account.mchid}{secrets.randbelow(10**18):018d}"
    state, next_state, next_reason, due_at = _first_step(settings, now, fate)
    flows.spend(
        db,
        account.mchid,
        body["transfer_amount"],
        kind=flows.TRANSFER,
        number=body["out_bill_no"],
        gateway_no=number,
        at=now,
        account=settings["transfers_from"],
        memo=body["transfer_remark"],
    )
    db.execute(
        "INSERT INTO transfers (mchid, appid, out_bill_no, transfer_bill_no, request, openid,"
        " transfer_fen, remark, notify_url, account, state, package_info, created_at, updated_at,"
        " next_state, next_reason, due_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            account.mchid,
            body["appid"],
            body["out_bill_no"],
            number,
            _canonical(body),
            body["openid"],
            body["transfer_amount"],
            body["transfer_remark"],
            body.get("notify_url"),
            settings["transfers_from"],
            state,
            f"ABBQO+{keys.random_text(96)}==",
            now,
            now,
            next_state,
            next_reason,
            due_at,
        ),
    )
    return known(db, account.mchid, body["out_bill_no"])


def _first_step(
    settings: Row, now: float, fate: Fate
) -> tuple[str, str | None, str | None, float | None]:
    """Return state, next state, its reason and when it is due, as a transfer begins."""
    if fate.is_stuck:
        return "PROCESSING", None, None, None
    if fate.fail_reason is not None:
        return "PROCESSING", "FAIL", fate.fail_reason, now + settings["transfer_delay_seconds"]
    closes_as = fate.closes_as or settings["transfer_closes_as"]
    reason = "OVERDUE_CLOSE" if closes_as == "FAIL" else None
    if settings["transfer_delay_seconds"] and not fate.is_overdue:
        due_at = now + settings["transfer_delay_seconds"]
        return "ACCEPTED", "WAIT_USER_CONFIRM", closes_as, due_at
    wait = 0 if fate.is_overdue else CONFIRM_SECONDS
    return "WAIT_USER_CONFIRM", closes_as, reason, now + wait


def _accepted(row: Row) -> dict[str, Any]:
    answer = {
        "out_bill_no": row["out_bill_no"],
        "transfer_bill_no": row["transfer_bill_no"],
        "create_time": rfc3339(row["created_at"]),
        "state": row["state"],
    }
    if row["state"] == "WAIT_USER_CONFIRM":
        answer["package_info"] = row["package_info"]
    return answer


def query(row: Row | None, now: float) -> dict[str, Any]:
    """Describe a transfer of the latest 30 days. Raises ApiError NOT_FOUND."""
    if row is None or now - row["created_at"] > QUERY_SECONDS:
        raise ApiError("NOT_FOUND", "记录不存在")
    return {"mch_id": row["mchid"], "appid": row["appid"], "transfer_remark": row["remark"]} | (
        told(row)
    )


def cancel(db: Connection, row: Row | None, now: float, *, ends_as: str) -> dict[str, Any]:
    """Begin to cancel a transfer the shopper has not confirmed; repeatable. Raises ApiError."""
    if row is None:
        raise ApiError("NOT_FOUND", "记录不存在")
    if row["state"] in _CANCELLABLE:
        delay = flows.settings_of(db, row["mchid"])["transfer_delay_seconds"]
        step(db, row, "CANCELING", now, next_state=ends_as, due_at=now + delay)
        row = known(db, row["mchid"], row["out_bill_no"])
    elif row["state"] not in {"CANCELING", "CANCELLED"}:
        raise ApiError("INVALID_REQUEST", "转账单当前状态不支持撤销")
    return {
        "out_bill_no": row["out_bill_no"],
        "transfer_bill_no": row["transfer_bill_no"],
        "state": row["state"],
        "update_time": rfc3339(row["updated_at"]),
    }
