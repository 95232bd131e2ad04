"""A running sandbox and merchants that talk to it through the real SDK."""

import json
import secrets
import time
from dataclasses import dataclass
from typing import Any

import pytest
from wechatpayv3 import WeChatPay, WeChatPayType

from tests.sandbox.alipay import AlipayMerchant, open_alipay
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
class Merchant:
    """A merchant with the SDK in public-key mode, pointed at a sandbox."""

    server: SandboxServer
    keys: dict[str, Any]
    sdk: Any
    notify_url: str

    @property
    def mchid(self) -> str:
        return str(self.keys["mchid"])

    def order(self, **changes: Any) -> dict[str, Any]:
        """Write the parameters of a prepay call."""
        return {
            "description": "两人团：苹果 5 斤 🍎",
            "out_trade_no": secrets.token_hex(10),
            "amount": {"total": 1990, "currency": "CNY"},
            "payer": {"openid": f"o{secrets.token_hex(13)}"},
            "notify_url": self.notify_url,
            **changes,
        }

    def prepay(self, order: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Place an order."""
        return answer(self.sdk.pay(**order))

    def placed(self, **changes: Any) -> dict[str, Any]:
        """Place a new order; returns its parameters and prepay_id."""
        order = self.order(**changes)
        status, body = self.prepay(order)
        assert status == 200, body
        return order | body

    def paid(self, **changes: Any) -> dict[str, Any]:
        """Place a new order and pay it."""
        order = self.placed(**changes)
        self.server.post("/pay", prepay_id=order["prepay_id"])
        return order

    def refund(
        self, order: dict[str, Any], fen: int = 1990, **changes: Any
    ) -> tuple[int, dict[str, Any]]:
        """Ask for a refund."""
        request = {
            "out_refund_no": secrets.token_hex(10),
            "out_trade_no": order["out_trade_no"],
            "amount": {"refund": fen, "total": 1990, "currency": "CNY"},
            "notify_url": self.notify_url,
            **changes,
        }
        return answer(self.sdk.refund(**request))

    def query(self, order: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Ask for an order."""
        return answer(self.sdk.query(out_trade_no=order["out_trade_no"]))

    def close(self, order: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Close an order."""
        return answer(self.sdk.close(order["out_trade_no"]))

    def client_parameters(self, prepay_id: str) -> dict[str, str]:
        """Sign what the mini-program hands to `wx.requestPayment`."""
        at, nonce, package = str(int(time.time())), secrets.token_hex(8), f"prepay_id={prepay_id}"
        return {
            "appId": self.keys["appid"],
            "timeStamp": at,
            "nonceStr": nonce,
            "package": package,
            "signType": "RSA",
            "paySign": self.sdk.sign([self.keys["appid"], at, nonce, package]),
        }


def answer(result: tuple[int, Any]) -> tuple[int, dict[str, Any]]:
    """Read the SDK's (status, text)."""
    status, text = result
    return status, json.loads(text) if text else {}


def merchant_of(server: SandboxServer, keys: dict[str, Any], notify_url: str) -> Merchant:
    """Build the SDK for an account of a sandbox."""
    sdk = WeChatPay(
        WeChatPayType.MINIPROG,
        mchid=keys["mchid"],
        private_key=keys["merchant_private_key"],
        cert_serial_no=keys["merchant_serial"],
        appid=keys["appid"],
        apiv3_key=keys["apiv3_key"],
        public_key=keys["platform_public_key"],
        public_key_id=keys["platform_public_key_id"],
        timeout=(3, 10),
    )
    sdk._core._gate_way = server.url
    return Merchant(server, keys, sdk, notify_url)


@pytest.fixture(scope="session")
def shared_keys(shared_sandbox: SandboxServer) -> dict[str, Any]:
    """One account for all tests that look at single orders only: keys take long to make."""
    return shared_sandbox.open_account()


@pytest.fixture
def merchant(sandbox: SandboxServer, shared_keys: dict[str, Any], receiver: Receiver) -> Merchant:
    """A merchant of the shared sandbox, with a callback URL of its own."""
    return merchant_of(sandbox, shared_keys, receiver.new_url())


@pytest.fixture
def fresh_merchant(sandbox: SandboxServer, receiver: Receiver) -> Merchant:
    """A new merchant of the shared sandbox, for what looks at all orders or at the balance."""
    return merchant_of(sandbox, sandbox.open_account(), receiver.new_url())


@pytest.fixture
def own_merchant(own_sandbox: SandboxServer, receiver: Receiver) -> Merchant:
    """A merchant of a sandbox of its own."""
    return merchant_of(own_sandbox, own_sandbox.open_account(), receiver.new_url())


@pytest.fixture(scope="session")
def shared_alipay_keys(shared_sandbox: SandboxServer) -> dict[str, Any]:
    """One Alipay account for all tests that look at single trades only."""
    return open_alipay(shared_sandbox, "").keys


@pytest.fixture
def alipay(
    sandbox: SandboxServer, shared_alipay_keys: dict[str, Any], receiver: Receiver
) -> AlipayMerchant:
    """A seller of the shared sandbox, with a notification URL of its own that says success."""
    receiver.status = 200
    return AlipayMerchant(sandbox, shared_alipay_keys, receiver.new_url())


@pytest.fixture
def fresh_alipay(sandbox: SandboxServer, receiver: Receiver) -> AlipayMerchant:
    """A new seller of the shared sandbox, for what looks at the balance."""
    receiver.status = 200
    return open_alipay(sandbox, receiver.new_url())


@pytest.fixture
def own_alipay(own_sandbox: SandboxServer, receiver: Receiver) -> AlipayMerchant:
    """A seller of a sandbox of its own, for clocks."""
    receiver.status = 200
    return open_alipay(own_sandbox, receiver.new_url())
