"""A TCP proxy between the processes: it delays, cuts, resets and refuses, as it is told to.

One thread with an event loop of its own carries all links; it is steered by the other threads.
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, TypeVar, cast

from launcher.ports import HOST

HIGH_WATER = 256 * 1024
START_SECONDS = 10.0
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Toxic:
    """What a link does to its connections; nothing unless told.

    `delay_seconds` holds back what is sent, each way; a connection dies with a reset once
    `cut_bytes` more have passed through it; `is_down` refuses new ones.
    """

    delay_seconds: float = 0.0
    cut_bytes: int | None = None
    is_down: bool = False


CLEAN = Toxic()


@dataclass
class Link:
    """One way through the proxy: where it listens, where it leads, what ails it."""

    name: str
    port: int
    target: int
    toxic: Toxic = CLEAN
    connections: "set[_Connection]" = field(default_factory=set)
    counted: int = 0


class Proxy:
    """Carries each link's connections from its port to its target."""

    def __init__(self, links: Mapping[str, tuple[int, int]]) -> None:
        self._links = {name: Link(name, *ports) for name, ports in links.items()}
        self._loop = asyncio.new_event_loop()
        self._servers: list[asyncio.Server] = []
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ask(self._listen)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ask(self._close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_SECONDS)

    def set(self, name: str, toxic: Toxic) -> None:
        """Let a toxic work on a link, on the connections that it has and on new ones."""

        async def change() -> None:
            link = self._links[name]
            link.toxic = toxic
            for connection in link.connections:
                connection.begin_cut(toxic.cut_bytes)

        self._ask(change)

    def reset(self, name: str) -> int:
        """Reset all connections of a link; returns how many there were."""

        async def abort() -> int:
            alive = list(self._links[name].connections)
            for connection in alive:
                connection.abort()
            return len(alive)

        return self._ask(abort)

    def clear(self, name: str) -> None:
        """Let a link work again."""
        self.set(name, CLEAN)

    def alive(self, name: str) -> int:
        """Return how many connections a link has now."""
        return len(self._links[name].connections)

    def connections(self, name: str) -> int:
        """Return how many connections a link has had."""
        return self._links[name].counted

    def _ask(self, act: Callable[[], Awaitable[Value]]) -> Value:
        async def run() -> Value:
            return await act()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(START_SECONDS)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    async def _listen(self) -> None:
        for link in self._links.values():
            # The closure takes the link as a default: each server has its own.
            server = await self._loop.create_server(
                lambda link=link: _Side(_Connection(link, self._loop)),  # type: ignore[misc]
                HOST,
                link.port,
                backlog=1024,
            )
            self._servers.append(server)

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        for link in self._links.values():
            for connection in list(link.connections):
                connection.abort()
        await asyncio.sleep(0.05)  # for the sockets to be closed


class _Connection:
    """A pair of sides: the caller's, and the one towards the target."""

    def __init__(self, link: Link, loop: asyncio.AbstractEventLoop) -> None:
        self.link = link
        self.loop = loop
        self.caller: _Side | None = None
        self.target: _Side | None = None
        self._left: int | None = link.toxic.cut_bytes
        self._is_over = False

    def begin(self, caller: "_Side") -> None:
        """Go on to the target once somebody has called."""
        self.caller = caller
        self.link.counted += 1
        if self.link.toxic.is_down:
            self.abort()
            return
        self.link.connections.add(self)
        caller.transport.pause_reading()
        self.loop.create_task(self._reach())

    async def _reach(self) -> None:
        side = _Side(self, is_caller=False)
        try:
            await self.loop.create_connection(lambda: side, HOST, self.link.target)
        except OSError:
            self.abort()
            return
        if self._is_over or self.caller is None:
            side.abort()
            return
        self.target = side
        self.caller.transport.resume_reading()

    def begin_cut(self, after: int | None) -> None:
        """Count from now on the bytes after which the connection dies; None: it lives."""
        self._left = after

    def other(self, side: "_Side") -> "_Side | None":
        """Return the opposite side, as far as it is there."""
        return self.target if side is self.caller else self.caller

    def carry(self, side: "_Side", data: bytes) -> None:
        """Take what one side received to the other; it may be cut short."""
        other = self.other(side)
        if other is None or self._is_over:
            return
        if self._left is not None:
            kept = data[: self._left]
            self._left -= len(kept)
            other.send(kept, self.link.toxic.delay_seconds)
            if self._left <= 0:
                self.loop.call_soon(self.abort)
            return
        other.send(data, self.link.toxic.delay_seconds)

    def end(self, side: "_Side") -> None:
        """Tell one side that the other has nothing more to say."""
        side.has_ended = True
        other = self.other(side)
        if other is not None:
            other.send_end(self.link.toxic.delay_seconds)

    def lose(self, side: "_Side", *, is_broken: bool) -> None:
        """End what is left when one side has gone."""
        other = self.other(side)
        if is_broken or other is None:
            self.abort()
        else:
            other.send_end(self.link.toxic.delay_seconds)
        if other is None or other.is_gone:
            self.link.connections.discard(self)

    def abort(self) -> None:
        """Reset both sides."""
        self._is_over = True
        self.link.connections.discard(self)
        for side in (self.caller, self.target):
            if side is not None:
                side.abort()


class _Side(asyncio.Protocol):
    """One socket of a connection; what goes out keeps its order, however it is delayed."""

    transport: asyncio.Transport

    def __init__(self, connection: _Connection, *, is_caller: bool = True) -> None:
        self._connection = connection
        self._is_caller = is_caller
        self._free_at = 0.0
        self.is_gone = False
        self.has_ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(HIGH_WATER)
        self.transport.get_extra_info("socket").setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
        )
        if self._is_caller:
            self._connection.begin(self)

    def data_received(self, data: bytes) -> None:
        self._connection.carry(self, data)

    def eof_received(self) -> bool:
        self._connection.end(self)
        return True

    def connection_lost(self, error: Exception | None) -> None:
        self.is_gone = True
        self._connection.lose(self, is_broken=error is not None)

    def pause_writing(self) -> None:
        other = self._connection.other(self)
        if other is not None and not other.is_gone:
            other.transport.pause_reading()

    def resume_writing(self) -> None:
        other = self._connection.other(self)
        if other is not None and not other.is_gone:
            other.transport.resume_reading()

    def send(self, data: bytes, delay: float) -> None:
        """Write, now or later, after what was to be written before."""
        self._in_turn(lambda: self.transport.write(data), delay)

    def send_end(self, delay: float) -> None:
        """Say that nothing more comes; close once both have said so."""
        self._in_turn(self._end, delay)

    def abort(self) -> None:
        """Close with a reset."""
        if self.is_gone or not hasattr(self, "transport"):
            return
        ours = self.transport.get_extra_info("socket")
        if ours is not None and ours.fileno() >= 0:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.transport.abort()

    def _end(self) -> None:
        other = self._connection.other(self)
        if other is None or other.is_gone or self.has_ended:
            self.transport.close()
        elif self.transport.can_write_eof():
            self.transport.write_eof()

    def _in_turn(self, act: Callable[[], None], delay: float) -> None:
        loop = self._connection.loop
        now = loop.time()
        at = max(self._free_at, now + delay)
        if at <= now:
            self._unless_gone(act)
            return
        self._free_at = at
        loop.call_at(at, self._unless_gone, act)

    def _unless_gone(self, act: Callable[[], None]) -> None:
        if not self.is_gone and not self.transport.is_closing():
            act()
