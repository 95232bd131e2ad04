"""The API as the Procfile starts it: half-sent bodies stop nobody, and end at their deadline."""

import http.client
import json
import os
import re
import shlex
import signal
import socket
import string
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox_server import free_port, wait_until

ROOT = Path(__file__).parents[2]
BODY_SECONDS = 3
STALLED = 32


def web_command(port: int) -> list[str]:
    """Return the Procfile's command for `web`, on this machine's own address."""
    lines = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
    words = string.Template(lines["web"].replace(":-", "_")).safe_substitute(
        PORT_8000=str(port), WEB_CONCURRENCY_2="2"
    )
    return [sys.executable, *shlex.split(re.sub(r"--host \S+", "--host 127.0.0.1", words))[1:]]


@pytest.fixture(scope="module")
def port(database: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    port = free_port()
    log = (tmp_path_factory.mktemp("web") / "log").open("wb")
    process = subprocess.Popen(
        web_command(port),
        cwd=ROOT,
        env={**os.environ, "PINBU_BODY_SECONDS": str(BODY_SECONDS)},
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        wait_until(lambda: _is_up(port))
        yield port
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        log.close()


def _is_up(port: int) -> bool:
    try:
        return ask(port, "GET", "/readyz")[0] == 200
    except OSError:
        return False


def ask(
    port: int, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def stall(port: int, path: str, head: str = "Content-Length: 1000", said: bytes = b"{") -> Any:
    """Begin a request whose body does not come."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=3 * BODY_SECONDS)
    lines = [f"POST {path} HTTP/1.1", "Host: x", "Content-Type: application/json", head]
    connection.sendall("\r\n".join([*lines, "", ""]).encode() + said)
    return connection


def rest(connection: socket.socket) -> bytes:
    """Return what the server sends until it closes the connection."""
    heard = b""
    while part := connection.recv(65_536):
        heard += part
    return heard


@pytest.mark.parametrize(
    ("path", "head", "said"),
    [
        ("/v1/auth/tokens", "Content-Length: 1000", b"{"),
        ("/v1/me/addresses", "Content-Length: 1000", b"{"),
        ("/v1/auth/tokens", "Content-Length: 900000", b"{" * 70_000),
        ("/v1/auth/tokens", "Transfer-Encoding: chunked", b"1\r\n{\r\n"),
    ],
    ids=["unread", "without-a-token", "long", "chunked"],
)
def test_half_sent_bodies_stop_nobody(port: int, path: str, head: str, said: bytes) -> None:
    with ExitStack() as stack:
        for _ in range(STALLED):
            stack.callback(stall(port, path, head, said).close)
        time.sleep(0.5)

        began = time.monotonic()
        found = [ask(port, "GET", "/healthz")[0] for _ in range(8)]
        took = time.monotonic() - began

    assert found == [200] * 8
    assert took < 1


def test_body_that_does_not_come_is_given_up_in_time(port: int) -> None:
    began = time.monotonic()
    with stall(port, "/v1/auth/tokens") as connection:
        heard = rest(connection)
    took = time.monotonic() - began

    head, _, body = heard.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in head.lower()
    assert json.loads(body)["code"] == "request_timeout"
    assert BODY_SECONDS - 0.5 < took < 2 * BODY_SECONDS


def test_dripping_body_has_the_same_deadline(port: int) -> None:
    began = time.monotonic()
    with stall(port, "/v1/auth/tokens", "Content-Length: 900000") as connection:
        heard = b""
        connection.settimeout(0.3)
        while time.monotonic() < began + 3 * BODY_SECONDS:
            try:
                heard += connection.recv(65_536)
                break
            except TimeoutError:
                connection.sendall(b" ")

    assert heard.startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - began < 2 * BODY_SECONDS


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("Content-Length: 1048577", b"{"),
        ("Content-Length: 99999999999999999999", b"{"),
        ("Transfer-Encoding: chunked", b"110000\r\n" + b" " * 0x110000 + b"\r\n"),
    ],
)
def test_body_that_is_too_large_is_refused_at_once(port: int, head: str, said: bytes) -> None:
    with stall(port, "/v1/auth/tokens", head, said) as connection:
        heard = connection.recv(65_536)

    # A length beyond 64 bits is refused by the server itself.
    assert heard.startswith((b"HTTP/1.1 413 ", b"HTTP/1.1 400 "))


def test_body_that_nobody_reads_does_not_cut_the_connection(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    statuses = []
    for _ in range(3):
        connection.request("POST", "/v1/orders", b"x" * 100_000)
        answer = connection.getresponse()
        answer.read()
        statuses.append((answer.status, answer.getheader("connection")))

    assert statuses == [(401, None)] * 3
    connection.close()


@pytest.mark.parametrize("size", [20, 100_000])
def test_whole_body_arrives(port: int, size: int) -> None:
    body = json.dumps({"refresh_token": "x" * size})
    status, _, answer = ask(
        port, "POST", "/v1/auth/tokens", body, **{"Content-Type": "application/json"}
    )

    assert status in {401, 422}, answer


def test_paths_and_queries_are_read_as_they_were_sent(port: int) -> None:
    status, _, answer = ask(port, "GET", "/%E6%8B%BC?x=%E8%A1%A5")

    assert status == 404
    assert json.loads(answer)["code"] == "not_found"


def test_header_with_an_underscore_does_not_pass_for_another(port: int) -> None:
    _, headers, _ = ask(port, "GET", "/healthz", X_Request_Id="abcdef-123456")
    _, right, _ = ask(port, "GET", "/healthz", **{"X-Request-Id": "abcdef-123456"})

    assert headers["x-request-id"] != "abcdef-123456"
    assert right["x-request-id"] == "abcdef-123456"
