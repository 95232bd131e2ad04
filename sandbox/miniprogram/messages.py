"""Subscribe messages: templates, one-shot consents, and what was sent."""

import json
import re
from sqlite3 import Connection, Row
from typing import Any

from sandbox.gateway import Gateway
from sandbox.miniprogram.errors import ErrCode, check
from sandbox.shapes import Misshapen, choice, shape, text

# How each kind of keyword may be filled in (the table of parameter limits in sendMessage).
_KINDS = {
    "thing": r".{1,20}",
    "number": r"\d{1,32}(\.\d+)?",
    "letter": r"[A-Za-z]{1,32}",
    "symbol": r"[^\w\s]{1,5}",
    "character_string": r"[!-~]{1,32}",
    "time": r"(\d{4}年\d{1,2}月\d{1,2}日 )?\d{1,2}:\d{2}(:\d{2})?",
    "date": r"\d{4}年\d{1,2}月\d{1,2}日( \d{1,2}:\d{2}(:\d{2})?)?",
    "amount": r"[¥$€£]?\d{1,10}(\.\d{1,2})?元?",
    "phone_number": r"[\d+\-]{1,17}",
    "car_number": r".{1,8}",
    "name": r"[一-鿿]{1,10}|[A-Za-z ]{1,20}",
    "phrase": r"[一-鿿]{1,5}",
}
KEYWORD = re.compile(rf"({'|'.join(_KINDS)})\d{{1,2}}")


def keywords(value: Any, path: str) -> None:
    """Accept an object of a message's keywords, or a list of their names."""
    if not isinstance(value, dict | list) or not value:
        raise Misshapen(path, "must name keywords")
    for name in value:
        if not isinstance(name, str) or not KEYWORD.fullmatch(name):
            raise Misshapen(path, f"{name} is no keyword such as thing1")


_REQUEST = shape(
    {"touser": text(128), "template_id": text(64), "data": keywords},
    {
        "page": text(1024, minimum=0),
        "miniprogram_state": choice("developer", "trial", "formal"),
        "lang": choice("zh_CN", "en_US", "zh_HK", "zh_TW"),
    },
)


def send(gateway: Gateway, appid: str, body: Any, *, is_refused: bool) -> dict[str, Any]:
    """Send a message, which uses up one consent. Raises ErrCode."""
    check(_REQUEST, body)
    with gateway.store.transaction() as db:
        _check_receiver(db, appid, body["touser"])
        template = find_template(db, appid, body["template_id"])
        if template is None:
            raise ErrCode(40037)
        _check_data(json.loads(template["keywords"]), body["data"])
        if is_refused or not _use_consent(db, appid, body):
            raise ErrCode(43101)
        db.execute(
            "INSERT INTO messages (appid, openid, template_id, page, lang, data, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                appid,
                body["touser"],
                body["template_id"],
                body.get("page", ""),
                body.get("lang", "zh_CN"),
                json.dumps({k: v["value"] for k, v in body["data"].items()}, ensure_ascii=False),
                gateway.clock.now(),
            ),
        )
    return {}


def _check_receiver(db: Connection, appid: str, openid: str) -> None:
    row = db.execute("SELECT appid FROM openids WHERE openid = ?", (openid,)).fetchone()
    if row is None or row["appid"] != appid:
        raise ErrCode(40003)


def find_template(db: Connection, appid: str, template_id: str) -> Row | None:
    """Return a template of an app."""
    row = db.execute(
        "SELECT * FROM templates WHERE appid = ? AND template_id = ?", (appid, template_id)
    ).fetchone()
    return row if isinstance(row, Row) else None


def _check_data(names: list[str], data: dict[str, Any]) -> None:
    """Check that exactly the template's keywords are filled in, each as its kind may be."""
    for name in {*names, *data}:
        value = data[name].get("value") if isinstance(data.get(name), dict) else None
        kind = name.rstrip("0123456789")
        is_good = (
            name in names
            and isinstance(value, str)
            and set(data[name]) == {"value"}
            and re.fullmatch(_KINDS[kind], value) is not None
        )
        if not is_good:
            raise ErrCode(47003, f"data.{name}.value invalid")


def _use_consent(db: Connection, appid: str, body: dict[str, Any]) -> bool:
    used = db.execute(
        "UPDATE consents SET remaining = remaining - 1"
        " WHERE appid = ? AND openid = ? AND template_id = ? AND remaining > 0",
        (appid, body["touser"], body["template_id"]),
    )
    return used.rowcount == 1


def keep_template(gateway: Gateway, appid: str, template_id: str, names: list[str]) -> None:
    """Add a template to an app, or change its keywords."""
    with gateway.store.transaction() as db:
        db.execute(
            "INSERT OR REPLACE INTO templates (appid, template_id, keywords) VALUES (?, ?, ?)",
            (appid, template_id, json.dumps(names)),
        )


def answer_consent(
    db: Connection, appid: str, openid: str, template_id: str, *, granted: int
) -> int:
    """Let a shopper answer: each grant is good for one message, 0 refuses all; returns the sum."""
    db.execute(
        "INSERT INTO consents (appid, openid, template_id, remaining) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (appid, openid, template_id) DO UPDATE SET"
        " remaining = CASE excluded.remaining WHEN 0 THEN 0"
        " ELSE remaining + excluded.remaining END",
        (appid, openid, template_id, granted),
    )
    row = db.execute(
        "SELECT remaining FROM consents WHERE appid = ? AND openid = ? AND template_id = ?",
        (appid, openid, template_id),
    ).fetchone()
    return int(row["remaining"])
