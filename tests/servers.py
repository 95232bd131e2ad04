"""A PostgreSQL and a Valkey for the whole test run, and a database of its own for each worker.

The xdist controller, or the only process, starts the servers once and migrates a template database
that nobody stays connected to; what a test commits goes into a clone of it. The addresses are in
the environment before any module of the product is imported.
"""

import contextlib
import itertools
import os
import re
import signal
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from psycopg import sql

from launcher.addresses import DatabaseUrls, embedded_database, key_environment
from launcher.errors import CannotGoOn
from launcher.places import Place, passing_place
from launcher.ports import HOST, free_port
from launcher.servers import embedded_postgres, embedded_valkey
from launcher.supervisor import Supervisor
from launcher.terminal import Terminal

TEMPLATE = "pinbu_template"
# A killed server loses nothing by these; a machine without power would.
QUICK_SETTINGS = ("fsync=off", "full_page_writes=off", "max_wal_size=4GB")
MIGRATE = """
from alembic.config import main
from migrations.bootstrap import main as bootstrap

bootstrap()
main(["-c", "migrations/alembic.ini", "upgrade", "head"])
"""


@dataclass(frozen=True)
class Coordinates:
    """Where the servers of this run are; sent to every worker."""

    home: str
    logs: str
    postgres_port: int
    valkey_port: int
    only_debian: bool


@dataclass(frozen=True)
class ValkeyDatabase:
    """The numbered database of one worker; empty when a test gets it."""

    url: str
    client: redis.Redis


class Servers:
    """The servers of this run, seen from the controller or from one worker."""

    def __init__(self, coordinates: Coordinates, worker: str = "main") -> None:
        self.coordinates = coordinates
        self.worker = worker
        home = Path(coordinates.home)
        self._place = Place(home, home / "servers", Path(coordinates.logs))
        self._keyring = self._place.keyring
        self._postgres = embedded_postgres(
            self._place,
            coordinates.postgres_port,
            only_debian=coordinates.only_debian,
            settings=QUICK_SETTINGS,
            is_lasting=False,
        )
        self._valkey = embedded_valkey(
            self._place, coordinates.valkey_port, only_debian=coordinates.only_debian
        )
        self._supervisor: Supervisor | None = None

    def ensure_started(self) -> None:
        """Start the servers and migrate the template, unless that has been done."""
        if self._supervisor or self.worker != "main":
            return
        self._supervisor = Supervisor(logs=self._place.logs, terminal=Terminal(StringIO()))
        self._postgres.initialise()
        self._valkey.initialise()
        self._supervisor.start(self._postgres.program(), self._valkey.program())
        self._postgres.create_database(TEMPLATE)
        urls = self.urls(TEMPLATE)
        environment = {
            **os.environ,
            **urls.environment,
            "BOOTSTRAP_DATABASE_URL": urls.bootstrap or "",
        }
        self._supervisor.step("template", (sys.executable, "-c", MIGRATE), environment)
        self._execute("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false", TEMPLATE)

    def stop(self) -> None:
        """Stop what this process started."""
        if self._supervisor:
            self._supervisor.stop()

    def urls(self, database: str) -> DatabaseUrls:
        """Return the addresses of a database, by role."""
        return embedded_database(self._postgres, self._keyring, database)

    def clone(self, database: str) -> DatabaseUrls:
        """Make a database with the schema and nothing else."""
        self.ensure_started()
        self._execute("CREATE DATABASE {} TEMPLATE {}", database, TEMPLATE)
        return self.urls(database)

    def drop(self, database: str) -> None:
        """Drop a database, whoever is connected."""
        self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", database)

    @property
    def database(self) -> str:
        """Return the name of this worker's database."""
        return f"pinbu_{self.worker}"

    @property
    def valkey_url(self) -> str:
        """Return the address of this worker's numbered database."""
        found = re.search(r"\d+", self.worker)
        return self._valkey.url(1 + int(found.group()) if found else 0)

    @property
    def environment(self) -> dict[str, str]:
        """Return what the product reads from its environment."""
        return {
            **self.urls(self.database).environment,
            **key_environment(self._keyring),
            "REDIS_URL": self.valkey_url,
            "PINBU_ENV": "development",
        }

    def _execute(self, statement: str, *names: str) -> None:
        address = (
            f"host={HOST} port={self._postgres.port} user=postgres dbname=postgres"
            f" password={self._postgres.password} sslmode=disable"
        )
        with contextlib.closing(psycopg.connect(address, autocommit=True)) as connection:
            connection.execute(sql.SQL(statement).format(*(sql.Identifier(name) for name in names)))


