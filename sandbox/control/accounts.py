"""Merchant accounts and their funds."""

from http import HTTPStatus
from typing import Any

from flask import Blueprint

from sandbox.accounts import downloads
from sandbox.control.reading import Refused, body
from sandbox.gateway import Gateway, current_gateway
from sandbox.shapes import flag, integer, number, shape, text

_ACCOUNT = shape(
    {"appid": text(32, characters="0-9A-Za-z_")}, {"mchid": text(32, characters="0-9")}
)
_APP = shape({"appid": text(32, characters="0-9A-Za-z_")})
_FUNDS = shape(
    {},
    {
        "balance_fen": integer(-(10**15)),
        "is_unlimited": flag,
        "refund_delay_seconds": number(0, 10**9),
    },
)


def register(control: Blueprint) -> None:
    """Add this part's endpoints."""
    control.add_url_rule("/accounts", view_func=open_account, methods=["POST"])
    control.add_url_rule("/accounts/<mchid>", view_func=set_funds, methods=["POST"])
    control.add_url_rule("/accounts/<mchid>", view_func=show_account, methods=["GET"])
    control.add_url_rule("/accounts/<mchid>/apps", view_func=bind_app, methods=["POST"])


def open_account() -> dict[str, Any]:
    """Open an account, or return it again, with all that a merchant would download."""
    given = body(_ACCOUNT)
    gateway = current_gateway()
    try:
        account = gateway.accounts.open(given["appid"], given.get("mchid"))
    except ValueError as problem:
        raise Refused(str(problem)) from None
    return downloads(account, gateway.accounts.secret_of(account.appid))


def bind_app(mchid: str) -> dict[str, Any]:
    """Bind another app to a merchant number, as its owner does on the merchant pages."""
    given = body(_APP)
    accounts = current_gateway().accounts
    if accounts.find(mchid) is None:
        raise Refused(f"no account {mchid}", HTTPStatus.NOT_FOUND)
    accounts.bind(mchid, given["appid"])
    secret = accounts.secret_of(given["appid"])
    return {"mchid": mchid, "appid": given["appid"], "app_secret": secret}


def show_account(mchid: str) -> dict[str, Any]:
    """Show an account's funds."""
    return _funds(current_gateway(), mchid)


def set_funds(mchid: str) -> dict[str, Any]:
    """Set the balance, or lift its limit, or set how long refunds take."""
    given = body(_FUNDS)
    gateway = current_gateway()
    with gateway.store.transaction() as db:
        db.execute(
            "UPDATE accounts SET balance_fen = ifnull(:balance_fen, balance_fen),"
            " is_unlimited = ifnull(:is_unlimited, is_unlimited),"
            " refund_delay_seconds = ifnull(:refund_delay_seconds, refund_delay_seconds)"
            " WHERE mchid = :mchid",
            {"balance_fen": None, "is_unlimited": None, "refund_delay_seconds": None}
            | given
            | {"mchid": mchid},
        )
    return _funds(gateway, mchid)


def _funds(gateway: Gateway, mchid: str) -> dict[str, Any]:
    with gateway.store.snapshot() as db:
        row = db.execute(
            "SELECT mchid, appid, balance_fen, is_unlimited, refund_delay_seconds FROM accounts"
            " WHERE mchid = ?",
            (mchid,),
        ).fetchone()
    if row is None:
        raise Refused(f"no account {mchid}", HTTPStatus.NOT_FOUND)
    return {**row, "is_unlimited": bool(row["is_unlimited"])}
