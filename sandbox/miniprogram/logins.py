"""Login codes: minted as `wx.login` would, traded once for an openid."""

import secrets
from collections.abc import Mapping
from sqlite3 import Connection
from typing import Any

from sandbox import keys
from sandbox.gateway import Gateway
from sandbox.miniprogram.errors import ErrCode


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


def check_secret(gateway: Gateway, appid: str, secret: str) -> None:
    """Check an app's secret. Raises ErrCode."""
    known = gateway.accounts.secret_of(appid)
    if known is None:
        raise ErrCode(40013)
    if not secrets.compare_digest(known.encode(), secret.encode()):
        raise ErrCode(40125)


def redeem(gateway: Gateway, given: Mapping[str, str]) -> dict[str, Any]:
    """Trade a login code for the shopper's openid. Raises ErrCode."""
    check_secret(gateway, given["appid"], given["secret"])
    if given["grant_type"] != "authorization_code":
        raise ErrCode(40002)
    if not given["js_code"]:
        raise ErrCode(41008)
    with gateway.store.transaction() as db:
        openid = _use(db, given["appid"], given["js_code"], gateway.clock.now())
    return {"session_key": f"{keys.random_text(22)}==", "openid": openid}


def _use(db: Connection, appid: str, code: str, now: float) -> str:
    row = db.execute(
        "SELECT openid, used_at FROM codes WHERE code = ? AND appid = ?", (code, appid)
    ).fetchone()
    if row is None:
        raise ErrCode(40029)
    if row["used_at"] is not None:
        raise ErrCode(40163)
    db.execute("UPDATE codes SET used_at = ? WHERE code = ?", (now, code))
    return str(row["openid"])
