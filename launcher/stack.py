"""Pinbu's processes in the order they start: the development form of the Procfile."""

import json
import os
import sys
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from launcher.addresses import (
    DATABASE,
    DatabaseUrls,
    child_environment,
    embedded_database,
    external_database,
    external_redis,
)
from launcher.errors import CannotGoOn
from launcher.places import PROJECT, Place
from launcher.ports import HOST, Ports, require_free
from launcher.probes import answers
from launcher.programs import Program
from launcher.servers import embedded_postgres, embedded_valkey
from launcher.supervisor import Supervisor

SERVERS = ("postgres", "valkey")
STEPS = ("bootstrap", "migrate", "sample")
WORKERS = (
    "worker_settle_1",
    "worker_settle_2",
    "worker_gateway",
    "worker_outside",
    "scheduler",
)
NAMES = (*SERVERS, *STEPS, "sandbox", "api", *WORKERS, "console")

# Each API process keeps up to 16 connections of the embedded server's 200.
MOST_API_PROCESSES = 8
API_THREADS = 8

# Shared by a server's processes: beyond its share each takes no more connections, idle ones count.
API_BACKLOG = 4096


@dataclass(frozen=True)
class Stack:
    """A running stack: what its processes were given, and what the sample command told."""

    environment: dict[str, str]
    sample: dict[str, Any]


def start_stack(
    supervisor: Supervisor,
    place: Place,
    ports: Ports,
    *,
    only: Collection[str] = NAMES,
    told: Ports | None = None,
) -> Stack:
    """Start the processes in order, each when the one before is ready. Raises CannotGoOn.

    With outside servers in the environment (DATABASE_URL, REDIS_URL) the embedded ones stay off.
    Where something stands between the processes, they are `told` its ports instead of the real.
    """
    embedded = _embedded_servers(only)
    database, redis_url = _start_servers(supervisor, place, ports, embedded)
    environment = environment_of(place, ports, database, redis_url)
    if told is not None:
        environment = environment_of(place, told)
    if "bootstrap" in only and database.bootstrap:
        supervisor.step(
            "bootstrap",
            _python("migrations.bootstrap"),
            {**environment, "BOOTSTRAP_DATABASE_URL": database.bootstrap},
        )
    if "migrate" in only:
        supervisor.step("migrate", migrate_command(), environment)
    if "sandbox" in only:
        supervisor.start(_sandbox(place, ports, environment))
    sample = {}
    if "sample" in only:
        sample = _told(supervisor.step("sample", flask_command("sample"), environment))
    if "api" in only:
        supervisor.start(_api(ports, environment))
    last = [*_workers(environment), _console(ports, environment)]
    supervisor.start(*(program for program in last if program.name in only))
    return Stack(environment, sample)


def environment_of(
    place: Place, ports: Ports, database: DatabaseUrls | None = None, redis_url: str | None = None
) -> dict[str, str]:
    """Return what processes are given; without addresses, those of the embedded servers."""
    if database is None:
        database = embedded_database(embedded_postgres(place, ports.postgres), place.keyring)
    if redis_url is None:
        redis_url = embedded_valkey(place, ports.valkey).url()
    return {
        **settling_environment(),
        **child_environment(place, ports, database, redis_url),
    }


def require_free_ports(ports: Ports, *, command: str, only: Collection[str]) -> None:
    """Raise CannotGoOn if another program has a port that these processes would listen on."""
    embedded = _embedded_servers(only)
    listening = {
        name: port
        for name, port in asdict(ports).items()
        if name in only and (name not in SERVERS or name in embedded)
    }
    require_free(listening, command)


def settling_environment() -> dict[str, str]:
    """Let a herd keep all processors but one busy, as far as chunks go: shoppers have a share."""
    return {"PINBU_SETTLE_AT_ONCE": str(max(1, _cores() - 1))}


def migrate_command() -> tuple[str, ...]:
    """Return the command that brings the schema up to date."""
    return _python("alembic", "-c", "migrations/alembic.ini", "upgrade", "head")


