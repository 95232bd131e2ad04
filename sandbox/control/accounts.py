"""Merchant accounts and their funds."""

import secrets
from http import HTTPStatus
from sqlite3 import Connection
from typing import Any

from flask import Blueprint

from sandbox.accounts import CERTIFICATE, PUBLIC_KEY, downloads
from sandbox.control.reading import Refused, body, page
from sandbox.gateway import Gateway, current_gateway
from sandbox.shapes import choice, flag, integer, number, optional, shape, text
from sandbox.wechat import flows
from sandbox.wechat.issuing import issue

_ACCOUNT = shape(
    {"appid": text(32, characters="0-9A-Za-z_")}, {"mchid": text(32, characters="0-9")}
)
_LIST = (
    "SELECT a.rowid AS id, a.mchid, a.appid, a.balance_fen, a.is_unlimited,"
    " a.refund_delay_seconds, ifnull(s.operation_fen, 0) AS operation_fen"
    " FROM accounts a LEFT JOIN wechat_settings s ON s.mchid = a.mchid"
)
_APP = shape({"appid": text(32, characters="0-9A-Za-z_")})
_FUNDS = {
    "balance_fen": integer(-(10**15)),
    "is_unlimited": flag,
    "refund_delay_seconds": number(0, 10**9),
}
_SETTINGS = {
    "operation_fen": integer(-(10**15)),
    "transfers_from": choice(flows.BASIC, flows.OPERATION),
    "transfer_min_fen": integer(1),
    "transfer_max_fen": integer(1),
    "transfer_daily_fen": optional(integer(1)),
    "transfer_delay_seconds": number(0, 10**9),
    "transfer_closes_as": choice("FAIL", "CANCELLED"),
    "refunds_per_second": optional(integer(1)),
    "transfers_per_second": optional(integer(1)),
    "signs_with": choice(PUBLIC_KEY, CERTIFICATE),
    "new_key_percent": optional(number(0, 100)),
}
_CHANGES = shape({}, _FUNDS | _SETTINGS)


def register(control: Blueprint) -> None:
    """Add this part's endpoints."""
    control.add_url_rule("/accounts", view_func=open_account, methods=["POST"])
    control.add_url_rule("/accounts", view_func=list_accounts, methods=["GET"])
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


def list_accounts() -> dict[str, Any]:
    """List the accounts with their funds, oldest first."""
    with current_gateway().store.snapshot() as db:
        rows, following = page(db, _LIST, ("mchid", "appid"))
    items = [
        {
            "mchid": row["mchid"],
            "appid": row["appid"],
            "balance_fen": row["balance_fen"],
            "operation_fen": row["operation_fen"],
            "is_unlimited": bool(row["is_unlimited"]),
            "refund_delay_seconds": row["refund_delay_seconds"],
        }
        for row in rows
    ]
    return {"items": items, "next": following}


def show_account(mchid: str) -> dict[str, Any]:
    """Show an account's funds."""
    return _funds(current_gateway(), mchid)


def set_funds(mchid: str) -> dict[str, Any]:
    """Change an account's balances and settings; a balance is a flow in the book, too."""
    given = body(_CHANGES)
    gateway = current_gateway()
    account = gateway.accounts.find(mchid)
    if account is None:
        raise Refused(f"no account {mchid}", HTTPStatus.NOT_FOUND)
    if given.get("signs_with") == CERTIFICATE and account.certificate is None:
        issue(gateway.store, account, CERTIFICATE)
    with gateway.store.transaction() as db:
        _top_up(db, mchid, given, gateway.clock.now())
        _change(db, "accounts", mchid, given, ("is_unlimited", "refund_delay_seconds"))
        _change(db, "wechat_settings", mchid, given, tuple(set(_SETTINGS) - {"operation_fen"}))
    gateway.accounts.forget(mchid)
    return _funds(gateway, mchid)


def _top_up(db: Connection, mchid: str, given: dict[str, Any], now: float) -> None:
    """Book what is missing to (or beyond) the balances that were asked for."""
    held = {
        flows.BASIC: db.execute(
            "SELECT balance_fen FROM accounts WHERE mchid = ?", (mchid,)
        ).fetchone()[0],
        flows.OPERATION: flows.settings_of(db, mchid)["operation_fen"],
    }
    for account, name in ((flows.BASIC, "balance_fen"), (flows.OPERATION, "operation_fen")):
        change = given.get(name, held[account]) - held[account]
        if change:
            flows.receive(
                db,
                mchid,
                change,
                kind=flows.TOP_UP,
                number="",
                gateway_no=f"10{secrets.randbelow(10**18):018d}",
                at=now,
                account=account,
            )


def _change(
    db: Connection, table: str, mchid: str, given: dict[str, Any], names: tuple[str, ...]
) -> None:
    for name in names:
        if name in given:
            db.execute(
                f"UPDATE {table} SET {name} = ? WHERE mchid = ?",  # noqa: S608
                (given[name], mchid),
            )


def _funds(gateway: Gateway, mchid: str) -> dict[str, Any]:
    with gateway.store.transaction() as db:
        row = db.execute(
            "SELECT mchid, appid, balance_fen, is_unlimited, refund_delay_seconds FROM accounts"
            " WHERE mchid = ?",
            (mchid,),
        ).fetchone()
        if row is None:
            raise Refused(f"no account {mchid}", HTTPStatus.NOT_FOUND)
        settings = flows.settings_of(db, mchid)
    return {**row, "is_unlimited": bool(row["is_unlimited"]), **settings}
