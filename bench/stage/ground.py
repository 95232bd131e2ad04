"""The ground of a measurement: PostgreSQL and Valkey as the launcher starts them, and databases.

Nothing else runs on it, so that no worker touches what is being measured.
"""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import psycopg

from bench.stage.processes import find_child
from launcher.addresses import DatabaseUrls, embedded_database, key_environment
from launcher.places import Place, passing_place
from launcher.ports import HOST, free_port
from launcher.postgres import Postgres
from launcher.programs import Program
from launcher.servers import embedded_postgres, embedded_valkey
from launcher.stack import migrate_command
from launcher.supervisor import Supervisor
from launcher.terminal import Terminal
from launcher.valkey import Valkey


def say(text: str) -> None:
    """Tell on stderr how far a measurement has come."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Database:
    """One migrated database, and the environment of programs that work on it."""

    name: str
    urls: DatabaseUrls
    environment: dict[str, str]

    def connect(self, role: str = "owner") -> psycopg.Connection:
        """Connect as `owner`, `core`, `merchant` or `bootstrap` (the superuser)."""
        return psycopg.connect(plain(getattr(self.urls, role)), options="-c timezone=UTC")


def plain(url: str) -> str:
    """Turn SQLAlchemy's address into libpq's."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


class Ground:
    """Servers, databases and programs of one measurement; stopped together at the end."""

    def __init__(self, place: Place, supervisor: Supervisor) -> None:
        self.place = place
        self._supervisor = supervisor
        self._postgres: Postgres = embedded_postgres(place, free_port())
        self._valkey: Valkey = embedded_valkey(place, free_port())

    def start_servers(self) -> None:
        """Start PostgreSQL and Valkey with the launcher's own settings."""
        self._postgres.initialise()
        self._valkey.initialise()
        self._supervisor.start(self._postgres.program(), self._valkey.program())

    @property
    def pgbench(self) -> Path:
        """Return the pgbench that came with the server."""
        return self._postgres.binaries.beside("pgbench")

    def empty_database(self, name: str) -> str:
        """Create a database without anything; returns the superuser's address of it."""
        self._postgres.create_database(name)
        return plain(self._postgres.url(name))

    def migrated_database(self, name: str) -> Database:
        """Create a database with the product's roles and schema."""
        self._postgres.create_database(name)
        urls = embedded_database(self._postgres, self.place.keyring, name)
        environment = {
            **inherited(),
            **urls.environment,
            **key_environment(self.place.keyring),
            "REDIS_URL": self._valkey.url(),
            "PINBU_ENV": "production",
            "PINBU_CLOCK": "real",
            "PYTHONUNBUFFERED": "1",
        }
        bootstrapping = {**environment, "BOOTSTRAP_DATABASE_URL": urls.bootstrap or ""}
        self.run("bootstrap", (sys.executable, "-m", "migrations.bootstrap"), bootstrapping)
        self.run("migrate", migrate_command(), environment)
        return Database(name, urls, environment)

    def run(self, name: str, command: tuple[str, ...], environment: Mapping[str, str]) -> str:
        """Run a program to its end; returns what it printed. Raises CannotGoOn."""
        return self._supervisor.step(name, command, environment)

    def start(self, program: Program) -> int:
        """Start a program that goes on until the end, wait until it is ready; returns its pid."""
        self._supervisor.start(program)
        return find_child(" ".join(program.command))

    @contextlib.contextmanager
    def passing(self) -> Iterator[None]:
        """Stop at the end what is started within."""
        kept = self._supervisor.running
        try:
            yield
        finally:
            self._supervisor.stop(keep=kept)

    @property
    def postgres_pid(self) -> int:
        """Return the pid of the server's first process."""
        return find_child(f"postgres -D {self._postgres.data} ")


def inherited() -> dict[str, str]:
    """Return what of our environment is about the machine, not about another stack's servers."""
    machine = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")
    kept = (*machine, "PINBU_POSTGRES_BIN", "PINBU_VALKEY_BIN")
    return {name: os.environ[name] for name in kept if name in os.environ}


@contextlib.contextmanager
def ground(name: str = "figures") -> Iterator[Ground]:
    """Start servers in a passing place, which names the logs; stop and remove all at the end."""
    with passing_place(name) as place:
        supervisor = Supervisor(logs=place.logs, terminal=Terminal(StringIO()))
        with supervisor:
            made = Ground(place, supervisor)
            made.start_servers()
            yield made


def wait_until(holds: Callable[[], bool], *, seconds: float, pause: float = 0.02) -> None:
    """Wait until something holds. Raises TimeoutError."""
    ends_at = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > ends_at:
            raise TimeoutError
        time.sleep(pause)


__all__ = [
    "HOST",
    "Database",
    "Ground",
    "free_port",
    "ground",
    "inherited",
    "plain",
    "say",
    "wait_until",
]
