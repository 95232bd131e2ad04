"""The sandbox's parts, wired once, and how a view reaches them."""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

from flask import Flask, current_app

from sandbox.accounts import Accounts
from sandbox.alipay import forgeries, notices, trades
from sandbox.alipay.accounts import AlipayAccounts
from sandbox.clock import Clock
from sandbox.courier import LADDER, Courier, Line, is_accepted
from sandbox.faults import Faults
from sandbox.store import Store
from sandbox.strikes import Strikes
from sandbox.wechat import refunds, tables, transfer_steps
from sandbox.wechat.forgeries import forge
from sandbox.wechat.notices import encode
from sandbox.wechat.quotas import Quotas

_NAME = "sandbox"


@dataclass(frozen=True)
class Gateway:
    """The parts every view works with."""

    store: Store
    clock: Clock
    accounts: Accounts
    faults: Faults
    courier: Courier
    alipay_accounts: AlipayAccounts
    quotas: Quotas


def open_gateway(app: Flask, data: Path) -> Gateway:
    """Open the record under `data`, start the courier, and hang both on the application."""
    store = Store(data / "sandbox.sqlite")
    store.extend(tables.SCHEMA, tables.COLUMNS)
    clock = Clock(store)
    accounts = Accounts(store)
    alipay_accounts = AlipayAccounts(store)
    faults = Faults(store)
    courier = Courier(
        store=store,
        now=clock.now,
        lines=(
            Line(accounts.find, encode, is_accepted, LADDER, forge),
            Line(
                alipay_accounts.find,
                notices.encode,
                notices.is_accepted,
                notices.LADDER,
                forgeries.forge,
            ),
        ),
        strikes=Strikes(store, faults, clock.now),
        before_round=lambda: _settle_due(store, clock.now()),
    )
    gateway = Gateway(store, clock, accounts, faults, courier, alipay_accounts, Quotas())
    app.extensions[_NAME] = gateway
    courier.start()
    return gateway


def _settle_due(store: Store, now: float) -> None:
    refunds.settle_due(store, now)
    trades.settle_due(store, now)
    transfer_steps.settle_due(store, now)


def current_gateway() -> Gateway:
    """Return the parts of the application that serves this request."""
    return cast(Gateway, current_app.extensions[_NAME])
