"""The SDK's one factory: hosts, private attributes, connections, the provider's cache."""

import importlib.metadata
import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from wechatpayv3 import WeChatPay, core

from domain.config import WECHATPAY_OFFICIAL, settings
from domain.gateways import provider_for
from domain.gateways.keep_alive import KeepAlive
from domain.gateways.wechat_sdk import TIMEOUT_SECONDS, build_sdk
from tests.domain.gateways.conftest import Shop, config_of
from tests.sandbox_server import Receiver


def test_canary_private_attributes_of_the_sdk_are_what_we_set(shop: Shop) -> None:
    assert importlib.metadata.version("wechatpayv3") == "2.0.4"
    client: Any = build_sdk(shop.credentials, config_of(shop.server)).client

    private = vars(client._core)

    assert private["_gate_way"] == shop.server.url
    assert private["_timeout"] == TIMEOUT_SECONDS == (3, 10)
    assert private["_certificates"] == []
    assert private["_public_key_id"] == shop.credentials.platform_public_key_id
    for name in ("_update_certificates", "_verify_signature", "request"):
        assert callable(getattr(core.Core, name))
    names = core.Core.request.__code__.co_names
    assert {"requests", "get", "post", "_gate_way", "_timeout", "_verify_signature"} <= set(names)
    assert isinstance(vars(core)["requests"], KeepAlive)


def test_canary_the_sdk_verifies_and_encrypts_with_what_we_set(shop: Shop) -> None:
    sdk = build_sdk(shop.credentials, config_of(shop.server))

    assert vars(sdk.client._core)["_verify_signature"] == sdk.is_signed
    assert "_verify_signature" in core.Core.decrypt_callback.__code__.co_names
    assert {"_public_key_id", "_public_key"} <= set(core.Core.encrypt.__code__.co_names)
    assert {"_core", "_gate_way", "request"} <= set(WeChatPay.download_bill.__code__.co_names)


def test_calls_share_one_connection(shop: Shop, receiver: Receiver) -> None:
    transport = KeepAlive()
    before = receiver.connections

    for _ in range(5):
        transport.post(f"{receiver.url}/keep", json={}, timeout=(3, 10))

    assert receiver.connections - before == 1


def test_each_thread_has_a_connection_of_its_own(receiver: Receiver) -> None:
    transport = KeepAlive()
    barrier = threading.Barrier(4)
    before = receiver.connections

    def post_twice(_: int) -> None:
        barrier.wait(10)
        for _ in range(2):
            transport.post(f"{receiver.url}/threads", json={}, timeout=(3, 10))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(post_twice, range(4)))

    assert receiver.connections - before == 4


def post_from_child(transport: KeepAlive, url: str) -> None:
    transport.post(url, json={}, timeout=(3, 10))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_forked_child_does_not_share_its_parents_connection(receiver: Receiver) -> None:
    transport = KeepAlive()
    url = f"{receiver.url}/forked"
    transport.post(url, json={}, timeout=(3, 10))
    before = receiver.connections

    child = multiprocessing.get_context("fork").Process(
        target=post_from_child, args=(transport, url)
    )
    child.start()
    child.join(20)

    assert child.exitcode == 0
    assert receiver.connections - before == 1


def test_redirect_is_not_followed(shop: Shop, receiver: Receiver) -> None:
    receiver.status = 307

    answer = KeepAlive().post(f"{receiver.url}/redirect", json={}, timeout=(3, 10))

    assert answer.status_code == 307


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8600",
        "http://api.mch.weixin.qq.com",
        "https://api.mch.weixin.qq.com.evil.example",
        "https://api.mch.weixin.qq.com@evil.example",
        "https://api.mch.weixin.qq.com:8443",
    ],
)
def test_production_asks_nobody_but_the_official_host(shop: Shop, url: str) -> None:
    config = replace(settings(), environment="production", wechatpay_base_url=url)

    with pytest.raises(ValueError, match="is not"):
        provider_for(shop.credentials, config=config)


@pytest.mark.parametrize("url", [WECHATPAY_OFFICIAL, f"{WECHATPAY_OFFICIAL}/"])
def test_production_asks_the_official_host(shop: Shop, url: str) -> None:
    config = replace(settings(), environment="production", wechatpay_base_url=url)

    sdk = build_sdk(shop.credentials, config)

    assert sdk.client._core._gate_way == WECHATPAY_OFFICIAL


def test_development_still_needs_a_url(shop: Shop) -> None:
    config = replace(config_of(shop.server), wechatpay_base_url="ftp://sandbox")

    with pytest.raises(ValueError, match="http or https"):
        provider_for(shop.credentials, config=config)


def test_provider_is_kept_by_its_credentials(shop: Shop) -> None:
    config = config_of(shop.server)
    changed = replace(shop.credentials, apiv3_key="0" * 32)

    with ThreadPoolExecutor(8) as pool:
        providers = list(
            pool.map(lambda _: provider_for(replace(shop.credentials), config=config), range(16))
        )

    assert {id(one) for one in providers} == {id(shop.provider)}
    assert provider_for(changed, config=config) is not shop.provider
    assert provider_for(shop.credentials, app_ids=["wx2"], config=config) is not shop.provider


def test_unknown_gateway_is_refused(shop: Shop) -> None:
    with pytest.raises(ValueError, match="no gateway"):
        provider_for(replace(shop.credentials, gateway="cash"), config=config_of(shop.server))


def test_keys_do_not_show_in_logs(shop: Shop) -> None:
    shown = repr(shop.credentials)

    assert "PRIVATE KEY" not in shown
    assert shop.credentials.apiv3_key not in shown
