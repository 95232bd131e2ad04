"""A small load of shoppers over HTTP who do not give up: what is refused for now is asked again."""

import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.world import ADDRESS, Phone, World

PATIENCE_SECONDS = 40.0
_keys = itertools.count(1)


class GaveUp(Exception):
    """The load is over, or an answer is final."""


@dataclass
class Load:
    """Shoppers in threads: each opens groups or joins those of others, and pays."""

    world: World
    answers: Counter[int] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)
    _open_groups: list[str] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self, shoppers: int) -> None:
        self._threads = [
            threading.Thread(target=self._shop, args=(random.Random(n),), daemon=True)
            for n in range(shoppers)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self.is_over.set()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive(), "a shopper waits for ever"

    def _shop(self, dice: random.Random) -> None:
        while not self.is_over.is_set():
            try:
                self._buy_once(dice)
            except GaveUp:
                continue
            except Exception as error:
                self.complaints.append(repr(error))
                return

    def _buy_once(self, dice: random.Random) -> None:
        phone = self._sign_in()
        body = {"variant_id": self.world.campaign.variant.public_id, "address": ADDRESS}
        path = f"/v1/campaigns/{self.world.campaign.public_id}/groups"
        if self._open_groups and dice.random() < 0.7:
            path = f"/v1/groups/{dice.choice(self._open_groups[-4:])}/orders"
        order = self._ask(lambda key: phone.post(path, body, key=key))
        pay_path = f"/v1/orders/{order['id']}/payments"
        prepared = self._ask(lambda key: phone.post(pay_path, key=key))
        phone.pay(prepared)
        self._open_groups.append(order["group_id"])

    def _sign_in(self) -> Phone:
        code = self.world.sandbox.post("/codes", appid=self.world.app_id)
        openid = code["openid"]

        def sign_in(_key: str) -> httpx.Response:
            fresh = self.world.sandbox.post("/codes", appid=self.world.app_id, openid=openid)
            body = {"app_id": self.world.app_id, "code": fresh["code"], "nickname": "小红"}
            return self.world.http.post("/v1/auth/sessions", json=body)

        session = self._ask(sign_in)
        bearer = {"Authorization": f"Bearer {session['access_token']}"}
        return Phone(self.world, openid, session["shopper"]["id"], bearer)

    def _ask(self, ask: Callable[[str], httpx.Response]) -> dict[str, Any]:
        """Ask until there is an answer, always with the same key. Raises GaveUp."""
        key = f"load-{next(_keys)}"
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            answer = ask(key)
            self.answers[answer.status_code] += 1
            if answer.is_success:
                found: dict[str, Any] = answer.json()
                return found
            if answer.status_code >= 500 and answer.status_code != 503:
                self.complaints.append(f"{answer.status_code} {answer.text}")
            if "Retry-After" not in answer.headers:
                if answer.status_code == 503:
                    self.complaints.append("503 without Retry-After")
                raise GaveUp
            if self.is_over.wait(0.2):
                raise GaveUp
        self.complaints.append(f"no answer for {PATIENCE_SECONDS} s")
        raise GaveUp
