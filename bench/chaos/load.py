"""The load: shoppers in threads who open, join and pay, and keep what they heard of each call."""

import heapq
import itertools
import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bench.shoppers.calling import Answer, Refused, Unanswered
from bench.shoppers.phone import Mall, Phone

ADDRESS = {"recipient": "小红", "phone": "13800000000", "region": "上海市", "detail": "一号"}
GROUP_SIZE = 4
_MEMBERS = (1, 2, 3, 4)
_MEMBER_WEIGHTS = (2, 3, 3, 3)
_NEVER_PAYS = 0.03
_USES_WALLET = 0.15
_IMPATIENT = 0.2
_NOT_YET = frozenset({"group_not_open", "group_not_found"})
_TRIES = 12
_JOIN_AFTER_SECONDS = 0.8
_TRY_AGAIN_SECONDS = 3.0
_IDLE_SECONDS = 0.02
_MOST_COMPLAINTS = 20
_NO_SHOPPER_SECONDS = 2.0


class Heard(StrEnum):
    """What a client knows of an operation."""

    OK = "ok"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(slots=True)
class Placing:
    """One intention to open a group (no `group_id`) or to join one."""

    openid: str
    group_id: str | None
    heard: Heard
    order_id: str | None = None
    code: str = ""


@dataclass(slots=True)
class Paying:
    """One intention to pay an order: what was heard of preparing it, and of paying."""

    order_id: str
    prepared: Heard
    payment_id: str | None = None
    paid: Heard | None = None


@dataclass(order=True, slots=True)
class _Join:
    """A member who will join a group; tried again while its leader's payment is not applied."""

    at: float
    number: int
    group_id: str = field(compare=False)
    tries: int = field(compare=False, default=0)


