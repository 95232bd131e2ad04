"""The product's business clock over REST: reading it, and jumping when all work is drained."""

import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from datetime import time as wall_time

from bench.shoppers.calling import Caller, Refused, Request

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
"""Without daylight saving since 1991, so that no zone database is needed."""

POLL_SECONDS = 0.15
STUCK_SECONDS = 180.0


class Stuck(Exception):
    """Work that was due has not become less, or other work, for minutes."""


def shanghai_day(at: datetime) -> date:
    """Return the Shanghai day an instant lies in."""
    return at.astimezone(SHANGHAI).date()


def midnight_before(on: date) -> datetime:
    """Return the instant a Shanghai day begins, UTC."""
    return datetime.combine(on, wall_time.min, SHANGHAI).astimezone(UTC)


def in_shanghai(at: datetime) -> str:
    """Write an instant as Shanghai's day and time."""
    return at.astimezone(SHANGHAI).strftime("%m-%d %H:%M")


class _Patience:
    """Runs out when the same work is due for too long."""

    def __init__(self) -> None:
        self._waiting: dict[str, int] = {}
        self._since = time.monotonic()

    def check(self, waiting: dict[str, int]) -> None:
        """Look at what is due now. Raises Stuck."""
        now = time.monotonic()
        if waiting != self._waiting:
            self._waiting, self._since = dict(waiting), now
        elif now - self._since > STUCK_SECONDS:
            raise Stuck(f"still waiting for {waiting} after {STUCK_SECONDS:.0f} s")


class BusinessClock:
    """The clock as this process knows it; `jump_to` is the only way that changes it."""

    def __init__(
        self,
        api: Caller,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._api = api
        self._sleep = sleep
        self._offset = timedelta()
        self.jumps = 0
        self.waited_seconds = 0.0
        self.waited_for: Counter[str] = Counter()

    def now(self) -> datetime:
        """Return the business instant."""
        return datetime.now(UTC) + self._offset

    def read(self) -> datetime:
        """Ask for the business instant. Raises Refused where the clock is fixed."""
        return self._note(self._api.need(Request("clock", "GET", "/v1/dev/clock")))

    def jump_to(self, at: datetime) -> None:
        """Jump, in as many jumps as it takes, waiting for work that is due. Raises Stuck."""
        while self.now() < at:
            self._jump_once(at)

    def drain(self, *, on_wait: Callable[[int], None] = lambda _: None) -> None:
        """Wait until nothing is due any more; tells how much still is. Raises Stuck."""
        began = time.monotonic()
        patience = _Patience()
        while waiting := self._waiting():
            on_wait(sum(waiting.values()))
            self._wait(waiting, patience)
        self.waited_seconds += time.monotonic() - began

    def _waiting(self) -> dict[str, int]:
        view = self._api.need(Request("clock", "GET", "/v1/dev/clock"))
        self._note(view)
        return dict(view["waiting"])

    def _jump_once(self, at: datetime) -> None:
        began = time.monotonic()
        patience = _Patience()
        request = Request(
            "jump", "POST", "/v1/dev/clock", {"until_at": at.isoformat()}, is_harmless=True
        )
        while True:
            answer = self._api.call(request)
            if answer.is_ok or answer.status == 422:
                break
            if answer.code != "not_drained":
                raise Refused("jump", answer)
            self._wait(answer.body.get("waiting", {}), patience)
        self.waited_seconds += time.monotonic() - began
        if answer.is_ok:
            self.jumps += 1
            self._note(answer.body)
        else:
            self.read()

    def _wait(self, waiting: dict[str, int], patience: "_Patience") -> None:
        patience.check(waiting)
        self.waited_for.update(waiting.keys())
        self._sleep(POLL_SECONDS)

    def _note(self, view: dict[str, object]) -> datetime:
        now = datetime.fromisoformat(str(view["now"]))
        self._offset = now - datetime.now(UTC)
        return now
