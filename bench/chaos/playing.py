"""A run, round by round: load under faults, a leap to the deadlines, the herd under faults.

The faults go on while the herd of one round is settled and the shoppers of the next place orders;
they rest while the clock leaps, because it moves only when nothing is due.
"""

import contextlib
import itertools
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from bench.chaos.drawing import Fault
from bench.chaos.injecting import Injector
from bench.chaos.stalls import LIFE, Stall, placed, run_round
from bench.soak.endings import unfinished_of
from bench.stage.ground import say
from domain.database import dispose_engines, reading
from domain.timekeeping.advancing import (
    ClockBackwards,
    ClockView,
    NotDrained,
    advance_clock,
    leap_clock,
    look_at_clock,
)

PAST_THE_DEADLINES = timedelta(minutes=1)
LARGEST_ROUND = 4000
PATIENCE_SECONDS = 240.0
POLL_SECONDS = 0.2
_MOST_JUMPS = 400
_WORK_LEFT = text(
    """
    SELECT kind, count(*) AS waiting FROM work_rows
    WHERE state <> 'done' AND kind IN ('settle_group', 'issue_grant', 'notify', 'drive_payment',
        'drive_refund', 'send_message')
    GROUP BY kind
    """
)


class Stuck(Exception):
    """Work that is due does not get done."""


@dataclass(frozen=True)
class Sizes:
    """How much is played: settlements in all."""

    settlements: int

    @property
    def rounds(self) -> int:
        """Return into how many rounds it is parted."""
        return max(1, math.ceil(self.settlements / LARGEST_ROUND))

    @property
    def quota(self) -> int:
        """Return how many orders are placed in a round; some will not be paid."""
        return math.ceil(1.06 * self.settlements / self.rounds)


@dataclass
class Play:
    """One run's rounds."""

    stalls: list[Stall]
    injector: Injector
    sizes: Sizes
    is_over: threading.Event
    seconds: dict[str, float] = field(default_factory=dict)
    jumps: int = 0

    def run(self, faults: Sequence[Fault]) -> None:
        """Play all rounds, a last one with the herd alone; then bring all to rest. Raises Stuck."""
        shares = _shares(faults, self.sizes.rounds)
        for number, share in enumerate(shares[:-1], 1):
            began = time.monotonic()
            with self._timed("shopping"):
                self._shop(share)
            with self._timed("leaping"):
                self._leap_to_the_deadlines()
            say(
                f"round {number} of {self.sizes.rounds}: {placed(self.stalls)} orders placed,"
                f" {len(self.injector.struck)} faults, {time.monotonic() - began:.0f} s"
            )
        with self._timed("the last herd"):
            self.injector.inject(shares[-1], may_strike=lambda _: True, is_over=self.is_over)
        with self._timed("coming to rest"):
            self._come_to_rest()

    def _shop(self, faults: Sequence[Fault]) -> None:
        """Let shoppers shop while faults strike: evenly over the round's orders."""
        begun_with = placed(self.stalls)

        def may_strike(place: int) -> bool:
            part = (placed(self.stalls) - begun_with) / self.sizes.quota
            return part >= place / max(1, len(faults)) or not shopping.is_alive()

        failed: list[Exception] = []

        def strike() -> None:
            try:
                self.injector.inject(faults, may_strike=may_strike, is_over=self.is_over)
            except Exception as error:
                failed.append(error)

        striking = threading.Thread(target=strike, daemon=True)
        shopping = threading.Thread(
            target=run_round,
            args=(self.stalls, self.sizes.quota),
            kwargs={"goes_on": striking.is_alive, "is_over": self.is_over},
            daemon=True,
        )
        striking.start()
        shopping.start()
        striking.join()
        shopping.join()
        if failed:
            raise failed[0]

    def _leap_to_the_deadlines(self) -> None:
        """Jump until every group of the round is due, and leave the herd to the workers."""
        dispose_engines()
        until_at = self._drain().now + LIFE + PAST_THE_DEADLINES
        with contextlib.suppress(ClockBackwards):  # so long did it take to drain
            while self._jump(lambda: advance_clock(until_at=until_at)) < until_at:
                self._drain()

    def _come_to_rest(self) -> None:
        """Drain, and jump until nothing is unfinished. Raises Stuck."""
        dispose_engines()
        for _ in range(_MOST_JUMPS):
            view = self._drain()
            unfinished = _work_left()
            for stall in self.stalls:
                unfinished |= unfinished_of(stall.house)
            if not unfinished:
                return
            self._jump(lambda at=view.now: leap_clock(at + LIFE))  # type: ignore[misc]
        raise Stuck(f"never at rest: {unfinished}")

    def _jump(self, jump: Callable[[], ClockView]) -> datetime:
        """Jump, if nothing has become due meanwhile; returns the business instant it led to."""
        with contextlib.suppress(NotDrained, SQLAlchemyError, httpx.HTTPError):
            view = jump()
            self.jumps += 1
            return view.now
        return datetime.min.replace(tzinfo=UTC)

    def _drain(self) -> ClockView:
        """Wait until nothing is due, here or at the gateway. Raises Stuck."""
        waiting: dict[str, int] = {}
        since = time.monotonic()
        while not self.is_over.is_set():
            with contextlib.suppress(SQLAlchemyError, httpx.HTTPError):
                view = look_at_clock()
                if not view.waiting:
                    return view
                if view.waiting != waiting:
                    waiting, since = view.waiting, time.monotonic()
            if time.monotonic() - since > PATIENCE_SECONDS:
                raise Stuck(f"still waiting after {PATIENCE_SECONDS:.0f} s: {waiting}")
            time.sleep(POLL_SECONDS)
        raise Stuck("stopped")

    @contextlib.contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[what] = round(self.seconds.get(what, 0) + time.monotonic() - began, 1)


def _work_left() -> dict[str, int]:
    """Count work that is not done, due or not: what asks after refunds waits for its date."""
    with reading() as session:
        return {row.kind: row.waiting for row in session.execute(_WORK_LEFT)}


def _shares(faults: Sequence[Fault], rounds: int) -> list[Sequence[Fault]]:
    """Part the faults among the rounds and the last herd, which gets half a round's."""
    parts = 2 * rounds + 1
    cuts = [round(len(faults) * min(2 * n, parts) / parts) for n in range(rounds + 1)]
    return [
        *(faults[first:last] for first, last in itertools.pairwise(cuts)),
        faults[cuts[-1] :],
    ]
