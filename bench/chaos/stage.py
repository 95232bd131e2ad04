"""The stage of a run: the whole stack in a passing place, with a proxy between its processes.

Only the main thread starts and ends processes (they die with the thread that started them): it runs
`attend`, and the other threads ask it for a restart of the whole.
"""

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from queue import Empty, SimpleQueue

import psycopg
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from bench.chaos.proxy import Proxy
from bench.stage.ground import plain
from domain.config import settings
from domain.database import dispose_engines
from launcher.addresses import OUTSIDE, embedded_database
from launcher.places import Place, passing_place
from launcher.ports import HOST, Ports, free_ports
from launcher.servers import embedded_postgres, embedded_valkey
from launcher.stack import NAMES, STEPS, environment_of, start_stack
from launcher.supervisor import Supervisor
from launcher.terminal import Terminal

PROGRAMS = tuple(name for name in NAMES if name not in (*STEPS, "console"))
_FIRST = (*PROGRAMS, "bootstrap", "migrate")
_BOOT_SECONDS = 180.0


class Stage:
    """The running stack, its proxy, and direct ways to its servers that no fault touches.

    `ports` are where the processes listen, `told` where they look for each other: the proxy's.
    """

    def __init__(
        self, place: Place, supervisor: Supervisor, proxy: Proxy, *, ports: Ports, told: Ports
    ) -> None:
        self.place = place
        self.proxy = proxy
        self.ports = ports
        self.told = told
        self._supervisor = supervisor
        self._wishes: SimpleQueue[threading.Event] = SimpleQueue()
        urls = embedded_database(embedded_postgres(place, ports.postgres), place.keyring)
        self._superuser_url = plain(urls.bootstrap or "")
        self.valkey = redis.Redis.from_url(
            embedded_valkey(place, ports.valkey).url(),
            socket_timeout=3,
            socket_connect_timeout=3,
            retry=Retry(NoBackoff(), 0),
        )
        self._connection: psycopg.Connection | None = None

    def pid_of(self, program: str) -> int | None:
        """Return a program's process; None while there is none."""
        return self._supervisor.pid_of(program)

    def ask(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """Ask the database, past the proxy. Raises psycopg.Error while it is away."""
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(
                self._superuser_url, autocommit=True, connect_timeout=3
            )
        try:
            return self._connection.execute(statement, values or None).fetchall()
        except psycopg.Error:
            self._connection.close()
            self._connection = None
            raise

    def restart(self) -> None:
        """Stop the whole and start it again; returns once it stands. Not of the main thread."""
        done = threading.Event()
        self._wishes.put(done)
        if not done.wait(_BOOT_SECONDS):
            raise TimeoutError("the stack did not start again")

    def attend(self, is_over: threading.Event) -> None:
        """Look after the processes until all is over; of the main thread only."""
        while not is_over.is_set():
            self._supervisor.watch_until(lambda: is_over.is_set() or not self._wishes.empty())
            with contextlib.suppress(Empty):
                done = self._wishes.get_nowait()
                self._supervisor.stop()
                self.start()
                done.set()

    def start(self, *, first: bool = False) -> None:
        """Start everything; the first time with the schema."""
        start_stack(
            self._supervisor,
            self.place,
            self.ports,
            only=_FIRST if first else PROGRAMS,
            told=self.told,
        )

    def url(self, program: str, *, proxied: bool = False) -> str:
        """Return where a program is reached, past the proxy unless wanted through it."""
        return f"http://{HOST}:{asdict(self.told if proxied else self.ports)[program]}"


@contextlib.contextmanager
def open_stage(name: str) -> Iterator[Stage]:
    """Start the stack behind a proxy; stop and remove all at the end, but the logs."""
    ports, told = _two_sets()
    links = {
        name: (asdict(told)[name], asdict(ports)[name])
        for name in ("postgres", "valkey", "sandbox", "api")
    }
    with passing_place(name) as place, (place.logs / "supervisor.log").open("w") as log:
        supervisor = Supervisor(logs=place.logs, terminal=Terminal(log))
        with supervisor.heeding_signals(), Proxy(links) as proxy, supervisor:
            stage = Stage(place, supervisor, proxy, ports=ports, told=told)
            stage.start(first=True)
            _set_own_addresses(environment_of(place, ports))
            yield stage
            dispose_engines()
            stage.valkey.close()


def _set_own_addresses(environment: Mapping[str, str]) -> None:
    """Let the domain's code in this process reach the servers, past the proxy.

    The launcher must not find them again: it would take them for servers of somebody else's.
    """
    os.environ.update(environment)
    settings.cache_clear()
    settings()
    for name in OUTSIDE:
        os.environ.pop(name, None)


def _two_sets() -> tuple[Ports, Ports]:
    while True:
        ports, told = free_ports(), free_ports()
        if not set(asdict(ports).values()) & set(asdict(told).values()):
            return ports, told
