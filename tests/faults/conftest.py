"""Processes that end with their test, groups that are due, and servers of one test alone."""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
import redis

from domain import clock
from domain.config import settings
from jobs import queues
from launcher.addresses import DatabaseUrls
from launcher.places import passing_place
from launcher.ports import free_port
from launcher.programs import Child
from launcher.servers import embedded_valkey
from tests.concurrency.arena import DAY, MINUTE, Arena, make_arena
from tests.concurrency.conftest import crowd
from tests.faults.processes import Running
from tests.sandbox_server import sandbox, shared_sandbox, wait_until
from tests.world import world

__all__ = ["crowd", "sandbox", "shared_sandbox", "world"]

ONLY_DEBIAN = os.environ.get("PINBU_TEST_SERVERS") == "debian"
Start = Callable[..., Running]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if sys.platform == "linux":
        return
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="looks into /proc"))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start `python -m MODULE ...`; ended with the test."""
    running: list[Running] = []

    def start_one(module: str, *arguments: str) -> Running:
        log = tmp_path / f"{module}-{len(running)}.log"
        running.append(Running(log, "-m", module, *arguments))
        return running[-1]

    yield start_one
    for one in running:
        one.stop()


@pytest.fixture
def arena(crowd: DatabaseUrls) -> Arena:
    """Groups opened at `start` had their deadline a minute ago, by the real clock."""
    now = clock.real_now().replace(microsecond=0)
    made = make_arena(starts_at=now - 10 * DAY, ends_at=now + timedelta(days=20))
    return replace(made, start=now - DAY - MINUTE)


@dataclass
class OwnValkey:
    """A queue's server that a test may flush, kill and start again."""

    client: redis.Redis
    child: Child

    def kill(self) -> None:
        self.child.kill()

    def start(self) -> None:
        self.child.spawn()
        is_ready = self.child.program.is_ready
        assert is_ready is not None
        wait_until(is_ready)


@pytest.fixture
def own_valkey(monkeypatch: pytest.MonkeyPatch) -> Iterator[OwnValkey]:
    """A Valkey of this test alone; the environment names it."""
    with passing_place("faults") as place:
        server = embedded_valkey(place, free_port(), only_debian=ONLY_DEBIAN)
        server.initialise()
        own = OwnValkey(
            redis.Redis.from_url(server.url()), Child(server.program(), place.logs / "valkey.log")
        )
        own.start()
        monkeypatch.setenv("REDIS_URL", server.url())
        settings.cache_clear()
        queues.connection.cache_clear()
        yield own
        own.client.close()
        if queues.connection.cache_info().currsize:
            queues.connection().close()
            queues.connection.cache_clear()
        own.kill()
    settings.cache_clear()


def lapse_leases(database: DatabaseUrls) -> None:
    """Let the leases run out, as a minute would."""
    with psycopg.connect(database.core.replace("+psycopg", "")) as connection:
        connection.execute(
            "UPDATE work_rows SET leased_until = now() - interval '1 second' WHERE state = 'leased'"
        )
