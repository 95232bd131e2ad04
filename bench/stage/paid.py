"""The sandbox in a process of its own, told of payments that were made by SQL."""

import json
import sqlite3
import sys
import urllib.request
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from typing import Any

from bench.stage.gateway import Gateway
from bench.stage.ground import HOST, Ground, free_port
from launcher.probes import answers
from launcher.programs import Program
from sandbox.store import Store

FAR_SECONDS = 10**8
_ACCOUNT = """
    INSERT INTO accounts (mchid, appid, merchant_serial, merchant_private_pem, public_key_id,
        platform_private_pem, apiv3_key, is_unlimited, refund_delay_seconds)
    VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?)
"""
_ORDER = """
    INSERT OR IGNORE INTO orders (mchid, appid, out_trade_no, request, notify_url, total_fen,
        openid, prepay_id, prepaid_at, state, created_at, transaction_id, paid_fen, payer_openid,
        success_at)
    VALUES (?, ?, ?, '{}', 'http://127.0.0.1/', ?, ?, ?, ?, 'SUCCESS', ?, ?, ?, ?, ?)
"""


class PaidSandbox:
    """A gateway with one merchant's account and funds without end; refunds never arrive."""

    def __init__(self, ground: Ground, gateway: Gateway, environment: dict[str, str]) -> None:
        self._gateway = gateway
        port = free_port()
        data = ground.place.home / f"sandbox-{port}"
        data.mkdir(mode=0o700, parents=True)
        self._file = data / "sandbox.sqlite"
        Store(self._file)
        self._add_account()
        self.url = f"http://{HOST}:{port}"
        self.pid = ground.start(
            Program(
                name="sandbox",
                command=(
                    *(sys.executable, "-m", "sandbox"),
                    *("--port", str(port), "--data", str(data)),
                ),
                environment=environment,
                is_ready=partial(answers, port, "/control/clock"),
            )
        )

    def _add_account(self) -> None:
        account = self._gateway.account
        with closing(sqlite3.connect(self._file)) as db:
            db.execute(
                _ACCOUNT,
                (
                    *(account.mchid, account.appid, account.merchant_serial),
                    *(account.merchant_private_pem, account.public_key_id),
                    *(account.platform_private_pem, account.apiv3_key, FAR_SECONDS),
                ),
            )
            db.commit()

    def add_paid(self, orders: Sequence[tuple[str, int, str, float]]) -> None:
        """Record orders as paid: number, fen, payer, instant (seconds since 1970)."""
        account = self._gateway.account
        with closing(sqlite3.connect(self._file, timeout=30)) as db:
            db.executemany(
                _ORDER,
                (
                    (
                        *(account.mchid, account.appid, number, fen, openid),
                        *(f"wx{number}", at, at, f"42{number}", fen, openid, at),
                    )
                    for number, fen, openid, at in orders
                ),
            )
            db.commit()

    def delay(self, operation: str, milliseconds: int) -> None:
        """Let every call of an operation wait before it is answered."""
        self._post(
            "/control/faults",
            {"name": "latency", "operation": operation, "latency_ms": milliseconds},
        )

    def _post(self, path: str, body: dict[str, Any]) -> None:
        request = urllib.request.Request(  # noqa: S310 - our own address
            self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30):  # noqa: S310
            pass
