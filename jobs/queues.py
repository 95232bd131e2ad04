"""The queues: one per worker; jobs are JSON (pickle from Redis would run code)."""

from functools import cache
from typing import Final

from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from domain.config import settings

SETTLE: Final = "settle"
GATEWAY: Final = "gateway"
OUTSIDE: Final = "outside"
"""For servers of others that no money waits for: brands, and the platforms' messages."""
NAMES: Final = (SETTLE, GATEWAY, OUTSIDE)

FAILURES_KEPT_SECONDS = 3600
JOB_TIMEOUT_SECONDS = 120


@cache
def connection() -> Redis:
    """Return this process's connection to Redis or Valkey; calls give up after some seconds."""
    return Redis.from_url(
        settings().redis_url, socket_connect_timeout=3, socket_timeout=30, health_check_interval=15
    )


def queue(name: str) -> Queue:
    """Return a queue by name."""
    return Queue(
        name,
        connection=connection(),
        serializer=JSONSerializer,
        default_timeout=JOB_TIMEOUT_SECONDS,
    )
