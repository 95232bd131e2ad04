import socket
import socketserver
import threading
import time
from collections.abc import Iterator

import pytest

from bench.chaos.proxy import Proxy, Toxic
from launcher.ports import HOST, free_port


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while data := self.request.recv(65536):
            self.request.sendall(data)


@pytest.fixture
def echo() -> Iterator[int]:
    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A reset is what some tests ask for."""

    with Server((HOST, 0), Echo) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def proxy(echo: int, port: int) -> Iterator[Proxy]:
    with Proxy({"echo": (port, echo)}) as made:
        yield made


def call(port: int) -> socket.socket:
    return socket.create_connection((HOST, port), timeout=5)


def exchange(caller: socket.socket, data: bytes) -> bytes:
    """Send, and receive as much; raises ConnectionResetError."""
    caller.sendall(data)
    answer = b""
    while len(answer) < len(data) and (part := caller.recv(65536)):
        answer += part
    return answer


def test_what_is_sent_comes_back_whole(proxy: Proxy, port: int) -> None:
    data = bytes(range(256)) * 4000

    with call(port) as caller:
        sender = threading.Thread(target=caller.sendall, args=(data,))
        sender.start()
        answer = b""
        while len(answer) < len(data):
            answer += caller.recv(65536)
        sender.join()

    assert answer == data
    assert proxy.connections("echo") == 1


def test_the_end_of_what_is_sent_is_passed_on(proxy: Proxy, port: int) -> None:
    with call(port) as caller:
        caller.sendall(b"bye")
        caller.shutdown(socket.SHUT_WR)
        answer = caller.recv(10)
        end = caller.recv(10)

    assert (answer, end) == (b"bye", b"")


@pytest.mark.parametrize("first", ["caller", "target"])
def test_connection_that_both_have_ended_is_forgotten(proxy: Proxy, port: int, first: str) -> None:
    with call(port) as caller:
        assert exchange(caller, b"bye") == b"bye"
        if first == "target":
            caller.shutdown(socket.SHUT_WR)
            assert caller.recv(10) == b""
    until = time.monotonic() + 5
    while (alive := proxy.alive("echo")) and time.monotonic() < until:
        time.sleep(0.01)

    assert alive == 0


def test_delay_holds_back_each_way_and_keeps_the_order(proxy: Proxy, port: int) -> None:
    with call(port) as caller:
        assert exchange(caller, b"warm") == b"warm"
        proxy.set("echo", Toxic(delay_seconds=0.1))
        began = time.monotonic()
        caller.sendall(b"one ")
        time.sleep(0.02)
        proxy.clear("echo")
        caller.sendall(b"two")
        answer = b""
        while len(answer) < 7:
            answer += caller.recv(100)
        took = time.monotonic() - began

    assert answer == b"one two"
    assert took >= 0.1


def test_connection_is_cut_after_so_many_bytes(proxy: Proxy, port: int) -> None:
    with call(port) as caller:
        assert exchange(caller, b"before") == b"before"
        proxy.set("echo", Toxic(cut_bytes=4))
        with pytest.raises(ConnectionResetError):
            exchange(caller, b"123456")
    proxy.clear("echo")

    with call(port) as caller:
        assert exchange(caller, b"again") == b"again"


def test_reset_ends_the_connections_there_are(proxy: Proxy, port: int) -> None:
    with call(port) as caller:
        assert exchange(caller, b"before") == b"before"

        assert proxy.reset("echo") == 1

        with pytest.raises(ConnectionResetError):
            caller.recv(1)


def test_a_link_that_is_down_refuses_and_comes_back(proxy: Proxy, port: int) -> None:
    proxy.set("echo", Toxic(is_down=True))
    with pytest.raises(ConnectionResetError), call(port) as caller:
        caller.recv(1)

    proxy.clear("echo")

    with call(port) as caller:
        assert exchange(caller, b"again") == b"again"


def test_nobody_behind_the_proxy_is_a_reset(port: int) -> None:
    with (
        Proxy({"gone": (port, free_port())}),
        pytest.raises(ConnectionResetError),
        call(port) as caller,
    ):
        caller.recv(1)
