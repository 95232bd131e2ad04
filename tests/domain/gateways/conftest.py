"""The product's side of a gateway, pointed at a running sandbox."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.config import Settings, settings
from domain.gateways import GatewayCredentials, PaymentProvider, provider_for
from domain.gateways.protocol import PrepayRequest, RefundRequest
from domain.money import Fen
from tests.sandbox_server import (
    Receiver,
    SandboxServer,
    own_sandbox,
    receiver,
    receiver_server,
    sandbox,
    shared_sandbox,
)

__all__ = ["own_sandbox", "receiver", "receiver_server", "sandbox", "shared_sandbox"]


@dataclass
class Shop:
    """One merchant's provider, the account it belongs to, and its callback URL."""

    server: SandboxServer
    keys: dict[str, Any]
    credentials: GatewayCredentials
    provider: PaymentProvider
    notify_url: str

    def request(self, **changes: Any) -> PrepayRequest:
        """Write a prepay request."""
        request = PrepayRequest(
            out_trade_no=secrets.token_hex(10),
            description="两人团：苹果 5 斤 🍎",
            amount_fen=Fen(1990),
            app_id=self.keys["appid"],
            payer_id=f"o{secrets.token_hex(13)}",
            notify_url=self.notify_url,
            expires_at=datetime.now(UTC) + timedelta(days=400),
        )
        return replace(request, **changes)

    def placed(self, **changes: Any) -> PrepayRequest:
        """Place an order."""
        request = self.request(**changes)
        self.provider.prepay(request)
        return request

    def paid(self, **changes: Any) -> PrepayRequest:
        """Place an order and pay it."""
        request = self.placed(**changes)
        self.server.post("/pay", out_trade_no=request.out_trade_no, mchid=self.keys["mchid"])
        return request

    def refund_of(self, order: PrepayRequest, **changes: Any) -> RefundRequest:
        """Write a refund request."""
        request = RefundRequest(
            out_refund_no=secrets.token_hex(10),
            out_trade_no=order.out_trade_no,
            amount_fen=order.amount_fen,
            total_fen=order.amount_fen,
            reason="未成团退款",
            notify_url=self.notify_url,
        )
        return replace(request, **changes)

    def fault(self, name: str, **options: Any) -> None:
        """Put a fault in force for this merchant."""
        self.server.fault(name, mchid=self.keys["mchid"], **options)


def credentials_of(keys: dict[str, Any]) -> GatewayCredentials:
    return GatewayCredentials(
        gateway="wechat",
        mch_no=keys["mchid"],
        app_id=keys["appid"],
        merchant_private_key_pem=keys["merchant_private_key"],
        merchant_serial=keys["merchant_serial"],
        platform_public_key_pem=keys["platform_public_key"],
        platform_public_key_id=keys["platform_public_key_id"],
        apiv3_key=keys["apiv3_key"],
    )


def config_of(server: SandboxServer) -> Settings:
    return replace(
        settings(),
        environment="development",
        wechatpay_base_url=server.url,
        weixin_base_url=server.url,
        alipay_base_url=f"{server.url}/gateway.do",
    )


def shop_of(server: SandboxServer, keys: dict[str, Any], notify_url: str) -> Shop:
    credentials = credentials_of(keys)
    provider = provider_for(credentials, config=config_of(server))
    return Shop(server, keys, credentials, provider, notify_url)


@pytest.fixture(scope="session")
def shared_keys(shared_sandbox: SandboxServer) -> dict[str, Any]:
    return shared_sandbox.open_account()


@pytest.fixture
def shop(sandbox: SandboxServer, shared_keys: dict[str, Any], receiver: Receiver) -> Shop:
    """A merchant of the shared sandbox."""
    return shop_of(sandbox, shared_keys, receiver.new_url())


@pytest.fixture
def fresh_shop(sandbox: SandboxServer, receiver: Receiver) -> Shop:
    """A new merchant, for tests of the balance."""
    return shop_of(sandbox, sandbox.open_account(), receiver.new_url())


@pytest.fixture
def own_shop(own_sandbox: SandboxServer, receiver: Receiver) -> Shop:
    """A merchant of a sandbox of its own, for clocks."""
    return shop_of(own_sandbox, own_sandbox.open_account(), receiver.new_url())


@pytest.fixture
def brief_timeout(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let this shop's calls time out after 0.3 seconds."""

    def shorten() -> None:
        core = shop.provider._sdk.client._core  # type: ignore[attr-defined]
        monkeypatch.setattr(core, "_timeout", (3, 0.3))

    return shorten
