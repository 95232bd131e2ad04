"""The mini-program's side: codes, consents, templates, and what was sent and uploaded."""

import json
from http import HTTPStatus
from sqlite3 import Connection
from typing import Any

from flask import Blueprint

from sandbox.clock import rfc3339
from sandbox.control.reading import Refused, body, page
from sandbox.gateway import Gateway, current_gateway
from sandbox.miniprogram import messages
from sandbox.miniprogram.logins import mint_codes
from sandbox.miniprogram.phones import mint_phone_code
from sandbox.shapes import integer, shape, text

_OPENID = text(128, characters=r"0-9A-Za-z_\-")
_CODES = shape({"appid": text(32)}, {"openid": _OPENID, "count": integer(1)})
_PHONE_CODE = shape(
    {"appid": text(32)},
    {
        "phone": text(15, minimum=5, characters="0-9"),
        "country_code": text(3, characters="0-9"),
    },
)
_TEMPLATE = shape(
    {"appid": text(32), "template_id": text(64), "keywords": messages.keywords},
)
_CONSENT = shape(
    {"appid": text(32), "openid": _OPENID, "template_id": text(64), "granted": integer(0)}
)
_SHIPPINGS = (
    "SELECT shippings.*, orders.mchid, orders.appid, orders.out_trade_no, orders.transaction_id"
    " FROM shippings JOIN orders ON orders.id = shippings.order_id"
)
_MOST_CODES = 10_000


def register(control: Blueprint) -> None:
    """Add this part's endpoints."""
    control.add_url_rule("/codes", view_func=mint, methods=["POST"])
    control.add_url_rule("/phone-codes", view_func=mint_phone, methods=["POST"])
    control.add_url_rule("/templates", view_func=add_template, methods=["POST"])
    control.add_url_rule("/consents", view_func=answer_consent, methods=["POST"])
    control.add_url_rule("/messages", view_func=list_messages, methods=["GET"])
    control.add_url_rule("/url-links", view_func=list_links, methods=["GET"])
    control.add_url_rule("/shippings", view_func=list_shippings, methods=["GET"])


def _known_app(gateway: Gateway, appid: str) -> str:
    if gateway.accounts.secret_of(appid) is None:
        raise Refused(f"no app {appid}", HTTPStatus.NOT_FOUND)
    return appid


def mint() -> dict[str, Any]:
    """Mint login codes: one, or `count` of them in `codes`."""
    given = body(_CODES)
    gateway = current_gateway()
    appid = _known_app(gateway, given["appid"])
    count = min(given.get("count", 1), _MOST_CODES)
    try:
        minted = mint_codes(gateway, appid, openid=given.get("openid"), count=count)
    except ValueError as problem:
        raise Refused(str(problem)) from None
    return {**minted[0], "codes": minted}


def mint_phone() -> dict[str, str]:
    """Mint a code for a telephone number, as the shopper's consent would."""
    given = body(_PHONE_CODE)
    gateway = current_gateway()
    return mint_phone_code(
        gateway,
        _known_app(gateway, given["appid"]),
        phone=given.get("phone"),
        country_code=given.get("country_code", "86"),
    )


def add_template() -> dict[str, Any]:
    """Add a message template to an app, as its owner does on the pages of the platform."""
    given = body(_TEMPLATE)
    gateway = current_gateway()
    appid = _known_app(gateway, given["appid"])
    messages.keep_template(gateway, appid, given["template_id"], list(given["keywords"]))
    return given


def answer_consent() -> dict[str, Any]:
    """Let a shopper agree to so many messages of a template, or (0) refuse them all."""
    given = body(_CONSENT)
    gateway = current_gateway()
    with gateway.store.transaction() as db:
        _refuse_unknown(db, given)
        remaining = messages.answer_consent(
            db, given["appid"], given["openid"], given["template_id"], granted=given["granted"]
        )
    return {**given, "remaining": remaining}


def _refuse_unknown(db: Connection, given: dict[str, Any]) -> None:
    if messages.find_template(db, given["appid"], given["template_id"]) is None:
        raise Refused(f"no template {given['template_id']}", HTTPStatus.NOT_FOUND)
    row = db.execute("SELECT appid FROM openids WHERE openid = ?", (given["openid"],)).fetchone()
    if row is None or row["appid"] != given["appid"]:
        raise Refused(f"no shopper {given['openid']}", HTTPStatus.NOT_FOUND)


def list_messages() -> dict[str, Any]:
    """List the messages that were sent, oldest first."""
    with current_gateway().store.snapshot() as db:
        rows, following = page(
            db, "SELECT * FROM messages", ("appid", "openid", "template_id", "lang")
        )
    items = [
        {
            "appid": row["appid"],
            "openid": row["openid"],
            "template_id": row["template_id"],
            "page": row["page"],
            "lang": row["lang"],
            "data": json.loads(row["data"]),
            "created_at": rfc3339(row["created_at"]),
        }
        for row in rows
    ]
    return {"items": items, "next": following}


def list_links() -> dict[str, Any]:
    """List the URL links that were made, oldest first."""
    with current_gateway().store.snapshot() as db:
        rows, following = page(db, "SELECT * FROM url_links", ("appid", "url_link", "path"))
    items = [
        {
            "url_link": row["url_link"],
            "appid": row["appid"],
            "path": row["path"],
            "query": row["query"],
            "created_at": rfc3339(row["created_at"]),
            "expires_at": rfc3339(row["expires_at"]),
        }
        for row in rows
    ]
    return {"items": items, "next": following}


def list_shippings() -> dict[str, Any]:
    """List what was uploaded, oldest first."""
    with current_gateway().store.snapshot() as db:
        rows, following = page(db, _SHIPPINGS, ("mchid", "appid", "out_trade_no", "transaction_id"))
    items = [
        {
            "mchid": row["mchid"],
            "appid": row["appid"],
            "out_trade_no": row["out_trade_no"],
            "transaction_id": row["transaction_id"],
            "is_complete": bool(row["is_complete"]),
            "upload_time": row["upload_time"],
            "created_at": rfc3339(row["created_at"]),
            **json.loads(row["content"]),
        }
        for row in rows
    ]
    return {"items": items, "next": following}
