"""Where seeds are played: servers, sandbox and API; and between the steps, jobs and clock."""

import contextlib
import os
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pkgutil import resolve_name

from bench.shoppers.calling import Caller
from bench.shoppers.journal import Journal
from bench.stage.ground import HOST, Ground, free_port, ground
from bench.stage.serving import API, served
from domain.checkout.looking import find_due
from domain.config import settings
from domain.database import dispose_engines, read_clock
from domain.timekeeping.advancing import (
    ClockView,
    NotDrained,
    advance_clock,
    leap_clock,
    look_at_clock,
)
from jobs.schedule import SCHEDULE, WORK_KINDS
from launcher.probes import answers
from launcher.programs import Program

PATIENCE_SECONDS = 20.0


@dataclass(frozen=True)
class Job:
    """A job of the schedule, and what it looks for; None: whatever is due."""

    run: Callable[[], int | None]
    looks_for: str | None


JOBS: tuple[Job, ...] = tuple(
    Job(resolve_name(entry.function), entry.looks_for)
    for entry in SCHEDULE
    if entry.looks_for != "bills"
)
"""The schedule's, but the planning of bills: it would plan each day of every earlier seed, too."""


class Stuck(AssertionError):
    """Work that is due does not get done."""


@dataclass(frozen=True)
class Theatre:
    """A running product and its gateway; its database is this process's."""

    api: Caller
    gateway: Caller
    control_url: str

    def run_some_jobs(self, dice: random.Random) -> None:
        """Run some of the jobs once, in random order, as busy workers would."""
        self.run_jobs(dice.sample(JOBS, k=dice.randint(1, len(JOBS))))

    def run_jobs(self, jobs: Iterable[Job]) -> int:
        """Run jobs once, one after the other; returns how much was done."""
        return sum(job.run() or 0 for job in jobs)

    def drain(self) -> ClockView:
        """Run all jobs until nothing is due, here or at the gateway. Raises Stuck."""
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            found = find_due(WORK_KINDS, at=read_clock())
            if not self.run_jobs(job for job in JOBS if job.looks_for in found):
                view = look_at_clock()
                if not view.waiting:
                    return view
                time.sleep(0.005)
            if time.monotonic() > until:
                raise Stuck(f"still waiting: {look_at_clock().waiting}")

    def jump(self, until_at: datetime | None = None) -> None:
        """Drain, and jump to what is due next, or to an instant where that is sooner."""
        for _ in range(50):
            view = self.drain()
            if until_at is not None and until_at <= view.now:
                return
            with contextlib.suppress(NotDrained):
                advance_clock(until_at=until_at)
                return
        raise Stuck("something is always due")

    def jump_to(self, until_at: datetime) -> None:
        """Jump from one due instant to the next until an instant is reached."""
        while self.drain().now < until_at:
            with contextlib.suppress(NotDrained):
                leap_clock(until_at)


@contextlib.contextmanager
def theatre_of(api_url: str, sandbox_url: str) -> Iterator[Theatre]:
    """Lend the theatre of an API and a sandbox that run; the environment names the rest."""
    journal = Journal()
    with (
        contextlib.closing(Caller(api_url, journal)) as api,
        contextlib.closing(Caller(sandbox_url, journal)) as gateway,
    ):
        yield Theatre(api, gateway, f"{sandbox_url}/control")


@contextlib.contextmanager
def own_theatre(name: str = "soak") -> Iterator[Theatre]:
    """Start servers, sandbox and API of this process's own; stop and remove all at the end."""
    with ground(name) as made:
        database = made.migrated_database("soak")
        sandbox_url, api_url = _url(), _url()
        environment = {
            **database.environment,
            "PINBU_ENV": "development",
            "PINBU_CLOCK": "adjustable",
            "PUBLIC_BASE_URL": api_url,
            "WECHATPAY_BASE_URL": sandbox_url,
            "WEIXIN_BASE_URL": sandbox_url,
            "ALIPAY_BASE_URL": f"{sandbox_url}/gateway.do",
            "SANDBOX_CONTROL_URL": f"{sandbox_url}/control",
        }
        os.environ.update(environment)
        settings.cache_clear()
        _start(made, environment, sandbox_url, api_url)
        with theatre_of(api_url, sandbox_url) as theatre:
            yield theatre
        dispose_engines()


def _url() -> str:
    return f"http://{HOST}:{free_port()}"


def _start(made: Ground, environment: dict[str, str], sandbox_url: str, api_url: str) -> None:
    port = int(sandbox_url.rpartition(":")[2])
    made.start(
        Program(
            name="sandbox",
            command=(
                *(sys.executable, "-m", "sandbox", "--port", str(port)),
                *("--data", str(made.place.home / "sandbox")),
            ),
            environment=environment,
            is_ready=partial(answers, port, "/control/health"),
        )
    )
    made.start(served("api", API, int(api_url.rpartition(":")[2]), environment))
