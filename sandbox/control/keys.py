"""Merchants' keys: new ones beside the former, and the end of the former."""

from http import HTTPStatus
from typing import Any

from flask import Blueprint

from sandbox.accounts import APIV3, CERTIFICATE, MERCHANT, PUBLIC_KEY, Account, downloads
from sandbox.control.reading import Refused, body
from sandbox.gateway import Gateway, current_gateway
from sandbox.shapes import choice, list_of, shape
from sandbox.wechat.issuing import issue, retire

_ISSUE = shape(
    {"issue": list_of(choice(MERCHANT, PUBLIC_KEY, CERTIFICATE, APIV3), maximum=4)},
)


def register(control: Blueprint) -> None:
    """Add this part's endpoints."""
    control.add_url_rule("/accounts/<mchid>/keys", view_func=show_keys, methods=["GET"])
    control.add_url_rule("/accounts/<mchid>/keys", view_func=issue_keys, methods=["POST"])
    control.add_url_rule("/accounts/<mchid>/keys", view_func=retire_keys, methods=["DELETE"])


def show_keys(mchid: str) -> dict[str, Any]:
    """Show the newest keys, and the ids of all that are valid."""
    gateway = current_gateway()
    return _keys(gateway, _account(gateway, mchid))


def issue_keys(mchid: str) -> dict[str, Any]:
    """Issue new keys of the kinds named; the former ones stay valid."""
    given = body(_ISSUE)
    gateway = current_gateway()
    for kind in given["issue"]:
        issue(gateway.store, _account(gateway, mchid), kind)
        gateway.accounts.forget(mchid)
    return _keys(gateway, _account(gateway, mchid))


def retire_keys(mchid: str) -> dict[str, int]:
    """End the validity of all but the newest keys."""
    gateway = current_gateway()
    _account(gateway, mchid)
    with gateway.store.transaction() as db:
        retired = retire(db, mchid)
    gateway.accounts.forget(mchid)
    return {"retired": retired}


def _account(gateway: Gateway, mchid: str) -> Account:
    account = gateway.accounts.find(mchid)
    if account is None:
        raise Refused(f"no account {mchid}", HTTPStatus.NOT_FOUND)
    return account


def _keys(gateway: Gateway, account: Account) -> dict[str, Any]:
    return downloads(account, gateway.accounts.secret_of(account.appid)) | {
        "valid_merchant_serials": list(account.merchant_keys),
        "valid_platform_ids": list(account.platform_keys),
    }
