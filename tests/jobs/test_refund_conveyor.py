"""Many refunds at once: at the quota's speed, a minute apart, waiting together for funds."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from domain import clock
from domain.checkout import driving_refunds
from domain.checkout.driving_refunds import drive_refunds, keep_driving
from domain.checkout.resuming import resume
from domain.config import settings
from domain.database import transaction
from domain.gateways.errors import GatewayNeedsFunds, GatewayRejected, GatewayRetryable
from domain.gateways.protocol import GatewayRefund, RefundRequest, RefundStatus
from domain.money import Fen
from domain.payments.accounts import Account
from domain.settlement.applying_refunds import lock_free_orders, move_refund
from domain.settlement.refunding import WantedRefund, request_refunds
from domain.states import RefundState
from tests.concurrency.arena import DAY, Arena, make_arena
from tests.concurrency.racing import PATIENCE_SECONDS

pytestmark = pytest.mark.transactional

MINUTE = timedelta(minutes=1)
HALF_MINUTE = timedelta(seconds=30)


@dataclass
class Gateway:
    """A gateway in memory: when which number was asked for, and what it answers."""

    calls: list[tuple[datetime, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    answer: Callable[[str], RefundStatus] = lambda number: RefundStatus.PROCESSING
    latency_seconds: float = 0.0

    name = "wechat"

    def refund(self, request: RefundRequest) -> GatewayRefund:
        self.calls.append((clock.real_now(), request.out_refund_no))
        time.sleep(self.latency_seconds)
        return self._told(request.out_refund_no, self.answer(request.out_refund_no))

    def query_refund(self, number: str, payment_no: str) -> GatewayRefund:
        self.asked.append(number)
        return self._told(number, RefundStatus.PROCESSING)

    def _told(self, number: str, status: RefundStatus) -> GatewayRefund:
        return GatewayRefund(number, status, "5030", "no", Fen(1990))

    @property
    def numbers(self) -> list[str]:
        return [number for _, number in self.calls]


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Gateway:
    made = Gateway()
    monkeypatch.setattr(
        driving_refunds,
        "find_account",
        lambda _, key: Account(key[0], key[1], "account", "wechat", made),  # type: ignore[arg-type]
    )
    return made


@pytest.fixture
def rate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    def set_rate(per_second: int) -> None:
        monkeypatch.setenv("PINBU_REFUNDS_PER_SECOND", str(per_second))
        settings.cache_clear()

    yield set_rate
    settings.cache_clear()


def requested(arena: Arena, count: int) -> datetime:
    """Let groups of one paid member each fail; returns when their refunds are due."""
    at = arena.start + timedelta(days=1)
    for group_id in [arena.opened(arena.start) for _ in range(count)]:
        arena.settle(group_id, at)
    return at


def states(arena: Arena) -> Counter[str]:
    return Counter(state for (state,) in arena.rows("SELECT state FROM refunds"))


def dues(arena: Arena) -> set[tuple[str, datetime]]:
    found = arena.rows("SELECT state, due_at FROM work_rows WHERE kind = 'drive_refund'")
    return {(state, due_at) for state, due_at in found}


def short_since(arena: Arena) -> Any:
    return arena.one("SELECT short_since FROM gateway_quotas WHERE operation = 'refund'")


def test_refunds_are_sent_at_the_quotas_speed(
    arena: Arena, gateway: Gateway, rate: Callable[[int], None]
) -> None:
    at = requested(arena, 24)
    rate(20)
    gateway.latency_seconds = 0.2

    drive_refunds(at=at)

    assert states(arena) == {"accepted": 24}
    assert len(set(gateway.numbers)) == 24
    took = (gateway.calls[-1][0] - gateway.calls[0][0]).total_seconds()
    assert took >= 23 / 20 - 0.11
    # A barrier of eight calls of 0.2 s, or one call after the other, never makes 20 a second.
    assert dues(arena) == {("due", at + HALF_MINUTE)}


def test_two_workers_share_one_quota(
    arena: Arena, gateway: Gateway, rate: Callable[[int], None]
) -> None:
    at = requested(arena, 24)
    rate(20)

    with ThreadPoolExecutor(2) as pool:
        for ended in [pool.submit(drive_refunds, at=at) for _ in range(2)]:
            ended.result()

    assert states(arena) == {"accepted": 24}
    assert len(gateway.calls) == 24
    instants = sorted(at for at, _ in gateway.calls)
    assert (instants[-1] - instants[0]).total_seconds() >= 23 / 20 - 0.11


def test_what_has_no_slot_when_the_time_is_up_is_put_back_unsent(
    arena: Arena, gateway: Gateway, rate: Callable[[int], None]
) -> None:
    at = requested(arena, 5)
    rate(2)

    keep_driving(lambda: at, seconds=0.3)

    assert 1 <= len(gateway.calls) <= 2
    assert states(arena) == {"accepted": len(gateway.calls), "requested": 5 - len(gateway.calls)}
    assert ("due", at) in dues(arena)


def test_slot_that_was_missed_is_not_used(
    arena: Arena, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = requested(arena, 1)
    slots = iter([timedelta(seconds=-1), timedelta(0)])
    monkeypatch.setattr(
        driving_refunds,
        "take_slots",
        lambda *_, wanted: [clock.real_now() + next(slots)] * wanted,
    )

    drive_refunds(at=at)

    assert states(arena) == {"accepted": 1}
    assert len(gateway.calls) == 1
    assert next(slots, None) is None


def test_no_transaction_is_open_during_a_call(arena: Arena, gateway: Gateway) -> None:
    at = requested(arena, 1)
    seen: list[int] = []

    def look(_: str) -> RefundStatus:
        seen.append(
            arena.one(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND state LIKE 'idle in transaction%'"
            )
        )
        return RefundStatus.PROCESSING

    gateway.answer = look
    drive_refunds(at=at)

    assert seen == [0]


def another_refund(arena: Arena, at: datetime) -> None:
    """Request a second, partial refund of the one payment there is."""
    [(payment_id, order_id)] = arena.rows("SELECT payment_id, order_id FROM refunds")
    wanted = WantedRefund(arena.merchant_id, payment_id, order_id, 1, "aftersale")
    with transaction() as session:
        request_refunds(session, [wanted], at=at, actor="test")


def test_refunds_of_one_payment_are_a_minute_apart(arena: Arena, gateway: Gateway) -> None:
    at = requested(arena, 1)
    another_refund(arena, at)

    drive_refunds(at=at)
    assert len(gateway.calls) == 1
    drive_refunds(at=at + timedelta(seconds=59))
    assert len(gateway.calls) == 1

    drive_refunds(at=at + MINUTE)

    assert len(set(gateway.numbers)) == 2
    assert states(arena) == {"accepted": 2}


def test_later_refund_waits_until_a_minute_after_the_earlier_was_accepted(
    arena: Arena, gateway: Gateway
) -> None:
    at = requested(arena, 1)
    drive_refunds(at=at)
    another_refund(arena, at + timedelta(seconds=20))

    drive_refunds(at=at + timedelta(seconds=20))

    assert len(gateway.calls) == 1
    assert ("due", at + MINUTE) in dues(arena)


def test_refund_whose_order_is_locked_does_not_hold_up_the_others(
    arena: Arena, gateway: Gateway
) -> None:
    at = requested(arena, 3)
    [order_id, *_] = [row[0] for row in arena.rows("SELECT order_id FROM refunds ORDER BY id")]

    with transaction() as session:
        assert lock_free_orders(session, [(arena.merchant_id, order_id)])
        with ThreadPoolExecutor(1) as pool:
            pool.submit(drive_refunds, at=at).result(PATIENCE_SECONDS)

    assert states(arena) == {"accepted": 2, "requested": 1}
    drive_refunds(at=at + timedelta(seconds=1))
    assert states(arena) == {"accepted": 3}


def test_callback_that_overtakes_the_answer_is_not_undone(arena: Arena, gateway: Gateway) -> None:
    at = requested(arena, 2)

    def answer(number: str) -> RefundStatus:
        with transaction() as session:
            row = session.execute(
                text("SELECT id, order_id FROM refunds WHERE public_id = :n"), {"n": number}
            ).one()
            move_refund(
                session,
                (arena.merchant_id, row.id),
                row.order_id,
                RefundState.ARRIVED,
                at=at,
                actor="gateway:callback",
            )
        return RefundStatus.PROCESSING

    gateway.answer = answer
    drive_refunds(at=at)

    assert states(arena) == {"arrived": 2}
    assert {state for state, _ in dues(arena)} == {"done"}
    arena.assert_sound(at)


def test_overtaken_lease_spoils_nothing_of_its_batch(
    arena: Arena, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = requested(arena, 3)
    taken = threading.Event()

    def answer(number: str) -> RefundStatus:
        if not taken.is_set():
            taken.set()
            with transaction() as session:
                session.execute(
                    text(
                        "UPDATE work_rows SET fence = fence + 1 WHERE subject_id ="
                        " (SELECT id FROM refunds WHERE public_id = :n)"
                        " AND kind = 'drive_refund'"
                    ),
                    {"n": number},
                )
        return RefundStatus.PROCESSING

    gateway.answer = answer
    drive_refunds(at=at)

    assert states(arena) == {"accepted": 2, "sending": 1}
    assert sorted(
        state for (state,) in arena.rows("SELECT state FROM work_rows WHERE kind = 'drive_refund'")
    ) == ["due", "due", "leased"]


def test_unreadable_keys_of_one_account_park_its_refunds_only(
    arena: Arena, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = requested(arena, 1)

    def find(*_: Any) -> Account:
        raise ValueError("not our key")

    with monkeypatch.context() as broken:
        broken.setattr(driving_refunds, "find_account", find)
        drive_refunds(at=at)

    assert arena.rows("SELECT state, failures FROM work_rows WHERE kind = 'drive_refund'") == [
        ("due", 1)
    ]
    assert states(arena) == {"requested": 1}


def test_herd_of_one_merchant_does_not_hold_up_another(arena: Arena, gateway: Gateway) -> None:
    requested(arena, 8)
    with transaction() as session:
        session.execute(text("UPDATE gateway_quotas SET per_second = 1"))
    other = make_arena(starts_at=arena.start - 10 * DAY, ends_at=arena.start + timedelta(days=20))
    other.start = arena.start + MINUTE
    at = requested(other, 2)

    keep_driving(lambda: at, seconds=1.0)

    sent = other.rows("SELECT merchant_id FROM refunds WHERE state = 'accepted'")
    assert sent.count((other.merchant_id,)) == 2
    assert 1 <= sent.count((arena.merchant_id,)) <= 3


def no_funds(_: str) -> RefundStatus:
    raise GatewayNeedsFunds(gateway_code="NOT_ENOUGH")


def test_account_short_of_funds_is_not_asked_again_for_its_other_refunds(
    arena: Arena, gateway: Gateway, rate: Callable[[int], None]
) -> None:
    at = requested(arena, 12)
    rate(20)
    gateway.answer = no_funds

    drive_refunds(at=at)

    assert len(gateway.calls) <= 2
    assert states(arena)["needs_funds"] == len(gateway.calls)
    assert states(arena)["requested"] == 12 - len(gateway.calls)
    assert dues(arena) == {("due", at + MINUTE)}
    assert short_since(arena) == at
    drive_refunds(at=at + timedelta(seconds=59))
    assert len(gateway.calls) <= 2


def test_short_account_is_probed_with_one_number_a_minute(arena: Arena, gateway: Gateway) -> None:
    at = requested(arena, 4)
    gateway.answer = no_funds
    drive_refunds(at=at)
    gateway.calls.clear()

    for minutes in (1, 2, 3):
        drive_refunds(at=at + minutes * MINUTE)

    assert len(gateway.calls) == 3
    assert short_since(arena) == at
    assert dues(arena) == {("due", at + 4 * MINUTE)}


def test_accepted_probe_lets_all_go_on_with_the_same_numbers(
    arena: Arena, gateway: Gateway
) -> None:
    at = requested(arena, 6)
    numbers = {row[0] for row in arena.rows("SELECT public_id FROM refunds")}
    gateway.answer = no_funds
    drive_refunds(at=at)
    gateway.calls.clear()
    gateway.answer = lambda _: RefundStatus.PROCESSING

    drive_refunds(at=at + MINUTE)

    assert states(arena) == {"accepted": 6}
    assert sorted(gateway.numbers) == sorted(numbers)
    assert short_since(arena) is None
    arena.assert_sound(at + MINUTE)


def test_topped_up_account_goes_on_at_once_with_the_same_numbers(
    arena: Arena, gateway: Gateway
) -> None:
    at = requested(arena, 6)
    gateway.answer = no_funds
    drive_refunds(at=at)
    gateway.calls.clear()
    gateway.answer = lambda _: RefundStatus.PROCESSING

    later = at + timedelta(seconds=5)
    with transaction() as session:
        assert resume(session, (arena.merchant_id, arena.account_id), "refund", at=later)
    drive_refunds(at=later)

    assert states(arena) == {"accepted": 6}
    assert len(set(gateway.numbers)) == len(gateway.numbers) == 6


def test_probe_that_is_refused_for_itself_says_nothing_of_the_account(
    arena: Arena, gateway: Gateway
) -> None:
    at = requested(arena, 2)
    gateway.answer = no_funds
    drive_refunds(at=at)

    def refuse(_: str) -> RefundStatus:
        raise GatewayRetryable(gateway_code="FREQUENCY_LIMITED")

    gateway.answer = refuse
    drive_refunds(at=at + MINUTE)

    assert short_since(arena) == at


def test_gateway_that_wants_less_is_asked_a_minute_later(arena: Arena, gateway: Gateway) -> None:
    at = requested(arena, 2)

    def limit(_: str) -> RefundStatus:
        raise GatewayRetryable(gateway_code="FREQUENCY_LIMITED")

    gateway.answer = limit
    drive_refunds(at=at)

    assert states(arena) == {"requested": 2}
    assert dues(arena) == {("due", at + MINUTE)}


def test_refusals_among_many_touch_no_other(arena: Arena, gateway: Gateway) -> None:
    at = requested(arena, 5)
    refused = arena.one("SELECT max(public_id) FROM refunds")

    def answer(number: str) -> RefundStatus:
        if number == refused:
            raise GatewayRejected(gateway_code="NO_AUTH")
        return RefundStatus.PROCESSING

    gateway.answer = answer
    drive_refunds(at=at)

    assert states(arena) == {"accepted": 4, "rejected": 1}
    assert gateway.asked == []


def test_many_accepted_refunds_are_asked_after_together_and_ever_later(
    arena: Arena, gateway: Gateway
) -> None:
    at = requested(arena, 4)
    drive_refunds(at=at)
    waits = []

    for _ in range(4):
        [(_, due_at)] = dues(arena)
        waits.append((due_at - at).total_seconds())
        drive_refunds(at=due_at)

    assert waits == [30, 60, 120, 240]
    assert len(gateway.calls) == 4
    assert len(gateway.asked) == 16
