"""A world to look at: the launcher's own stack, with two played days and a third that runs.

The days are those of `make demo`, so there are products and campaigns of one title. The third day
leaves what staff have work with: held subsidies, an abnormal and a rejected refund, open groups.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.playing.clocks import BusinessClock
from bench.playing.day import ADDRESS
from bench.playing.setting_up import LIST_PRICE_FEN, REASON
from bench.playing.staff import APP_ID, Access, Staff
from bench.shoppers.calling import Caller, Request
from bench.shoppers.journal import Journal
from bench.shoppers.phone import Mall, Phone
from launcher.addresses import OUTSIDE
from launcher.places import PROJECT, passing_place
from launcher.ports import HOST, free_ports
from launcher.stack import start_stack
from launcher.supervisor import Supervisor
from launcher.terminal import Terminal

DAYS = 2
GROUPS_A_DAY = 10
TITLE = "19.9 元拼 3 包网红薯片"
PRODUCT = "网红薯片 3 包"
BUDGET_FEN = 500_000
LIFE_SECONDS = 3600
FAILING = 4
CONNECTIONS = 4


@dataclass(frozen=True)
class World:
    """A played stack: where it is, who may sign in, and what is running in it."""

    console: str
    api: str
    passwords: dict[str, str]
    campaign_id: str
    flagged: tuple[str, ...]

    def ask(
        self, path: str, *, login: str = "owner", method: str = "GET", **sent: Any
    ) -> dict[str, Any]:
        """Ask the API as a member of staff."""
        answer = httpx.request(
            method,
            f"{self.api}/v1/merchant{path}",
            headers={"Authorization": f"Bearer {self._token(login)}", "Accept-Language": "zh"},
            timeout=30,
            **sent,
        )
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        told: dict[str, Any] = answer.json()
        return told

    def _token(self, login: str) -> str:
        if login not in _tokens:
            body = {"login": login, "password": self.passwords[login]}
            answer = httpx.post(f"{self.api}/v1/merchant/sessions", json=body, timeout=30)
            _tokens[login] = answer.json()["token"]
        return _tokens[login]


_tokens: dict[str, str] = {}


@contextmanager
def played_world(log: Path) -> Iterator[World]:
    """Start a passing stack, play on it, and stop it afterwards."""
    ports = free_ports()
    with passing_place("browser") as place, log.open("w") as written:
        supervisor = Supervisor(logs=place.logs, terminal=Terminal(written))
        with supervisor:
            with _environment_of(place.home):
                start_stack(supervisor, place, ports)
            api, gateway = (f"http://{HOST}:{port}" for port in (ports.api, ports.sandbox))
            logins = place.home / "sample-login.json"
            for seed in range(DAYS):
                _play_a_day(api, gateway, logins, log.with_name(f"day-{seed}"), seed=seed)
            passwords = json.loads(logins.read_text())
            campaign_id, flagged = _leave_work(api, gateway, passwords["owner"])
            console = f"http://{HOST}:{ports.console}"
            yield World(console, api, passwords, campaign_id, flagged)


@contextmanager
def _environment_of(home: Path) -> Iterator[None]:
    """Leave the tests' own servers alone; what the stack keeps is its own."""
    with pytest.MonkeyPatch.context() as patch:
        for name in (*OUTSIDE, "PINBU_TOKEN_KEY", "PINBU_SEALING_KEY"):
            patch.delenv(name, raising=False)
        patch.setenv("PINBU_VAR", str(home))
        yield


