import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from bench.playing import clocks
from bench.playing.clocks import BusinessClock, Stuck
from bench.shoppers.calling import Caller
from bench.shoppers.journal import Journal


class Product:
    """A business clock that is not drained at first, and jumps five minutes at a time."""

    def __init__(self, *, busy: list[dict[str, int]] | None = None) -> None:
        self.now = datetime(2026, 11, 23, 16, tzinfo=UTC)
        self.busy = busy or []
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        waiting = self.busy.pop(0) if self.busy else {}
        if request.method == "GET":
            return httpx.Response(200, json=self.view(waiting))
        self.asked.append(json.loads(request.content)["until_at"])
        if waiting:
            return httpx.Response(409, json={"code": "not_drained", "waiting": waiting})
        until = datetime.fromisoformat(self.asked[-1])
        self.now = min(self.now + timedelta(minutes=5), until)
        return httpx.Response(200, json=self.view({}))

    def view(self, waiting: dict[str, int]) -> dict[str, object]:
        return {"now": self.now.isoformat(), "waiting": waiting}


def clock_of(product: Product) -> BusinessClock:
    api = Caller("http://mall", Journal(), transport=httpx.MockTransport(product))
    clock = BusinessClock(api, sleep=lambda _: None)
    clock.read()
    return clock


def test_a_long_way_takes_several_jumps() -> None:
    product = Product()
    clock = clock_of(product)
    target = product.now + timedelta(minutes=12)

    clock.jump_to(target)

    assert clock.jumps == 3
    assert product.now == target
    assert clock.now() >= target


def test_a_jump_waits_until_all_work_is_done() -> None:
    product = Product()
    clock = clock_of(product)
    product.busy = [{"work.notify": 3}, {"work.notify": 1}]

    clock.jump_to(product.now + timedelta(minutes=5))

    assert clock.jumps == 1
    assert clock.waited_for["work.notify"] == 2


def test_draining_tells_how_much_is_left() -> None:
    product = Product()
    clock = clock_of(product)
    product.busy = [{"work.drive_refund": 3, "movements": 2}, {"movements": 1}]
    left: list[int] = []

    clock.drain(on_wait=left.append)

    assert left == [5, 1]


def test_work_that_never_gets_less_is_not_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clocks, "STUCK_SECONDS", -1.0)
    product = Product()
    clock = clock_of(product)
    product.busy = [{"movements": 1}] * 5

    with pytest.raises(Stuck, match="movements"):
        clock.drain()
