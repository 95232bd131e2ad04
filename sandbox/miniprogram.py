"""The mini-program's server API: code2Session with single-use login codes."""

import secrets
from collections.abc import Mapping
from sqlite3 import Connection
from typing import Any

from flask import Blueprint, Response, jsonify, request

from sandbox import keys
from sandbox.faults import Fault
from sandbox.gateway import Gateway, current_gateway
from sandbox.wechat.views import dropped, pause

miniprogram = Blueprint("miniprogram", __name__)

_FIELDS = ("appid", "secret", "js_code", "grant_type")


class _LoginRefused(Exception):
    def __init__(self, code: int, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(message)


def mint_codes(
    gateway: Gateway, appid: str, *, openid: str | None, count: int
) -> list[dict[str, str]]:
    """Mint login codes as `wx.login` would: all of one shopper, or each of a new one.

    Raises ValueError if the openid is another app's.
    """
    minted = [
        {"code": f"0{keys.random_text(31)}", "openid": openid or f"o{keys.random_text(27)}"}
        for _ in range(count)
    ]
    with gateway.store.transaction() as db:
        for one in minted:
            _remember_openid(db, appid, one["openid"])
            db.execute(
                "INSERT INTO codes (code, appid, openid) VALUES (?, ?, ?)",
                (one["code"], appid, one["openid"]),
            )
    return minted


def _remember_openid(db: Connection, appid: str, openid: str) -> None:
    db.execute("INSERT OR IGNORE INTO openids (openid, appid) VALUES (?, ?)", (openid, appid))
    row = db.execute("SELECT appid FROM openids WHERE openid = ?", (openid,)).fetchone()
    if row["appid"] != appid:
        raise ValueError(f"{openid} belongs to {row['appid']}")


@miniprogram.get("/sns/jscode2session")
def code_to_session() -> Response:
    """Trade a login code for the shopper's openid; an error is a 200 with `errcode`."""
    faults = current_gateway().faults.draw("code2session", None)
    answer: dict[str, Any] | None
    try:
        answer = _strike(faults)
    except _LoginRefused as problem:
        answer = {"errcode": problem.code, "errmsg": problem.message}
    return dropped() if answer is None else jsonify(answer)


def _strike(faults: Mapping[str, Fault]) -> dict[str, Any] | None:
    """Redeem the code between the faults; None is a connection that goes away."""
    pause(faults, "latency")
    if "drop_before" in faults:
        return None
    if "error_before" in faults:
        raise _LoginRefused(-1, "system error")
    if "frequency_limited" in faults:
        raise _LoginRefused(45011, "api minute-quota reach limit")
    answer = _redeem(current_gateway())
    pause(faults, "latency_after")
    if "error_after" in faults:
        raise _LoginRefused(-1, "system error")
    return None if "drop_after" in faults else answer


def _redeem(gateway: Gateway) -> dict[str, Any]:
    given = {name: request.args.get(name, "") for name in _FIELDS}
    secret = gateway.accounts.secret_of(given["appid"])
    if secret is None:
        raise _LoginRefused(40013, "invalid appid")
    if not secrets.compare_digest(secret.encode(), given["secret"].encode()):
        raise _LoginRefused(40125, "invalid appsecret")
    if given["grant_type"] != "authorization_code":
        raise _LoginRefused(40002, "invalid grant_type")
    if not given["js_code"]:
        raise _LoginRefused(41008, "missing code")
    with gateway.store.transaction() as db:
        openid = _use(db, given["appid"], given["js_code"], gateway.clock.now())
    return {"session_key": f"{keys.random_text(22)}==", "openid": openid}


def _use(db: Connection, appid: str, code: str, now: float) -> str:
    row = db.execute(
        "SELECT openid, used_at FROM codes WHERE code = ? AND appid = ?", (code, appid)
    ).fetchone()
    if row is None:
        raise _LoginRefused(40029, "invalid code")
    if row["used_at"] is not None:
        raise _LoginRefused(40163, "code been used")
    db.execute("UPDATE codes SET used_at = ? WHERE code = ?", (now, code))
    return str(row["openid"])
