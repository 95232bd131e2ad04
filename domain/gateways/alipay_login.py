"""Alipay's login: an auth code of the mini-program for the shopper's open id."""

from collections.abc import Mapping
from typing import Any

from domain.gateways.alipay import AlipayPayments
from domain.gateways.alipay_answers import failure, read_body
from domain.gateways.errors import LoginCodeRefused
from domain.gateways.protocol import PaymentProvider
from domain.gateways.reading import read_text

_REFUSED = frozenset({"isv.code-invalid", "isv.code-is-empty"})


def exchange_code(provider: PaymentProvider, code: str) -> str:
    """Trade an auth code for the shopper's open id; the access token goes no further than here.

    The account that pays is the application that logs in. A code works once. Raises
    LoginCodeRefused, GatewayUnknown (no answer: log in again), GatewayRetryable or GatewayRejected,
    and TypeError for another gateway's account.
    """
    if not isinstance(provider, AlipayPayments):
        raise TypeError(f"{provider.name} has no auth codes")
    provider.sdk.begin()
    answer = provider.sdk.ask(
        "login", "alipay.system.oauth.token", grant_type="authorization_code", code=code
    )
    if answer.sub_code in _REFUSED:
        raise LoginCodeRefused(message=f"alipay login: {answer.sub_code}")
    # A success carries no code here, and an error is never without one.
    if "code" in answer.body:
        raise failure(answer)
    return read_body(answer, _open_id)


def _open_id(body: Mapping[str, Any]) -> str:
    return read_text(body, "open_id")
