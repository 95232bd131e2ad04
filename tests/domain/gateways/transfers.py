"""Transfers of a shop in tests: how one is asked for, and how the shopper's phone confirms it."""

import secrets
from dataclasses import replace
from typing import Any

import httpx

from domain.gateways.protocol import GatewayTransfer, TransferRequest
from domain.money import Fen
from tests.domain.gateways.conftest import Shop


def transfer_of(shop: Shop, **changes: Any) -> TransferRequest:
    """Write a transfer request."""
    request = TransferRequest(
        out_bill_no=secrets.token_hex(10),
        amount_fen=Fen(500),
        app_id=shop.keys["appid"],
        payee_id=f"o{secrets.token_hex(13)}",
        activity_name="两人团",
        reward_note="未成团补贴",
        remark="拼团补贴",
        notify_url=shop.notify_url,
    )
    return replace(request, **changes)


def asked(shop: Shop, **changes: Any) -> tuple[TransferRequest, GatewayTransfer]:
    """Ask for a transfer."""
    request = transfer_of(shop, **changes)
    return request, shop.provider.transfer(request)


def confirm(shop: Shop, request: TransferRequest, transfer: GatewayTransfer) -> httpx.Response:
    """Confirm a transfer on the shopper's phone, as the mini-program asks it to."""
    given = shop.provider.transfer_parameters(transfer.package_info or "", request.app_id)
    return shop.server.http.post("/shopper/transfer", json=given | {"openid": request.payee_id})


def fund(shop: Shop, **settings: Any) -> None:
    """Give a shop money to transfer, and change its account."""
    shop.server.post(f"/accounts/{shop.keys['mchid']}", **{"balance_fen": 10**8} | settings)
