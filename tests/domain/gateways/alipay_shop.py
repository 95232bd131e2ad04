"""The product's side of Alipay, pointed at a running sandbox."""

import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.gateways import GatewayCredentials, PaymentProvider, provider_for
from domain.gateways.protocol import PrepayRequest, RefundRequest, TransferRequest
from domain.money import Fen
from tests.domain.gateways.conftest import config_of
from tests.sandbox_server import SandboxServer


@dataclass
class AlipayShop:
    """One seller's provider, the account it belongs to, and its callback URL."""

    server: SandboxServer
    keys: dict[str, Any]
    credentials: GatewayCredentials
    provider: PaymentProvider
    notify_url: str

    @property
    def seller_id(self) -> str:
        return str(self.keys["seller_id"])

    def request(self, **changes: Any) -> PrepayRequest:
        """Write a prepay request."""
        request = PrepayRequest(
            out_trade_no=secrets.token_hex(10),
            description="两人团：苹果 5 斤 {红} 🍎",
            amount_fen=Fen(1990),
            app_id=self.keys["app_id"],
            payer_id=f"0{secrets.token_hex(13)}",
            notify_url=self.notify_url,
            expires_at=datetime.now(UTC) + timedelta(days=10),
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
        self.server.post("/alipay/pay", out_trade_no=request.out_trade_no, seller_id=self.seller_id)
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

    def transfer(self, **changes: Any) -> TransferRequest:
        """Write a transfer request."""
        request = TransferRequest(
            out_bill_no=secrets.token_hex(10),
            amount_fen=Fen(188),
            app_id=self.keys["app_id"],
            payee_id=f"0{secrets.token_hex(13)}",
            activity_name="拼团补贴",
            reward_note="未成团补贴",
            remark="补贴",
            notify_url=self.notify_url,
        )
        return replace(request, **changes)

    def fund(self, fen: int) -> None:
        """Set the balance."""
        self.server.post(f"/alipay/accounts/{self.seller_id}", balance_fen=fen)

    def fault(self, name: str, **options: Any) -> None:
        """Put a fault in force for this seller."""
        self.server.fault(name, mchid=self.seller_id, **options)


def open_keys(server: SandboxServer) -> dict[str, Any]:
    """Open an account of an application of its own."""
    return server.post("/alipay/accounts", app_id=f"2021{secrets.randbelow(10**12):012d}")


def alipay_credentials(keys: dict[str, Any]) -> GatewayCredentials:
    """Read what the sandbox gives a merchant to download."""
    return GatewayCredentials(
        gateway="alipay",
        mch_no=keys["seller_id"],
        app_id=keys["app_id"],
        merchant_private_key_pem=keys["app_private_key"],
        merchant_certificate_pem=keys["app_certificate"],
        platform_certificate_pem=keys["alipay_certificate"],
        root_certificate_pem=keys["root_certificate"],
    )


def alipay_shop_of(server: SandboxServer, keys: dict[str, Any], notify_url: str) -> AlipayShop:
    """Build the provider of an account."""
    credentials = alipay_credentials(keys)
    provider = provider_for(credentials, config=config_of(server))
    return AlipayShop(server, keys, credentials, provider, notify_url)