def flask_command(*arguments: str) -> tuple[str, ...]:
    """Return a command of the API's, such as `audit`."""
    return _python("flask", "--app", "api", *arguments)


def _embedded_servers(only: Collection[str]) -> list[str]:
    """Return which servers are ours to start: those the environment names no outside one for."""
    outside = {"postgres": external_database(), "valkey": external_redis()}
    return [name for name in SERVERS if name in only and not outside[name]]


def _start_servers(
    supervisor: Supervisor, place: Place, ports: Ports, embedded: Collection[str]
) -> tuple[DatabaseUrls, str]:
    postgres = valkey = None
    programs = []
    database, redis_url = external_database(), external_redis()
    if database is None:
        postgres = embedded_postgres(place, ports.postgres)
        database = embedded_database(postgres, place.keyring)
    if redis_url is None:
        valkey = embedded_valkey(place, ports.valkey)
        redis_url = valkey.url()
    if postgres and "postgres" in embedded:
        postgres.initialise()
        programs.append(postgres.program())
    if valkey and "valkey" in embedded:
        valkey.initialise()
        programs.append(valkey.program())
    supervisor.start(*programs)
    if postgres and "postgres" in embedded:
        postgres.create_database(DATABASE)
    return database, redis_url


def _sandbox(place: Place, ports: Ports, environment: Mapping[str, str]) -> Program:
    data = str(place.home / "sandbox")
    return Program(
        name="sandbox",
        command=_python("sandbox", "--port", str(ports.sandbox), "--data", data),
        environment=environment,
        is_ready=partial(answers, ports.sandbox, "/control/clock"),
        detail=f"http://{HOST}:{ports.sandbox}  (the gateways, to be played by hand)",
    )


def _api(ports: Ports, environment: Mapping[str, str]) -> Program:
    processes = max(1, min(MOST_API_PROCESSES, _cores() - 1))
    return Program(
        name="api",
        command=_python(
            *("granian", "--interface", "rsgi", "--factory", "api.serving:create_server"),
            *("--host", HOST, "--port", str(ports.api)),
            *("--workers", str(processes), "--backlog", str(API_BACKLOG)),
            "--respawn-failed-workers",
        ),
        environment={**environment, "PINBU_API_THREADS": str(API_THREADS)},
        is_ready=partial(answers, ports.api, "/readyz"),
        detail=f"http://{HOST}:{ports.api}",
    )


def _workers(environment: Mapping[str, str]) -> list[Program]:
    """Return the workers; of two that settle, one computes while the other's statements run."""
    commands = {
        "worker_settle_1": _python("jobs.worker", "settle"),
        "worker_settle_2": _python("jobs.worker", "settle"),
        "worker_gateway": _python("jobs.worker", "gateway"),
        "worker_outside": _python("jobs.worker", "outside"),
        "scheduler": _python("jobs.scheduler"),
    }
    return [Program(name, command, environment) for name, command in commands.items()]


def _console(ports: Ports, environment: Mapping[str, str]) -> Program:
    return Program(
        name="console",
        command=_python(
            *("streamlit", "run", "console/app.py"),
            *("--server.port", str(ports.console), "--server.address", HOST),
            *("--server.headless", "true", "--browser.gatherUsageStats", "false"),
        ),
        environment=environment,
        is_ready=partial(answers, ports.console, "/_stcore/health"),
        detail=f"http://{HOST}:{ports.console}",
    )


def _python(module: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", module, *arguments)


def _told(printed: str) -> dict[str, Any]:
    """Return the one JSON object among the printed lines."""
    for line in reversed(printed.splitlines()):
        if line.startswith("{"):
            told = json.loads(line)
            return told if isinstance(told, dict) else {}
    raise CannotGoOn(f"`flask sample` in {PROJECT} printed no JSON object:\n{printed}")


def _cores() -> int:
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable else os.cpu_count() or 1
