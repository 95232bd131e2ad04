"""The sandbox's parts, wired once, and how a view reaches them."""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

from flask import Flask, current_app

from sandbox.accounts import Accounts
from sandbox.clock import Clock
from sandbox.courier import Courier
from sandbox.faults import Faults
from sandbox.store import Store
from sandbox.wechat import refunds
from sandbox.wechat.notices import encode

_NAME = "sandbox"


@dataclass(frozen=True)
class Gateway:
    """The parts every view works with."""

    store: Store
    clock: Clock
    accounts: Accounts
    faults: Faults
    courier: Courier


def open_gateway(app: Flask, data: Path) -> Gateway:
    """Open the record under `data`, start the courier, and hang both on the application."""
    store = Store(data / "sandbox.sqlite")
    clock = Clock(store)
    accounts = Accounts(store)
    courier = Courier(
        store=store,
        now=clock.now,
        accounts=accounts,
        encode=encode,
        before_round=lambda: refunds.settle_due(store, clock.now()),
    )
    gateway = Gateway(store, clock, accounts, Faults(store), courier)
    app.extensions[_NAME] = gateway
    courier.start()
    return gateway


def current_gateway() -> Gateway:
    """Return the parts of the application that serves this request."""
    return cast(Gateway, current_app.extensions[_NAME])
