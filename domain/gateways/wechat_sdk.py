"""The one place that builds `wechatpayv3` and touches its private attributes.

Sync client only (its async one signs body-less POSTs wrongly). A platform certificate is handed to
the SDK as the public key it holds, under its serial: so certificate mode needs no network at
construction, and no deprecated property. Private attributes in use, watched by a canary test:
`core.requests`, `_core._gate_way`, `_core._update_certificates`, `_core._verify_signature`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import requests
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from wechatpayv3 import WeChatPay, core
from wechatpayv3.type import WeChatPayType

from domain.clock import real_now
from domain.config import WECHATPAY_OFFICIAL, Settings
from domain.gateways.hosts import allowed_base_url
from domain.gateways.keep_alive import KeepAlive
from domain.gateways.protocol import GatewayCredentials

TIMEOUT_SECONDS = (3, 10)
_SERIAL = "Wechatpay-Serial"
SIGNED_HEADERS = (
    "Wechatpay-Timestamp",
    "Wechatpay-Nonce",
    "Wechatpay-Signature",
    "Wechatpay-Signature-Type",
    _SERIAL,
)

_transport = KeepAlive()
_sdk_core: Any = core
_new_client: Any = WeChatPay


class PlatformKey:
    """What the gateway signs with: a public key under its id, or a certificate under its serial."""

    def __init__(
        self, key_id: str, pem: str, lifetime: tuple[datetime, datetime] | None = None
    ) -> None:
        self.key_id = key_id
        self.pem = pem
        self._lifetime = lifetime

    def fits(self, serial: str) -> bool:
        """Say whether an answer or a callback names this key, in force now."""
        if self._lifetime and not self._lifetime[0] <= real_now() <= self._lifetime[1]:
            return False
        return _canonical(serial) == _canonical(self.key_id)


class WeChatSdk:
    """A merchant's SDK clients: the first one asks, any of them knows the gateway's signature.

    More than one after a rotation of keys, and while public key and certificate are both in use.
    """

    def __init__(self, clients: Sequence[Any], keys: Sequence[PlatformKey], base_url: str) -> None:
        self.client = clients[0]
        self.base_url = base_url
        self._clients = clients
        self._verifiers = [
            (key, client._core._verify_signature) for key, client in zip(keys, clients, strict=True)
        ]
        for client in clients:
            client._core._gate_way = base_url
            client._core._update_certificates = _refuse_certificates
            client._core._verify_signature = self.is_signed

    def forget_answer(self) -> None:
        """Forget the latest answer of this thread."""
        _transport.forget_answer()

    def answer(self) -> requests.Response | None:
        """Return the answer this thread's latest call got, or None."""
        return _transport.answer()

    def is_signed(self, headers: Mapping[str, str], body: str) -> bool:
        """Say whether an answer or a callback is signed with a platform key of this merchant.

        The SDK's own check looks at 2xx only, knows one key, and raises on serials of others.
        """
        named = {name: headers.get(name, "") for name in SIGNED_HEADERS}
        for key, verify in self._verifiers:
            if key.fits(named[_SERIAL]):
                try:
                    return bool(verify({**named, _SERIAL: key.key_id}, body))
                except Exception:
                    return False
        return False

    def open_callback(self, headers: Mapping[str, str], body: bytes) -> dict[str, Any] | None:
        """Verify and decrypt a callback with whichever set of keys fits; None if none does."""
        if not self.is_signed(headers, body.decode()):
            return None
        for client in self._clients:
            event = client.callback(headers, body)
            if isinstance(event, dict):
                return event
        return None


def build_sdk(
    credentials: GatewayCredentials,
    config: Settings,
    *,
    former: GatewayCredentials | None = None,
) -> WeChatSdk:
    """Build the SDK for one merchant account; reaches out to nobody.

    Requests go out with `credentials`; what was signed or encrypted with `former` is still read.
    Raises ValueError for a host that is not allowed or keys that are missing, and whatever the SDK
    raises for bad ones.
    """
    base_url = allowed_base_url(
        config.wechatpay_base_url, official=WECHATPAY_OFFICIAL, config=config
    )
    sets = [
        (each, key)
        for each in (credentials, former)
        if each is not None
        for key in _platform_keys(each)
    ]
    clients = [_client(each, key) for each, key in sets]
    _sdk_core.requests = _transport
    return WeChatSdk(clients, [key for _, key in sets], base_url)


def _client(credentials: GatewayCredentials, key: PlatformKey) -> Any:
    return _new_client(
        wechatpay_type=WeChatPayType.MINIPROG,
        mchid=credentials.mch_no,
        private_key=credentials.merchant_private_key_pem,
        cert_serial_no=credentials.merchant_serial,
        appid=credentials.app_id,
        apiv3_key=credentials.apiv3_key,
        public_key=key.pem,
        public_key_id=key.key_id,
        timeout=TIMEOUT_SECONDS,
    )


def _platform_keys(credentials: GatewayCredentials) -> list[PlatformKey]:
    """List what the gateway may sign with for these credentials; the public key comes first."""
    keys = []
    if credentials.platform_public_key_id:
        keys.append(
            PlatformKey(credentials.platform_public_key_id, credentials.platform_public_key_pem)
        )
    if credentials.platform_certificate_pem:
        keys.append(_of_certificate(credentials.platform_certificate_pem))
    if not keys:
        raise ValueError("neither a platform public key nor a platform certificate")
    return keys


def _of_certificate(pem: str) -> PlatformKey:
    certificate = x509.load_pem_x509_certificate(pem.encode())
    public = certificate.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    lifetime = (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    return PlatformKey(f"{certificate.serial_number:X}", public.decode(), lifetime)


def _canonical(serial: str) -> str:
    """Write serials alike: hexadecimal ones come in either case, with or without leading zeros."""
    return serial if serial.startswith("PUB_KEY_ID_") else serial.upper().lstrip("0")


def _refuse_certificates() -> None:
    """Stop the SDK from fetching certificates, unverified, whenever somebody names a serial."""
    raise LookupError("signed with a key that is not this merchant's platform key")
