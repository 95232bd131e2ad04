"""Logging in through the mini-program's server API."""

import logging
from dataclasses import replace

import pytest

from domain.config import settings
from domain.gateways.errors import (
    GatewayRejected,
    GatewayRetryable,
    GatewayUnknown,
    LoginCodeRefused,
)
from domain.gateways.miniprogram import code2session
from tests.domain.gateways.conftest import Shop, config_of


def login(shop: Shop, code: str, secret: str | None = None) -> str:
    return code2session(
        shop.keys["appid"],
        secret or shop.keys["app_secret"],
        code,
        config=config_of(shop.server),
    )


def mint(shop: Shop) -> dict[str, str]:
    minted: dict[str, str] = shop.server.post("/codes", appid=shop.keys["appid"])
    return minted


def test_code_gives_the_openid(shop: Shop) -> None:
    minted = mint(shop)

    assert login(shop, minted["code"]) == minted["openid"]


def test_used_code_is_refused(shop: Shop) -> None:
    minted = mint(shop)
    login(shop, minted["code"])

    with pytest.raises(LoginCodeRefused):
        login(shop, minted["code"])


def test_unknown_code_is_refused(shop: Shop) -> None:
    with pytest.raises(LoginCodeRefused):
        login(shop, "unknown")


def test_wrong_secret_is_rejected(shop: Shop) -> None:
    with pytest.raises(GatewayRejected) as caught:
        login(shop, mint(shop)["code"], secret="wrong")

    assert caught.value.details["gateway_code"] == "40125"


@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "error_before"])
def test_unclear_answer_is_unknown(shop: Shop, fault: str) -> None:
    shop.server.fault(fault, operation="code2session", count=1)

    with pytest.raises(GatewayUnknown):
        login(shop, mint(shop)["code"])


def test_quota_is_retryable(shop: Shop) -> None:
    minted = mint(shop)
    shop.server.fault("frequency_limited", operation="code2session", count=1)

    with pytest.raises(GatewayRetryable):
        login(shop, minted["code"])

    assert login(shop, minted["code"]) == minted["openid"]


def test_secret_and_code_show_nowhere(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    minted = mint(shop)
    shop.server.fault("drop_before", operation="code2session", count=1)

    with pytest.raises(GatewayUnknown) as caught:
        login(shop, minted["code"])
    login(shop, minted["code"])

    shown = caplog.text + repr(caught.value) + str(caught.value.details)
    assert shop.keys["app_secret"] not in shown
    assert minted["code"] not in shown
    assert caught.value.__cause__ is None


def test_production_asks_the_official_host_only(shop: Shop) -> None:
    config = replace(settings(), environment="production", weixin_base_url=shop.server.url)

    with pytest.raises(ValueError, match="is not"):
        code2session("wx", "secret", "code", config=config)
