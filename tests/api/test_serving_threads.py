"""The threads behind the event loop: each request ends, however many answers are ready at once."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from api.serving import Server

SCOPE: Any = SimpleNamespace(
    http_version="1.1",
    server="127.0.0.1:8000",
    client="127.0.0.1:4000",
    scheme="http",
    method="GET",
    path="/",
    query_string="",
    authority="x",
    headers={},
)


class Exchange:
    """Granian's end of a request, which keeps the statuses it was given."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.statuses: list[int] = []
        self._refuses = refuses

    def __call__(self) -> Awaitable[bytes]:
        raise NotImplementedError

    def __aiter__(self) -> AsyncIterator[bytes]:
        raise NotImplementedError

    def response_bytes(self, status: int, headers: Any, body: bytes) -> None:
        if self._refuses:
            raise RuntimeError
        self.statuses.append(status)


def answer_nothing(environ: Any, start: Any) -> list[bytes]:
    start("204 NO CONTENT", [])
    return []


@pytest.fixture
def _hasty_threads() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_hasty_threads")
def test_no_request_waits_for_ever_when_answers_meet() -> None:
    exchanges = [Exchange() for _ in range(1000)]

    async def play() -> None:
        server = Server(answer_nothing, threads=8, body_seconds=1)
        async with asyncio.timeout(60):
            await asyncio.gather(*(server.__rsgi__(SCOPE, one) for one in exchanges))

    asyncio.run(play())

    assert all(one.statuses == [204] for one in exchanges)


def test_an_answer_that_cannot_be_sent_costs_no_thread() -> None:
    good = Exchange()

    async def play() -> None:
        server = Server(answer_nothing, threads=1, body_seconds=1)
        async with asyncio.timeout(10):
            await server.__rsgi__(SCOPE, Exchange(refuses=True))
            await server.__rsgi__(SCOPE, good)

    asyncio.run(play())

    assert good.statuses == [204]
