"""Load over HTTP: prepared requests on keep-alive connections, sent by a process of its own.

`python -m bench.stage.load` reads a file of raw requests, sends each as soon as a connection is
free, and prints one JSON object. A request that is told to come again (Retry-After) is sent again
after that time, and counted.
"""

import argparse
import heapq
import json
import selectors
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from launcher.ports import HOST

_SIZE = struct.Struct("!I")
_END = b"\r\n\r\n"
GIVE_UP_SECONDS = 300.0


@dataclass(frozen=True)
class Answers:
    """How a load went: seconds from the first request to the last answer, and what was answered."""

    seconds: float
    statuses: dict[int, int]
    codes: dict[str, int]
    retries: int
    p50_ms: float
    p99_ms: float
    milliseconds: list[float] = field(default_factory=list, repr=False)

    @property
    def count(self) -> int:
        """Return how many requests were answered for good."""
        return sum(self.statuses.values())

    @property
    def per_second(self) -> float:
        """Return requests answered per second."""
        return self.count / self.seconds


def post(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """Write a POST as it goes over the wire."""
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: {HOST}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode() + _END + body


def drive(
    port: int, requests: Sequence[bytes], *, connections: int, per_second: float = 0.0
) -> Answers:
    """Send requests from a process of its own; `connections` of them are under way at a time.

    They go as soon as a connection is free, or evenly at a pace if one is given.
    """
    with tempfile.NamedTemporaryFile(prefix="pinbu-load-") as file:
        for request in requests:
            file.write(_SIZE.pack(len(request)) + request)
        file.flush()
        done = subprocess.run(
            [
                *(sys.executable, "-m", "bench.stage.load", file.name),
                *("--port", str(port), "--connections", str(connections)),
                *("--per-second", str(per_second)),
            ],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    told: dict[str, Any] = json.loads(done.stdout)
    told["statuses"] = {int(status): n for status, n in told["statuses"].items()}
    return Answers(**told)


def _read_requests(path: Path) -> deque[bytes]:
    raw = path.read_bytes()
    requests: deque[bytes] = deque()
    at = 0
    while at < len(raw):
        (size,) = _SIZE.unpack_from(raw, at)
        at += _SIZE.size
        requests.append(raw[at : at + size])
        at += size
    return requests


@dataclass(slots=True)
class _Connection:
    socket: socket.socket
    request: bytes = b""
    unsent: bytes = b""
    received: bytes = b""
    began_at: float = 0.0


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    retry_after: float | None
    body: bytes


class _Load:
    """One run; everything happens in one thread."""

    def __init__(
        self, port: int, connections: int, requests: deque[bytes], per_second: float
    ) -> None:
        self._selector = selectors.DefaultSelector()
        self._requests = requests
        self._left = len(requests)
        self._idle: list[_Connection] = []
        self._later: list[tuple[float, int, bytes]] = []
        self._statuses: Counter[int] = Counter()
        self._codes: Counter[str] = Counter()
        self._milliseconds: list[float] = []
        self._retries = 0
        self._per_second = per_second
        for _ in range(min(connections, len(requests))):
            opened = socket.create_connection((HOST, port))
            opened.setblocking(False)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = _Connection(opened)
            self._selector.register(opened, selectors.EVENT_READ, connection)
            self._idle.append(connection)

    def run(self) -> dict[str, Any]:
        began_at = time.perf_counter()
        if self._per_second:
            paced = enumerate(self._requests)
            self._later = [(began_at + n / self._per_second, n, one) for n, one in paced]
            self._requests.clear()
        while self._left:
            self._send_due()
            for key, events in self._selector.select(self._patience()):
                if events & selectors.EVENT_WRITE:
                    self._send(key.data)
                if events & selectors.EVENT_READ:
                    self._receive(key.data)
            if time.perf_counter() - began_at > GIVE_UP_SECONDS:
                raise TimeoutError(f"{self._left} requests were not answered")
        seconds = time.perf_counter() - began_at
        ordered = sorted(self._milliseconds)
        return {
            "seconds": seconds,
            "statuses": self._statuses,
            "codes": self._codes,
            "retries": self._retries,
            "p50_ms": round(ordered[len(ordered) // 2], 2),
            "p99_ms": round(ordered[int(len(ordered) * 0.99)], 2),
            "milliseconds": [round(one, 2) for one in ordered],
        }

    def _patience(self) -> float:
        return max(0.0, self._later[0][0] - time.perf_counter()) if self._later else 1.0

    def _send_due(self) -> None:
        now = time.perf_counter()
        while self._later and self._later[0][0] <= now:
            self._requests.append(heapq.heappop(self._later)[2])
        while self._idle and self._requests:
            connection = self._idle.pop()
            connection.request = self._requests.popleft()
            connection.unsent, connection.received = connection.request, b""
            connection.began_at = time.perf_counter()
            self._send(connection)

    def _send(self, connection: _Connection) -> None:
        try:
            sent = connection.socket.send(connection.unsent)
        except BlockingIOError:
            sent = 0
        connection.unsent = connection.unsent[sent:]
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.unsent else 0)
        if self._selector.get_key(connection.socket).events != wanted:
            self._selector.modify(connection.socket, wanted, connection)

    def _receive(self, connection: _Connection) -> None:
        chunk = connection.socket.recv(65536)
        if not chunk:
            raise ConnectionError(f"closed after {connection.received!r}")
        connection.received += chunk
        answer = _parse(connection.received)
        if answer is None:
            return
        self._idle.append(connection)
        if answer.retry_after is not None:
            self._retries += 1
            due_at = time.perf_counter() + answer.retry_after
            heapq.heappush(self._later, (due_at, self._retries, connection.request))
            return
        self._left -= 1
        self._milliseconds.append((time.perf_counter() - connection.began_at) * 1000)
        self._statuses[answer.status] += 1
        if answer.status >= 400:
            self._codes[_code(answer.body)] += 1


def _parse(received: bytes) -> _Answer | None:
    """Read an answer, or return None while it is not whole."""
    end = received.find(_END)
    if end < 0:
        return None
    length, retry_after = 0, None
    for line in received[:end].split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
        elif name.lower() == b"retry-after":
            retry_after = float(value)
    body = received[end + len(_END) :]
    return None if len(body) < length else _Answer(int(received[9:12]), retry_after, body)


def _code(body: bytes) -> str:
    try:
        return str(json.loads(body).get("code"))
    except ValueError:
        return body[:80].decode(errors="replace")


def main() -> None:
    """Send what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m bench.stage.load")
    parser.add_argument("requests", type=Path)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--per-second", type=float, default=0.0)
    options = parser.parse_args()
    requests = _read_requests(options.requests)
    load = _Load(options.port, options.connections, requests, options.per_second)
    print(json.dumps(load.run()))


if __name__ == "__main__":
    main()
