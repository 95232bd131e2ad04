"""A queue that is this test's alone, and groups whose deadline has just gone by."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
import redis

from domain import clock
from jobs import queues
from launcher.addresses import DatabaseUrls
from tests.concurrency.arena import DAY, MINUTE, Arena, make_arena
from tests.concurrency.conftest import crowd
from tests.sandbox_server import sandbox, shared_sandbox
from tests.servers import ValkeyDatabase
from tests.world import world

__all__ = ["crowd", "sandbox", "shared_sandbox", "world"]


@pytest.fixture
def queue_server(valkey: ValkeyDatabase) -> Iterator[redis.Redis]:
    """An empty Valkey database, which the jobs' connection of this process leads to."""
    queues.connection.cache_clear()
    yield valkey.client
    queues.connection().close()
    queues.connection.cache_clear()


@pytest.fixture
def arena(crowd: DatabaseUrls) -> Arena:
    """Groups opened at `start` had their deadline a minute ago, by the real clock."""
    now = clock.real_now().replace(microsecond=0)
    made = make_arena(starts_at=now - 10 * DAY, ends_at=now + timedelta(days=20))
    return replace(made, start=now - DAY - MINUTE)
