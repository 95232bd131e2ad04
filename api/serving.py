"""The server's way in: bodies wait on an event loop under a deadline, never in a thread.

Granian has no deadline for bodies, and it calls a WSGI application before the body is there, so
that a few half-sent bodies would occupy every thread. It calls an RSGI application on an event
loop. There the body is awaited, and only a whole request takes one of the threads that run Flask.
"""

import asyncio
import io
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import suppress
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, Protocol
from wsgiref.types import WSGIApplication

from werkzeug.exceptions import RequestEntityTooLarge, RequestTimeout, ServiceUnavailable

from api import MOST_BYTES, create_app
from domain.checking_configuration import ConfigurationFaulty
from domain.config import settings

logger = logging.getLogger(__name__)

MOST_WAITING_BYTES = 64 * MOST_BYTES
"""What a process keeps of unfinished bodies; beyond it a new one is refused at once."""

_AT_ONCE_BYTES = 65_536

Headers = list[tuple[str, str]]
Future = asyncio.Future[None]


class Scope(Protocol):
    """What granian tells of a request."""

    http_version: str
    server: str
    client: str
    scheme: str
    method: str
    path: str
    query_string: str
    authority: str | None
    headers: Any


class Exchange(Protocol):
    """Granian's end of a request: its body, and where the answer goes."""

    def __call__(self) -> Awaitable[bytes]:
        """Await the whole body."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over the body as it arrives."""

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None:
        """Send the whole answer; any thread may."""


class MissingBody(io.RawIOBase):
    """A body that will not be read: whoever reads it gets the reason as an HTTP error."""

    def __init__(self, reason: type[Exception]) -> None:
        super().__init__()
        self._reason = reason

    def readable(self) -> bool:
        """Say that reading may be tried."""
        return True

    def readinto(self, _: Any) -> int:
        """Raise the reason."""
        raise self._reason


class Server:
    """Runs a WSGI application in threads, for granian's RSGI interface."""

    def __init__(self, application: WSGIApplication, *, threads: int, body_seconds: float) -> None:
        self._application = application
        self._body_seconds = body_seconds
        self._waiting_bytes = 0
        self._requests: SimpleQueue[tuple[dict[str, Any], Exchange, Future]] = SimpleQueue()
        self._answered: list[Future] = []
        self._lock = Lock()
        for _ in range(threads):
            Thread(target=self._work, daemon=True).start()

    async def __rsgi__(self, scope: Scope, exchange: Exchange) -> None:
        """Answer one request."""
        body = await self._read(scope, exchange)
        answered = asyncio.get_running_loop().create_future()
        self._requests.put((_environ(scope, body), exchange, answered))
        await answered

    async def _read(self, scope: Scope, exchange: Exchange) -> io.IOBase:
        """Await the whole body; return in its place what says why there is none."""
        given = scope.headers.get("content-length")
        if given is None and scope.headers.get("transfer-encoding") is None:
            return io.BytesIO()
        length = _length(given)
        if length is not None and length > MOST_BYTES:
            return MissingBody(RequestEntityTooLarge)
        expected = _AT_ONCE_BYTES if length is None else length
        if self._waiting_bytes + expected > MOST_WAITING_BYTES:
            return MissingBody(ServiceUnavailable)
        self._waiting_bytes += expected
        try:
            async with asyncio.timeout(self._body_seconds):
                if length is not None and length <= _AT_ONCE_BYTES:
                    return io.BytesIO(await exchange())
                return await _read_by_chunks(exchange)
        except TimeoutError:
            return MissingBody(RequestTimeout)
        finally:
            self._waiting_bytes -= expected

    def _work(self) -> None:
        """Answer requests, for ever; one of the threads."""
        while True:
            environ, exchange, answered = self._requests.get()
            try:
                exchange.response_bytes(*self._answer(environ))
            except Exception:
                logger.exception("request failed outside the application")
                with suppress(Exception):
                    exchange.response_bytes(500, [("connection", "close")], b"")
            self._wake(answered)

    def _wake(self, answered: Future) -> None:
        """Let the loop forget a request: woken for the first of several only, as that costs a call.

        The answer is on its way already.
        """
        with self._lock:
            is_first = not self._answered
            self._answered.append(answered)
        if is_first:
            answered.get_loop().call_soon_threadsafe(self._end_answered)

    def _end_answered(self) -> None:
        with self._lock:
            ended, self._answered = self._answered, []
        for answered in ended:
            if not answered.done():
                answered.set_result(None)

    def _answer(self, environ: dict[str, Any]) -> tuple[int, Headers, bytes]:
        begun: list[tuple[int, Headers]] = []

        def start(status: str, headers: Headers, *_: Any) -> Callable[[bytes], object]:
            begun.append((int(status.split(" ", 1)[0]), headers))
            return _refuse_writing

        parts = self._application(environ, start)
        try:
            content = b"".join(parts)
        finally:
            if close := getattr(parts, "close", None):
                close()
        status, headers = begun[-1]
        if isinstance(environ["wsgi.input"], MissingBody):
            headers = [*headers, ("connection", "close")]
        return status, headers, content


def _refuse_writing(_: bytes) -> None:
    """Refuse PEP 3333's old way to write: Flask does not use it."""
    raise NotImplementedError


async def _read_by_chunks(exchange: Exchange) -> io.IOBase:
    body = io.BytesIO()
    async for chunk in exchange:
        body.write(chunk)
        if body.tell() > MOST_BYTES:
            return MissingBody(RequestEntityTooLarge)
    body.seek(0)
    return body


def _length(given: str | None) -> int | None:
    """Return a body's length as its header says; None where its chunks say it."""
    if given is None:
        return None
    return int(given) if given.isascii() and given.isdecimal() else MOST_BYTES + 1


def _environ(scope: Scope, body: io.IOBase) -> dict[str, Any]:
    """Write a request as PEP 3333 has it; of a header sent twice, the values by commas.

    A name with an underscore is left out: it would pass for the one with a hyphen.
    """
    server, _, port = scope.server.rpartition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "SERVER_NAME": server,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": body,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    if scope.authority:
        environ["HTTP_HOST"] = scope.authority
    _add_headers(environ, scope.headers.items())
    return environ


def _add_headers(environ: dict[str, Any], headers: Iterable[tuple[str, str]]) -> None:
    for name, value in headers:
        if "_" in name:
            continue
        key = name.upper().replace("-", "_")
        if key not in {"CONTENT_TYPE", "CONTENT_LENGTH"}:
            key = f"HTTP_{key}"
        before = environ.get(key)
        environ[key] = value if before is None or key == "HTTP_HOST" else f"{before},{value}"


def create_server() -> Server:
    """Build what granian serves: the application behind the deadline for bodies.

    Ends the process, with a sentence for each fault, where its configuration is none to serve with.
    """
    try:
        application = create_app().wsgi_app
    except ConfigurationFaulty as error:
        sys.exit(str(error))
    config = settings()
    return Server(application, threads=config.api_threads, body_seconds=config.body_seconds)
