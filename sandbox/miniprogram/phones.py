"""Telephone numbers: a code from the shopper's consent, traded once within five minutes."""

import secrets
import time
from typing import Any

from sandbox import keys
from sandbox.gateway import Gateway
from sandbox.miniprogram.errors import ErrCode, check
from sandbox.shapes import shape, text

CODE_LIFE_SECONDS = 300
_REQUEST = shape({"code": text(128)}, {"openid": text(128)})


def mint_phone_code(
    gateway: Gateway, appid: str, *, phone: str | None, country_code: str
) -> dict[str, str]:
    """Mint a code as the mini-program's button does when the shopper agrees."""
    code = keys.random_text(64)
    phone = phone or f"139{secrets.randbelow(10**8):08d}"
    with gateway.store.transaction() as db:
        db.execute(
            "INSERT INTO phone_codes (code, appid, phone, country_code, created_at)"
            " VALUES (?, ?, ?, ?, ?)",
            (code, appid, phone, country_code, gateway.clock.now()),
        )
    return {"code": code, "phone": phone, "country_code": country_code}


def phone_number(gateway: Gateway, appid: str, body: Any) -> dict[str, Any]:
    """Trade a code for the number. Raises ErrCode: used and too old are both 40029."""
    check(_REQUEST, body)
    now = gateway.clock.now()
    with gateway.store.transaction() as db:
        row = db.execute(
            "SELECT phone, country_code FROM phone_codes WHERE code = ? AND appid = ?"
            " AND used_at IS NULL AND created_at > ?",
            (body["code"], appid, now - CODE_LIFE_SECONDS),
        ).fetchone()
        if row is None:
            raise ErrCode(40029)
        db.execute("UPDATE phone_codes SET used_at = ? WHERE code = ?", (now, body["code"]))
    is_home = row["country_code"] == "86"
    return {
        "phone_info": {
            "phoneNumber": row["phone"] if is_home else f"+{row['country_code']}{row['phone']}",
            "purePhoneNumber": row["phone"],
            "countryCode": row["country_code"],
            "watermark": {"timestamp": int(time.time()), "appid": appid},
        }
    }