@dataclass
class Load:
    """Shoppers and their operations; `clients` threads play them, round by round."""

    malls: tuple[Mall, Mall]
    campaign_id: str
    variant_id: str
    seed: int
    phones: list[Phone] = field(default_factory=list)
    placings: list[Placing] = field(default_factory=list)
    payings: list[Paying] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)
    placed: int = 0
    _welcomed: int = 0
    _free: "queue.SimpleQueue[Phone]" = field(default_factory=queue.SimpleQueue)
    _benched: list[Phone] = field(default_factory=list)
    _joins: list[_Join] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def welcome(self, shoppers: int) -> None:
        """Let shoppers come by; some have little patience (the second mall's client)."""
        dice = random.Random(f"{self.seed}/shoppers")
        self._welcomed += shoppers
        for number in range(shoppers):
            mall = self.malls[dice.random() < _IMPATIENT]
            phone = Phone(mall, str(number), f"客{number}", channel="chaos")
            self.phones.append(phone)
            self._free.put(phone)

    def prepare_probe(self) -> str:
        """Open a group and share it, before anything fails; returns the share's token."""
        phone = Phone(self.malls[0], "probe", "客", channel="chaos")
        phone.sign_in()
        self.phones.append(phone)
        answer = phone.open_group(self.campaign_id, self._body(random.Random(0)))
        if not answer.is_ok:
            raise Refused("open", answer)
        self._note(phone, None, answer)
        prepared = phone.prepare_payment(answer.body["id"])
        phone.pay(prepared.body)
        self._note_payment(answer.body["id"], prepared.body["payment_id"], Heard.OK)
        phone.wait_until_paid(answer.body["id"])
        return phone.share(answer.body["group_id"])

    def run_round(
        self, quota: int, clients: int, *, goes_on: Callable[[], bool], is_over: threading.Event
    ) -> None:
        """Place at least so many orders, and go on while wanted; then finish what was begun."""
        for phone in self._benched:
            self._free.put(phone)
        self._benched.clear()
        until = self.placed + quota
        threads = [
            threading.Thread(
                target=self._client,
                args=(lambda: self._has_shoppers() and (self.placed < until or goes_on()), is_over),
                daemon=True,
            )
            for _ in range(clients)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _client(self, opens_more: Callable[[], bool], is_over: threading.Event) -> None:
        while not is_over.is_set() and len(self.complaints) < _MOST_COMPLAINTS:
            join = self._next_join()
            if join is not None:
                self._guarded(self._join, join)
            elif opens_more():
                self._guarded(self._open, next(self._numbers))
            elif self._has_joins():
                time.sleep(_IDLE_SECONDS)
            else:
                return

    def _guarded(self, act: Callable[[Any], None], subject: Any) -> None:
        try:
            act(subject)
        except Exception as error:
            with self._lock:
                self.complaints.append(repr(error))
            time.sleep(_TRY_AGAIN_SECONDS)

    def _next_join(self) -> _Join | None:
        with self._lock:
            if self._joins and self._joins[0].at <= time.monotonic():
                return heapq.heappop(self._joins)
        return None

    def _has_shoppers(self) -> bool:
        """Say whether anybody is left who does not sit this round out."""
        with self._lock:
            return len(self._benched) < self._welcomed

    def _has_joins(self) -> bool:
        with self._lock:
            return bool(self._joins)

    def _later(self, join: _Join) -> None:
        with self._lock:
            heapq.heappush(self._joins, join)

    def _open(self, number: int) -> None:
        dice = random.Random(f"{self.seed}/group/{number}")
        [members] = dice.choices(_MEMBERS, weights=_MEMBER_WEIGHTS)
        answer = self._buy(dice, None, lambda phone, body: phone.open_group(self.campaign_id, body))
        if answer is None or not answer.is_ok:
            return
        at = time.monotonic() + _JOIN_AFTER_SECONDS
        for _ in range(1, members):
            self._later(_Join(at, next(self._numbers), answer.body["group_id"]))

    def _join(self, join: _Join) -> None:
        dice = random.Random(f"{self.seed}/member/{join.number}")
        group_id = join.group_id
        answer = self._buy(dice, group_id, lambda phone, body: phone.join_group(group_id, body))
        if answer is not None and answer.code in _NOT_YET and join.tries < _TRIES:
            again = time.monotonic() + _TRY_AGAIN_SECONDS
            self._later(_Join(again, join.number, group_id, join.tries + 1))

    def _buy(
        self,
        dice: random.Random,
        group_id: str | None,
        place: Callable[[Phone, dict[str, Any]], Answer],
    ) -> Answer | None:
        """Place an order with the next free phone, and pay it; None if nobody knows how it went."""
        try:
            phone = self._free.get(timeout=_NO_SHOPPER_SECONDS)
        except queue.Empty:
            return None
        keeps_phone = True
        try:
            if not phone.is_signed_in:
                phone.sign_in()
            answer = self._place(phone, group_id, place, self._body(dice))
            if answer is not None and answer.is_ok:
                keeps_phone = self._pay(dice, phone, answer.body)
            else:
                # Who does not know, or has a hold that is not paid yet, waits for the next round.
                keeps_phone = answer is not None and answer.code != "unpaid_hold_exists"
            return answer
        except (Refused, Unanswered):
            return None
        finally:
            if keeps_phone:
                self._free.put(phone)
            else:
                with self._lock:
                    self._benched.append(phone)

    def _place(
        self,
        phone: Phone,
        group_id: str | None,
        place: Callable[[Phone, dict[str, Any]], Answer],
        body: dict[str, Any],
    ) -> Answer | None:
        try:
            answer = place(phone, body)
        except Unanswered:
            with self._lock:
                self.placings.append(Placing(phone.openid, group_id, Heard.UNKNOWN))
            return None
        self._note(phone, group_id, answer)
        return answer

    def _note(self, phone: Phone, group_id: str | None, answer: Answer) -> None:
        heard = Heard.OK if answer.is_ok else Heard.FAIL
        placing = Placing(phone.openid, group_id, heard, answer.body.get("id"), answer.code)
        if heard is Heard.FAIL:
            placing.order_id = None
        with self._lock:
            self.placings.append(placing)
            if heard is Heard.OK:
                self.placed += 1
            else:
                self.refusals[answer.code or str(answer.status)] += 1

    def _pay(self, dice: random.Random, phone: Phone, order: dict[str, Any]) -> bool:
        """Pay an order; says whether the phone is free again (one unpaid hold at a time)."""
        if order["payable_fen"] == 0:
            return True
        if dice.random() < _NEVER_PAYS:
            return False
        order_id = order["id"]
        try:
            prepared = phone.prepare_payment(order_id)
        except Unanswered:
            self._note_payment(order_id, None, None, prepared=Heard.UNKNOWN)
            return False
        if not prepared.is_ok:
            with self._lock:
                self.refusals[f"prepare {prepared.code}"] += 1
            return prepared.code == "nothing_to_pay"
        payment_id = prepared.body["payment_id"]
        try:
            paid = Heard.OK if phone.pay(prepared.body).is_ok else Heard.FAIL
        except Unanswered:
            paid = Heard.UNKNOWN
        self._note_payment(order_id, payment_id, paid)
        return paid is Heard.OK

    def _note_payment(
        self,
        order_id: str,
        payment_id: str | None,
        paid: Heard | None,
        *,
        prepared: Heard = Heard.OK,
    ) -> None:
        with self._lock:
            self.payings.append(Paying(order_id, prepared, payment_id, paid))

    def _body(self, dice: random.Random) -> dict[str, Any]:
        body = {"variant_id": self.variant_id, "address": ADDRESS}
        return body | ({"use_wallet": True} if dice.random() < _USES_WALLET else {})
