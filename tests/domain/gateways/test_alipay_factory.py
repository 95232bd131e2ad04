"""Alipay's SDK: hosts, private attributes, connections, and answers it would misread."""

import importlib.metadata
import inspect
import warnings
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import alipay as sdk_module
import pytest

from domain.config import ALIPAY_OFFICIAL, settings
from domain.gateways import provider_for
from domain.gateways.alipay_answers import read_answer
from domain.gateways.alipay_certificates import certificate_number, root_number
from domain.gateways.alipay_sdk import UrlOpen, build_sdk
from domain.gateways.errors import GatewayUnknown, InvalidCallback
from domain.gateways.hosts import allowed_download_url
from domain.gateways.protocol import PaymentStatus
from tests.domain.gateways.alipay_fixtures import alipay, alipay_keys
from tests.domain.gateways.alipay_shop import AlipayShop, alipay_credentials, open_keys
from tests.domain.gateways.conftest import config_of
from tests.sandbox_server import Receiver

__all__ = ["alipay", "alipay_keys"]


def test_canary_private_attributes_of_the_sdk_are_what_we_set(alipay: AlipayShop) -> None:
    assert importlib.metadata.version("python-alipay-sdk") == "3.4.0"
    client: Any = build_sdk(alipay.credentials, config_of(alipay.server)).client

    private = vars(client)

    assert private["_gateway"] == f"{alipay.server.url}/gateway.do"
    assert private["_sign_type"] == "RSA2"
    assert client.app_cert_sn == private["_app_cert_sn"]
    assert client.alipay_root_cert_sn == private["_alipay_root_cert_sn"]
    assert isinstance(vars(sdk_module)["urlopen"], UrlOpen)
    base = sdk_module.BaseAliPay
    assert "urlopen" in base.verified_sync_response.__code__.co_names
    assert "_gateway" in base.verified_sync_response.__code__.co_names
    assert list(inspect.signature(base._verify).parameters) == ["self", "raw_content", "signature"]
    named = inspect.signature(base.server_api).parameters
    assert [one.kind.name for one in named.values()][-1] == "VAR_KEYWORD"
    body = client.build_body("m", {}, timestamp="2026-11-23 10:00:00")
    assert body["timestamp"] == "2026-11-23 10:00:00"
    assert body["app_cert_sn"] == client.app_cert_sn


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_certificates_are_numbered_as_the_sdk_numbers_them(alipay: AlipayShop) -> None:
    own, roots = alipay.keys["app_certificate"], alipay.keys["root_certificate"]

    assert certificate_number(own) == sdk_module.DCAliPay.get_cert_sn(own)
    assert root_number(roots) == sdk_module.DCAliPay.get_root_cert_sn(roots)
    assert roots.count("BEGIN CERTIFICATE") == 2


def test_building_warns_of_nothing(alipay: AlipayShop) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")

        assert build_sdk(alipay.credentials, config_of(alipay.server))


def test_roots_without_rsa_are_refused(alipay: AlipayShop) -> None:
    only_other = alipay.keys["root_certificate"].split("\n\n")[1]

    with pytest.raises(ValueError, match="RSA"):
        root_number(only_other)


def test_calls_share_one_connection_and_hide_their_words(receiver: Receiver) -> None:
    transport = UrlOpen()
    url = f"{receiver.url}/alipay-keep"
    receiver.status = 200
    before = receiver.connections

    for _ in range(5):
        transport.begin()
        assert transport(f"{url}?code=secret").read() == b"success"

    assert receiver.connections - before == 1
    assert {one.body for one in receiver.at(url)} == {b"code=secret"}


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8600/gateway.do",
        "http://openapi.alipay.com/gateway.do",
        "https://openapi.alipay.com.evil.example/gateway.do",
        "https://openapi.alipay.com/other.do",
        "https://openapi-sandbox.dl.alipaydev.com/gateway.do",
    ],
)
def test_production_asks_nobody_but_the_official_host(alipay: AlipayShop, url: str) -> None:
    config = replace(settings(), environment="production", alipay_base_url=url)

    with pytest.raises(ValueError, match="is not"):
        provider_for(alipay.credentials, config=config)


def test_production_asks_the_official_host(alipay: AlipayShop) -> None:
    config = replace(settings(), environment="production", alipay_base_url=ALIPAY_OFFICIAL)

    assert build_sdk(alipay.credentials, config).client._gateway == ALIPAY_OFFICIAL


@pytest.mark.parametrize(
    ("url", "in_development", "in_production"),
    [
        ("https://dwbillcenter.alipay.com/downloadBillFile.resource?x=1", True, True),
        ("http://dwbillcenter.alipay.com/x", False, False),
        ("https://alipay.com.evil.example/x", False, False),
        ("https://evilalipay.com/x", False, False),
        ("http://127.0.0.1:8600/x", True, False),
        ("http://127.0.0.1:5432/x", False, False),
    ],
)
def test_bills_come_from_alipay_only(
    url: str, *, in_development: bool, in_production: bool
) -> None:
    base = "http://127.0.0.1:8600/gateway.do"
    for environment, is_allowed in (("development", in_development), ("production", in_production)):
        config = replace(settings(), environment=environment, alipay_base_url=base)  # type: ignore[arg-type]

        if is_allowed:
            assert allowed_download_url(url, config=config) == url
        else:
            with pytest.raises(ValueError, match="not asked for"):
                allowed_download_url(url, config=config)


@pytest.mark.parametrize(
    ("text", "inner"),
    [
        ('{"alipay_trade_query_response":{"a":"}{"},"sign":"s"}', '{"a":"}{"}'),
        ('{"alipay_trade_query_response" : {"a":"\\/"} ,"sign":"s"}', '{"a":"\\/"}'),
        ('{"error_response":{"code":"40002"},"sign":"s"}', '{"code":"40002"}'),
        ('{"sign":"s","alipay_trade_query_response":{"a":"b"}}', None),
        ('{"alipay_trade_close_response":{"a":"b"},"sign":"s"}', None),
        ('{"alipay_trade_query_response":{"a":"b"}}', None),
        ('{"alipay_trade_query_response":"text","sign":"s"}', None),
        ('{"alipay_trade_query_response":{"a":"b"},"sign":""}', None),
        ("<html>", None),
        ("", None),
        ("[]", None),
    ],
)
def test_signed_text_is_cut_out_as_it_stands(text: str, inner: str | None) -> None:
    seen = []

    def look(signed: str, signature: str) -> bool:
        seen.append((signed, signature))
        return True

    answer = read_answer("query", "alipay.trade.query", text, look)

    assert seen == ([] if inner is None else [(inner, "s")])
    assert answer.is_signed is (inner is not None)


def test_after_a_rotation_the_former_certificate_is_believed_too(
    alipay: AlipayShop, receiver: Receiver
) -> None:
    other = alipay_credentials(open_keys(alipay.server))
    renewed = replace(alipay.credentials, platform_certificate_pem=other.platform_certificate_pem)
    config = config_of(alipay.server)
    rotated = provider_for(renewed, former=alipay.credentials, config=config)
    forgetful = provider_for(renewed, config=config)
    alipay.paid()
    (received,) = receiver.wait_for(alipay.notify_url)

    assert rotated.query("unknown123").status is PaymentStatus.NOT_FOUND
    assert rotated.parse_callback({}, received.body, datetime.now(UTC))
    with pytest.raises(GatewayUnknown):
        forgetful.query("unknown123")
    with pytest.raises(InvalidCallback):
        forgetful.parse_callback({}, received.body, datetime.now(UTC))
