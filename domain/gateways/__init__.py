"""Payment gateways: one protocol, one provider per merchant account."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import astuple

from domain.config import Settings, settings
from domain.gateways import alipay_sdk, wechat_sdk
from domain.gateways.alipay import AlipayPayments
from domain.gateways.protocol import GatewayCredentials, PaymentProvider
from domain.gateways.wechat import WeChatPayments

__all__ = ["GatewayCredentials", "PaymentProvider", "provider_for"]

_KEPT = 512
_lock = threading.Lock()
_providers: OrderedDict[str, PaymentProvider] = OrderedDict()


def provider_for(
    credentials: GatewayCredentials,
    *,
    former: GatewayCredentials | None = None,
    app_ids: Sequence[str] = (),
    config: Settings | None = None,
) -> PaymentProvider:
    """Return the provider of a gateway account; kept in the process, as loading keys is slow.

    `former` are the keys before a rotation: requests go out with `credentials`, and what the
    gateway still signs or encrypts with the former ones is understood too. `app_ids` are the
    merchant's mini-programs beside the account's own, sorted. Raises ValueError for an unknown
    gateway or a host that is not allowed.
    """
    config = config or settings()
    key = _fingerprint(credentials, former, app_ids, config)
    with _lock:
        if key in _providers:
            _providers.move_to_end(key)
            return _providers[key]
    provider = _build(credentials, former, app_ids, config)
    with _lock:
        _providers[key] = provider
        while len(_providers) > _KEPT:
            _providers.popitem(last=False)
    return provider


def _build(
    credentials: GatewayCredentials,
    former: GatewayCredentials | None,
    app_ids: Sequence[str],
    config: Settings,
) -> PaymentProvider:
    if credentials.gateway == "wechat":
        sdk = wechat_sdk.build_sdk(credentials, config, former=former)
        return WeChatPayments(credentials, sdk, app_ids)
    if credentials.gateway == "alipay":
        return AlipayPayments(credentials, alipay_sdk.build_sdk(credentials, config, former=former))
    raise ValueError(f"no gateway {credentials.gateway!r}")


def _fingerprint(
    credentials: GatewayCredentials,
    former: GatewayCredentials | None,
    app_ids: Sequence[str],
    config: Settings,
) -> str:
    """Name credentials without keeping the keys themselves as a dictionary's keys."""
    parts = (
        *astuple(credentials),
        *(astuple(former) if former else ("",)),
        config.environment,
        config.wechatpay_base_url,
        config.alipay_base_url,
        *app_ids,
    )
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()
