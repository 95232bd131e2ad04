"""Checking a gateway account: harmless calls that prove its number, keys and permissions work."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.clock import shanghai_day
from domain.errors import GatewayFailed
from domain.gateways.errors import BillNotReady
from domain.gateways.protocol import BillKind, PaymentStatus, RefundStatus, TransferStatus
from domain.payments.accounts import Account


@dataclass(frozen=True, slots=True)
class Proof:
    """One thing that was tried; `problem` is None where it worked."""

    step: str
    proves: str
    problem: str | None


def check_account(account: Account, *, at: datetime) -> list[Proof]:
    """Try an account at its gateway; nothing is paid, refunded or created.

    Each answer must be signed with the platform key we have, so that each proves our keys and
    theirs. The APIv3 key only shows at the first callback.
    """
    return list(_prove(account, at))


def _prove(account: Account, at: datetime) -> Iterator[Proof]:
    provider, number = account.provider, f"check{secrets.token_hex(10)}"
    day_with_a_bill = shanghai_day(at) - timedelta(days=2)
    steps: tuple[tuple[str, str, Callable[[], bool]], ...] = (
        (
            "query",
            "merchant number, private key and serial; platform key",
            lambda: provider.query(number).status is PaymentStatus.NOT_FOUND,
        ),
        (
            "query_refund",
            "permission to refund",
            lambda: provider.query_refund(number, number).status is RefundStatus.NOT_FOUND,
        ),
        (
            "query_transfer",
            "permission to pay shoppers",
            lambda: provider.query_transfer(number).status is TransferStatus.NOT_FOUND,
        ),
        (
            "download_bill",
            "permission to download bills",
            lambda: all(True for _ in provider.download_bill(day_with_a_bill, BillKind.TRADE)),
        ),
    )
    for step, proves, succeeds in steps:
        yield Proof(step, proves, _problem(succeeds))


def _problem(succeeds: Callable[[], bool]) -> str | None:
    try:
        return None if succeeds() else "an answer that cannot be: the number is new"
    except BillNotReady:
        return None
    except GatewayFailed as error:
        code, said = (error.details.get(name) for name in ("gateway_code", "gateway_message"))
        return f"{error.code}: {code or error.message} {said or ''}".strip()
