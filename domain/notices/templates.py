"""Subscribe messages' templates: which one tells a notice, and what its keywords are filled with.

Templates are made on WeChat's pages, per mini-program, and named in `merchant_apps` by the key of a
notice: `{"group.formed": {"template_id", "page", "fields": {"thing1": "title", ...}}}`. A notice
without a template sends nothing.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session
from sqlalchemy.sql import bindparam

from domain.clock import SHANGHAI
from domain.money import yuan
from domain.notices.errors import NoMessagesThere, TemplatesInvalid
from domain.notices.telling import write_text
from domain.texts import Language

KEYS: Final = (
    "group.formed",
    "group.failed",
    "order.refunded",
    "order.expired",
    "order.bought",
    "order.led",
    "payment.returned",
    "grant.released",
    "grant.denied",
    "grant.matured",
    "reward.issued",
    "gift.issued",
    "coupon.expiring",
    "pass.expiring",
    "points.expiring",
    "withdrawal.awaiting",
    "withdrawal.paid",
    "withdrawal.returned",
)
SOURCES: Final = ("title", "text", "order", "refund", "subsidy", "amount", "time", "expires")
"""What a keyword may be filled with: of the notice, in yuan, an instant (`time`: its writing)."""

_KEYWORD = re.compile(
    r"(thing|character_string|amount|number|time|date|phrase)[0-9]{1,2}", re.ASCII
)
_PAGE = re.compile(r"[0-9A-Za-z_\-/]+(\?[0-9A-Za-z_\-=&{}]*)?", re.ASCII)
_PLACES: Final = {"order", "group", "withdrawal"}
_MOST: Final = {"thing": 20, "character_string": 32, "phrase": 5}
_EXPECTED_PAGE: Final = "a page; {order}, {group} and {withdrawal} may stand in it"
_NOTHING: Final = "-"


@dataclass(frozen=True, slots=True)
class Template:
    """One template: its id at WeChat, the page it opens, and its keywords' sources."""

    template_id: str
    page: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Message:
    """A notice as a template tells it."""

    template_id: str
    page: str
    data: dict[str, str]


def check_templates(given: Mapping[str, Any]) -> dict[str, Template]:
    """Read templates by key. Raises TemplatesInvalid with the place at fault."""
    return {key: _check(key, value) for key, value in given.items()}


def _check(key: str, given: Any) -> Template:
    if key not in KEYS:
        raise TemplatesInvalid(place=key, expected=", ".join(KEYS))
    if not isinstance(given, dict) or set(given) - {"template_id", "page", "fields"}:
        raise TemplatesInvalid(place=key, expected="template_id, page, fields")
    template_id, page, fields = (given.get(n) for n in ("template_id", "page", "fields"))
    if not isinstance(template_id, str) or not 1 <= len(template_id) <= 64:
        raise TemplatesInvalid(place=f"{key}.template_id", expected="a template's id")
    if not isinstance(page, str) or not _is_page(page):
        raise TemplatesInvalid(
            place=f"{key}.page", expected="a page; {order}, {group} and {withdrawal} stand in"
        )
    if not isinstance(fields, dict) or not fields:
        raise TemplatesInvalid(place=f"{key}.fields", expected="keywords and their sources")
    for keyword, source in fields.items():
        if not _KEYWORD.fullmatch(keyword) or source not in SOURCES:
            raise TemplatesInvalid(place=f"{key}.fields.{keyword}", expected=", ".join(SOURCES))
    return Template(template_id, page, fields)


def _is_page(page: str) -> bool:
    places = set(re.findall(r"\{(\w*)\}", page))
    is_closed = page.count("{") == page.count("}") == len(re.findall(r"\{\w*\}", page))
    return bool(_PAGE.fullmatch(page)) and is_closed and places <= _PLACES


def compose(
    template: Template,
    key: str,
    parameters: Mapping[str, Any],
    *,
    written_at: datetime,
    language: Language,
) -> Message:
    """Tell a notice by a template; texts are cut to what their keywords hold."""
    data = {
        keyword: _fill(keyword, _SAY[source](key, parameters, written_at, language))
        for keyword, source in template.fields.items()
    }
    places = {name: parameters.get(name) or "" for name in _PLACES}
    return Message(template.template_id, template.page.format_map(places), data)


def _fill(keyword: str, value: str) -> str:
    """Cut a value to what its keyword holds; none is empty, which WeChat refuses."""
    kind = keyword.rstrip("0123456789")
    most = _MOST.get(kind)
    if most is not None and len(value) > most:
        value = value[: most - 1] + "…" if kind == "thing" else value[:most]
    if kind == "amount" and value:
        value += "元"
    return value or _NOTHING


def _say_time(
    _key: str, _parameters: Mapping[str, Any], written_at: datetime, _language: Language
) -> str:
    return _say_instant(written_at)


def _say_expiry(
    _key: str, parameters: Mapping[str, Any], _written_at: datetime, _language: Language
) -> str:
    expires_at = parameters.get("expires_at")
    return "" if expires_at is None else _say_instant(datetime.fromisoformat(expires_at))


def _say_instant(instant: datetime) -> str:
    at = instant.astimezone(SHANGHAI)
    return f"{at.year}年{at.month}月{at.day}日 {at:%H:%M}"


def _parameter(name: str) -> Callable[..., str]:
    return lambda _key, parameters, *_: str(parameters.get(name) or "")


def _money(name: str) -> Callable[..., str]:
    def say(_key: str, parameters: Mapping[str, Any], *_: object) -> str:
        amount_fen = parameters.get(f"{name}_fen")
        return "" if amount_fen is None else yuan(amount_fen)

    return say


_SAY: Final[Mapping[str, Callable[..., str]]] = {
    "title": _parameter("title"),
    "order": _parameter("order"),
    "text": lambda key, parameters, _at, language: write_text(key, parameters, language),
    "refund": _money("refund"),
    "subsidy": _money("subsidy"),
    "amount": _money("amount"),
    "time": _say_time,
    "expires": _say_expiry,
}

_KEEP = text(
    """
    UPDATE merchant_apps SET message_templates = :templates
    WHERE app_id = :app_id AND platform = 'wechat'
    RETURNING app_id
    """
).bindparams(bindparam("templates", type_=JSONB))
_SHOW = text(
    "SELECT message_templates FROM merchant_apps WHERE app_id = :app_id AND platform = 'wechat'"
)


def keep_templates(session: Session, app_id: str, templates: Mapping[str, Template]) -> None:
    """Set a mini-program's templates in place of the earlier ones. Raises NoMessagesThere."""
    values = {
        key: {
            "template_id": template.template_id,
            "page": template.page,
            "fields": dict(template.fields),
        }
        for key, template in templates.items()
    }
    kept = session.execute(_KEEP, {"app_id": app_id, "templates": values})
    if kept.scalar_one_or_none() is None:
        raise NoMessagesThere


def show_templates(session: Session, app_id: str) -> dict[str, Any]:
    """Return a mini-program's templates by key. Raises NoMessagesThere."""
    kept: dict[str, Any] | None = session.execute(_SHOW, {"app_id": app_id}).scalar_one_or_none()
    if kept is None:
        raise NoMessagesThere
    return kept
