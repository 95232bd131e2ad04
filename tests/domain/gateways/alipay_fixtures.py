"""Fixtures of Alipay's shops; a test module imports those it needs."""

from typing import Any

import pytest

from tests.domain.gateways.alipay_shop import AlipayShop, alipay_shop_of, open_keys
from tests.sandbox_server import Receiver, SandboxServer


@pytest.fixture(scope="session")
def alipay_keys(shared_sandbox: SandboxServer) -> dict[str, Any]:
    """One account for all tests that look at single trades only."""
    return open_keys(shared_sandbox)


@pytest.fixture
def alipay(sandbox: SandboxServer, alipay_keys: dict[str, Any], receiver: Receiver) -> AlipayShop:
    """A seller of the shared sandbox."""
    receiver.status = 200
    return alipay_shop_of(sandbox, alipay_keys, receiver.new_url())


@pytest.fixture
def fresh_alipay(sandbox: SandboxServer, receiver: Receiver) -> AlipayShop:
    """A new seller, for tests of the balance."""
    receiver.status = 200
    return alipay_shop_of(sandbox, open_keys(sandbox), receiver.new_url())


@pytest.fixture
def own_alipay(own_sandbox: SandboxServer, receiver: Receiver) -> AlipayShop:
    """A seller of a sandbox of its own, for clocks."""
    receiver.status = 200
    return alipay_shop_of(own_sandbox, open_keys(own_sandbox), receiver.new_url())