_servers = pytest.StashKey[Servers]()
_cleanup = pytest.StashKey[contextlib.ExitStack]()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    handed_over = getattr(config, "workerinput", None)
    if handed_over:
        servers = Servers(Coordinates(**handed_over["servers"]), handed_over["workerid"])
    else:
        cleanup = config.stash[_cleanup] = contextlib.ExitStack()
        servers = Servers(_new_coordinates(cleanup))
        cleanup.callback(servers.stop)
        signal.signal(signal.SIGTERM, _interrupt)
    config.stash[_servers] = servers
    os.environ.pop("BOOTSTRAP_DATABASE_URL", None)
    os.environ.update(servers.environment)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["servers"] = asdict(node.config.stash[_servers].coordinates)


@pytest.hookimpl(wrapper=True)
def pytest_sessionstart(session: pytest.Session) -> Iterator[None]:
    """Start the servers while the workers, started by the inner hooks, collect the tests."""
    yield
    if session.config.pluginmanager.has_plugin("dsession"):
        try:
            session.config.stash[_servers].ensure_started()
        except CannotGoOn as error:
            pytest.exit(str(error), returncode=3)


def pytest_unconfigure(config: pytest.Config) -> None:
    cleanup = config.stash.get(_cleanup, None)
    if cleanup:
        cleanup.close()


@pytest.fixture(scope="session")
def database(request: pytest.FixtureRequest) -> DatabaseUrls:
    """The worker's database: the schema, and whatever tests commit; its addresses by role."""
    servers = request.config.stash[_servers]
    return servers.clone(servers.database)


_numbers = itertools.count(1)


@pytest.fixture
def fresh_database(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DatabaseUrls]:
    """A database of this test alone, empty but for the schema; the environment names it."""
    servers = request.config.stash[_servers]
    name = f"{servers.database}_{next(_numbers)}"
    urls = servers.clone(name)
    with monkeypatch.context() as patch:
        for variable, url in urls.environment.items():
            patch.setenv(variable, url)
        _forget_settings()
        yield urls
    _forget_settings()
    servers.drop(name)


@pytest.fixture
def valkey(request: pytest.FixtureRequest) -> Iterator[ValkeyDatabase]:
    """The worker's numbered Valkey database, empty."""
    servers = request.config.stash[_servers]
    servers.ensure_started()
    client = redis.Redis.from_url(servers.valkey_url)
    client.flushdb()
    yield ValkeyDatabase(servers.valkey_url, client)
    client.close()


def _new_coordinates(cleanup: contextlib.ExitStack) -> Coordinates:
    place = cleanup.enter_context(passing_place("test"))
    return Coordinates(
        home=str(place.home),
        logs=str(place.logs),
        postgres_port=free_port(),
        valkey_port=free_port(),
        only_debian=os.environ.get("PINBU_TEST_SERVERS") == "debian",
    )


def _forget_settings() -> None:
    """Let the product's modules, if they are loaded, read the environment again."""
    if database_module := sys.modules.get("domain.database"):
        database_module.dispose_engines()
    if config_module := sys.modules.get("domain.config"):
        config_module.settings.cache_clear()


def _interrupt(_number: int, _frame: object) -> None:
    """Take SIGTERM for Ctrl-C, so that the servers are stopped and their folder goes."""
    raise KeyboardInterrupt
