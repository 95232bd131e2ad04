"""A running sandbox and merchants that talk to it through the real SDK."""

import json
import secrets
import time
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from wechatpayv3 import WeChatPay, WeChatPayType
from wechatpayv3.type import RequestType

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

    def transfer_request(self, **changes: Any) -> dict[str, Any]:
        """Write the body of a transfer."""
        return {
            "appid": self.keys["appid"],
            "out_bill_no": secrets.token_hex(10),
            "transfer_scene_id": "1000",
            "openid": f"o{secrets.token_hex(13)}",
            "transfer_amount": 500,
            "transfer_remark": "拼团补贴",
            "user_recv_perception": "现金奖励",
            "transfer_scene_report_infos": [
                {"info_type": "活动名称", "info_content": "两人团"},
                {"info_type": "奖励说明", "info_content": "未成团补贴"},
            ],
            "notify_url": self.notify_url,
            **changes,
        }

    def transfer(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Ask for a transfer."""
        return self.call("POST", "/v3/fund-app/mch-transfer/transfer-bills", request)

    def transferred(self, **changes: Any) -> dict[str, Any]:
        """Place a new transfer; returns its parameters and the answer."""
        request = self.transfer_request(**changes)
        status, body = self.transfer(request)
        assert status == 200, body
        return request | body

    def query_transfer(self, transfer: dict[str, Any]) -> dict[str, Any]:
        """Ask for a transfer."""
        status, body = answer(self.sdk.mch_transfer_bills_query(transfer["out_bill_no"]))
        assert status == 200, body
        return body

    def confirm(self, transfer: dict[str, Any], **changes: Any) -> httpx.Response:
        """Confirm a transfer on the shopper's phone."""
        given = {
            "mchId": self.mchid,
            "appId": transfer["appid"],
            "package": transfer["package_info"],
            "openid": transfer["openid"],
        }
        return self.server.http.post("/shopper/transfer", json=given | changes)

    def call(
        self, method: str, path: str, body: dict[str, Any] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Make any signed call."""
        return answer(self.sdk._core.request(path, method=RequestType[method], data=body))

    def balance(self) -> int:
        """Look at the basic account."""
        return int(self.server.get(f"/accounts/{self.mchid}")["balance_fen"])

    def set(self, **settings: Any) -> dict[str, Any]:
        """Change the account."""
        return self.server.post(f"/accounts/{self.mchid}", **settings)

    def fault(self, name: str, **options: Any) -> dict[str, Any]:
        """Put a fault in force for this merchant."""
        return self.server.fault(name, mchid=self.mchid, **options)

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
def funded(fresh_merchant: Merchant) -> Merchant:
    """A new merchant with 1,000 yuan."""
    fresh_merchant.set(balance_fen=100_000)
    return fresh_merchant


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
