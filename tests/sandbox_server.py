"""The gateway sandbox as a subprocess, and a receiver for its callbacks.

A conftest uses it by importing the fixtures it needs:
`from tests.sandbox_server import receiver, sandbox`.
"""

import itertools
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

ROOT = Path(__file__).parent.parent
DEADLINE_SECONDS = 20.0
T = TypeVar("T")


def wait_until(probe: Callable[[], T], *, seconds: float = DEADLINE_SECONDS) -> T:
    """Return the first truthy value of `probe`; fail after the deadline."""
    until = time.monotonic() + seconds
    while not (value := probe()):
        if time.monotonic() > until:
            raise AssertionError("gave up waiting")
        time.sleep(0.01)
    return value


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class SandboxServer:
    """One sandbox process on its own folder, with a client of its control API."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.http = httpx.Client(base_url=self.url, timeout=30, trust_env=False)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process and wait until it answers."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sandbox", "--port", str(self.port), "--data", str(self.data)],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "PYTHONWARNINGS": "default"},
        )
        wait_until(self._answers)

    def _answers(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise AssertionError("the sandbox did not start")
        try:
            return self.http.get("/control/health").status_code == 200
        except httpx.TransportError:
            return False

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop the process, by SIGKILL if asked to."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=DEADLINE_SECONDS)
            self._process = None

    def close(self) -> None:
        """Stop the process and the client."""
        self.stop()
        self.http.close()

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        """Call the control API."""
        return self._answer(self.http.post(f"/control{path}", json=body))

    def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        """Read from the control API."""
        return self._answer(self.http.get(f"/control{path}", params=parameters))

    def _answer(self, response: httpx.Response) -> dict[str, Any]:
        assert response.status_code == 200, f"{response.status_code} {response.text}"
        answer: dict[str, Any] = response.json()
        return answer

    def items(self, path: str, **filters: Any) -> list[dict[str, Any]]:
        """List a record through all its pages."""
        items: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            page = self.get(path, **filters, **cursor)
            items += page["items"]
            if page["next"] is None:
                return items
            cursor = {"after": page["next"]}

    def open_account(self, appid: str | None = None) -> dict[str, Any]:
        """Open a merchant account of an app of its own."""
        return self.post("/accounts", appid=appid or f"wx{secrets.token_hex(8)}")

    def fault(self, name: str, **options: Any) -> dict[str, Any]:
        """Put a fault in force."""
        return self.post("/faults", name=name, **options)

    def clear(self) -> None:
        """Take all faults out of force and let all callbacks go."""
        self.http.delete("/control/faults")
        self.post("/callbacks/release")

    def advance(self, seconds: float) -> None:
        """Move the business clock forward."""
        offset = self.get("/clock")["offset_seconds"]
        self.post("/clock", offset_seconds=offset + seconds)

    def wait_drained(self) -> None:
        """Wait until nothing that is due is left."""
        wait_until(self._is_drained)

    def _is_drained(self) -> bool:
        left = self.get("/drained")
        return not any(left[name] for name in left if name.startswith("pending_"))


@dataclass
class Received:
    """One callback as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """A real HTTP server that keeps what it is sent and answers `status`: 200 says success."""

    url: str
    status: int = 204
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def new_url(self) -> str:
        """Return a callback URL nobody else uses."""
        return f"{self.url}/callbacks/{next(self._numbers)}"

    def at(self, url: str) -> list[Received]:
        """List what came to one URL."""
        return [one for one in list(self.received) if self.url + one.path == url]

    def wait_for(self, url: str, count: int = 1) -> list[Received]:
        """Wait until that many callbacks came to one URL."""
        return wait_until(lambda: self.at(url) if len(self.at(url)) >= count else [])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    receiver: Receiver

    def setup(self) -> None:
        super().setup()
        self.receiver.connections += 1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.receiver.received.append(Received(self.path, dict(self.headers.items()), body))
        answers = {200: b"success", 204: b""}
        answer = answers.get(self.receiver.status, b'{"code":"FAIL","message":"no"}')
        self.send_response(self.receiver.status)
        if answer:
            self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args: Any) -> None:
        """Stay silent."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *args: Any) -> None:
        """A client that goes away is no error."""


@pytest.fixture(scope="session")
def shared_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxServer]:
    """One sandbox for all tests that leave its clock alone."""
    server = SandboxServer(tmp_path_factory.mktemp("sandbox"))
    server.start()
    yield server
    server.close()


@pytest.fixture
def sandbox(shared_sandbox: SandboxServer) -> Iterator[SandboxServer]:
    """The shared sandbox, without faults and withheld callbacks afterwards."""
    yield shared_sandbox
    shared_sandbox.clear()


@pytest.fixture
def own_sandbox(tmp_path: Path) -> Iterator[SandboxServer]:
    """A sandbox of its own: for clocks and restarts."""
    server = SandboxServer(tmp_path)
    server.start()
    yield server
    server.close()


@pytest.fixture(scope="session")
def receiver_server() -> Iterator[Receiver]:
    """The receiver's server, once per session."""
    server = _Server(("127.0.0.1", 0), _Handler)
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}")
    server.RequestHandlerClass = type("Handler", (_Handler,), {"receiver": receiver})
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield receiver
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def receiver(receiver_server: Receiver) -> Iterator[Receiver]:
    """The receiver, accepting everything again afterwards."""
    yield receiver_server
    receiver_server.status = 204
