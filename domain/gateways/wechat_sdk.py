"""The one place that builds `wechatpayv3` and touches its private attributes.

Public-key mode, sync client (its async one signs body-less POSTs wrongly). Private attributes in
use, watched by a canary test: `core.requests`, `_core._gate_way`, `_core._update_certificates`,
`_core._verify_signature`.
"""

from collections.abc import Mapping
from typing import Any

import requests
from wechatpayv3 import WeChatPay, core
from wechatpayv3.type import WeChatPayType

from domain.config import WECHATPAY_OFFICIAL, Settings
from domain.gateways.hosts import allowed_base_url
from domain.gateways.keep_alive import KeepAlive
from domain.gateways.protocol import GatewayCredentials

TIMEOUT_SECONDS = (3, 10)

_transport = KeepAlive()
_sdk_core: Any = core
_new_client: Any = WeChatPay


class WeChatSdk:
    """A merchant's SDK client: its calls, and what the SDK leaves unchecked."""

    def __init__(self, client: Any, public_key_id: str) -> None:
        self.client = client
        self._public_key_id = public_key_id

    def forget_answer(self) -> None:
        """Forget the latest answer of this thread."""
        _transport.forget_answer()

    def answer(self) -> requests.Response | None:
        """Return the answer this thread's latest call got, or None."""
        return _transport.answer()

    def is_signed(self, headers: Mapping[str, str], body: str) -> bool:
        """Say whether an answer is signed by the platform key; the SDK looks at 2xx only."""
        if headers.get("Wechatpay-Serial") != self._public_key_id:
            return False
        try:
            return bool(self.client._core._verify_signature(headers, body))
        except Exception:
            return False


def build_sdk(credentials: GatewayCredentials, config: Settings) -> WeChatSdk:
    """Build the SDK for one merchant account; reaches out to nobody.

    Raises ValueError for a host that is not allowed, and whatever the SDK raises for bad keys.
    """
    base_url = allowed_base_url(
        config.wechatpay_base_url, official=WECHATPAY_OFFICIAL, config=config
    )
    client = _new_client(
        wechatpay_type=WeChatPayType.MINIPROG,
        mchid=credentials.mch_no,
        private_key=credentials.merchant_private_key_pem,
        cert_serial_no=credentials.merchant_serial,
        appid=credentials.app_id,
        apiv3_key=credentials.apiv3_key,
        public_key=credentials.platform_public_key_pem,
        public_key_id=credentials.platform_public_key_id,
        timeout=TIMEOUT_SECONDS,
    )
    client._core._gate_way = base_url
    client._core._update_certificates = _refuse_certificates
    _sdk_core.requests = _transport
    return WeChatSdk(client, credentials.platform_public_key_id)


def _refuse_certificates() -> None:
    """Stop the SDK from fetching certificates, unverified, whenever somebody names a serial."""
    raise LookupError("signed with a key that is not this merchant's platform key")