def _play_a_day(api: str, gateway: str, logins: Path, log: Path, *, seed: int) -> None:
    command = [
        *(sys.executable, "-m", "bench.demo", "--api-url", api, "--sandbox-url", gateway),
        *("--sample", str(logins), "--size", str(GROUPS_A_DAY), "--seed", str(seed + 1)),
        *("--step-minutes", "120", "--log", str(log)),
    ]
    done = subprocess.run(
        command, cwd=PROJECT, env=os.environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _leave_work(api_url: str, gateway_url: str, password: str) -> tuple[str, tuple[str, ...]]:
    """Let some groups of a running campaign fail, with trouble, and leave others open."""
    journal = Journal()
    with (
        closing(Caller(api_url, journal, connections=CONNECTIONS)) as api,
        closing(Caller(gateway_url, journal, connections=CONNECTIONS)) as gateway,
    ):
        return _leave(api, gateway, password)


def _leave(api: Caller, gateway: Caller, password: str) -> tuple[str, tuple[str, ...]]:
    staff = Staff(api, Access("owner", password, APP_ID))
    session = staff.sign_in()
    clock = BusinessClock(api)
    campaign_id, variant_id = _run_campaign(staff, clock)
    mall = Mall(api, gateway, APP_ID, run=f"left-{campaign_id[:8]}")
    flagged = []
    leaders = [_shopper(mall, f"{index}", f"失望{index}") for index in range(FAILING)]
    for phone, shopper_id in leaders[:2]:
        _flag(api, session["token"], shopper_id)
        flagged.append(shopper_id)
        _open(phone, campaign_id, variant_id)
    for phone, _ in leaders[2:]:
        _open(phone, campaign_id, variant_id)
    # The first refund meets both and is rejected; the second ends as abnormal.
    for name, count in (("refund_abnormal", 2), ("refund_too_old", 1)):
        gateway.need(Request("faults", "POST", "/control/faults", {"name": name, "count": count}))
    for wait in (timedelta(seconds=LIFE_SECONDS + 120), *[timedelta(minutes=20)] * 3):
        clock.jump_to(clock.now() + wait)
        clock.drain()
    gateway.call(Request("faults", "DELETE", "/control/faults", is_harmless=True))
    for index in range(3):
        phone, _ = _shopper(mall, f"o{index}", f"进行{index}")
        group_id = _open(phone, campaign_id, variant_id)
        if index:
            continue
        friend, _ = _shopper(mall, "f", "好友")
        body = {"variant_id": variant_id, "address": ADDRESS}
        _pay(friend, friend.join_group(group_id, body).body)
    return campaign_id, tuple(flagged)


def _run_campaign(staff: Staff, clock: BusinessClock) -> tuple[str, str]:
    now = clock.read()
    variant = staff.add_product(
        PRODUCT,
        "薯片",
        {
            "title": "原味",
            "list_price_fen": LIST_PRICE_FEN,
            "unit_cost_fen": 1200,
            "stock_units": 900,
        },
    )
    campaign_id = staff.add_campaign(
        {
            "product_id": variant["product_id"],
            "title": TITLE,
            "starts_at": now.isoformat(),
            "ends_at": (now + timedelta(days=3)).isoformat(),
            "budget_fen": BUDGET_FEN,
            "stock_units": 300,
            "terms": {
                "group_size": 3,
                "life_seconds": LIFE_SECONDS,
                "prices": [{"variant_id": variant["id"], "group_price_fen": 1990}],
                "subsidy": {"kind": "cash", "amount_fen": 500},
            },
        },
        reason=REASON,
    )
    return campaign_id, variant["id"]


def _shopper(mall: Mall, number: str, nickname: str) -> tuple[Phone, str]:
    phone = Phone(mall, number, nickname, channel="campaign")
    return phone, phone.sign_in()["shopper"]["id"]


def _open(phone: Phone, campaign_id: str, variant_id: str) -> str:
    answer = phone.open_group(campaign_id, {"variant_id": variant_id, "address": ADDRESS})
    assert answer.is_ok, answer
    _pay(phone, answer.body)
    return str(answer.body["group_id"])


def _pay(phone: Phone, order: dict[str, Any]) -> None:
    phone.pay(phone.prepare_payment(order["id"]).body)
    assert phone.wait_until_paid(order["id"])["state"] == "paid"


def _flag(api: Caller, token: str, shopper_id: str) -> None:
    body = {"flag": "review", "reason": "同一设备多个账号"}
    api.need(Request("flag", "PATCH", f"/v1/merchant/shoppers/{shopper_id}", body, token))
