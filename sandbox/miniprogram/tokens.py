"""Access tokens by the rules of the stable interface (getStableAccessToken).

A token lives two hours of the sandbox's clock. Asking again gives the same one until five minutes
before its end; then a new one, and both are good until the older ends. Forcing one ends the older
at once; within 30 seconds of the last forced one it changes nothing, and 20 a day are allowed.
"""

from sqlite3 import Connection, Row
from typing import Any

from sandbox import keys
from sandbox.gateway import Gateway
from sandbox.miniprogram.errors import ErrCode, check
from sandbox.miniprogram.logins import check_secret
from sandbox.shapes import flag, shape, text

LIFE_SECONDS = 7200
RENEWED_BEFORE_SECONDS = 300
FORCED_SPACING_SECONDS = 30
MOST_FORCED_A_DAY = 20
_DAY_SECONDS = 86400

_REQUEST = shape(
    {"grant_type": text(64), "appid": text(64), "secret": text(64)}, {"force_refresh": flag}
)


def stable_token(gateway: Gateway, body: Any) -> dict[str, Any]:
    """Give an app its token. Raises ErrCode."""
    if not isinstance(body, dict):
        raise ErrCode(47001)
    for name, code in (("appid", 41002), ("secret", 41004)):
        if not body.get(name):
            raise ErrCode(code)
    check(_REQUEST, body)
    check_secret(gateway, body["appid"], body["secret"])
    if body["grant_type"] != "client_credential":
        raise ErrCode(40002)
    now = gateway.clock.now()
    with gateway.store.transaction() as db:
        current = _current(db, body["appid"], now)
        if body.get("force_refresh"):
            row = _force(db, body["appid"], current, now)
        elif current is not None and current["expires_at"] - now > RENEWED_BEFORE_SECONDS:
            row = current
        else:
            row = _issue(db, body["appid"], now, is_forced=False)
    return {"access_token": row["token"], "expires_in": int(row["expires_at"] - now)}


def _current(db: Connection, appid: str, now: float) -> Row | None:
    row = db.execute(
        "SELECT * FROM tokens WHERE appid = ? AND is_revoked = 0 AND expires_at > ?"
        " ORDER BY id DESC LIMIT 1",
        (appid, now),
    ).fetchone()
    return row if isinstance(row, Row) else None


def _force(db: Connection, appid: str, current: Row | None, now: float) -> Row:
    forced = db.execute(
        "SELECT count(*) AS count, max(issued_at) AS latest_at FROM tokens"
        " WHERE appid = ? AND is_forced = 1 AND issued_at > ?",
        (appid, now - _DAY_SECONDS),
    ).fetchone()
    is_too_soon = forced["count"] and now - forced["latest_at"] < FORCED_SPACING_SECONDS
    if current is not None and is_too_soon:
        return current
    if forced["count"] >= MOST_FORCED_A_DAY:
        raise ErrCode(45009)
    db.execute("UPDATE tokens SET is_revoked = 1 WHERE appid = ?", (appid,))
    return _issue(db, appid, now, is_forced=True)


def _issue(db: Connection, appid: str, now: float, *, is_forced: bool) -> Row:
    token = f"{keys.random_text(3)}_{keys.random_text(130)}"
    db.execute(
        "INSERT INTO tokens (token, appid, issued_at, expires_at, is_forced)"
        " VALUES (?, ?, ?, ?, ?)",
        (token, appid, now, now + LIFE_SECONDS, is_forced),
    )
    row: Row = db.execute("SELECT * FROM tokens WHERE token = ?", (token,)).fetchone()
    return row


def app_of(gateway: Gateway, token: str) -> str:
    """Return the app whose token this is. Raises ErrCode."""
    if not token:
        raise ErrCode(41001)
    with gateway.store.snapshot() as db:
        row = db.execute("SELECT * FROM tokens WHERE token = ?", (token,)).fetchone()
    if row is None or row["is_revoked"]:
        raise ErrCode(40001)
    if row["expires_at"] <= gateway.clock.now():
        raise ErrCode(42001)
    return str(row["appid"])


def expire(gateway: Gateway, token: str) -> None:
    """End a token before its time."""
    with gateway.store.transaction() as db:
        db.execute(
            "UPDATE tokens SET expires_at = min(expires_at, ?) WHERE token = ?",
            (gateway.clock.now(), token),
        )
