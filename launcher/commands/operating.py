"""`audit` and `flask`: commands of the API, in the environment of the stack that `run` started."""

import argparse
from collections.abc import Mapping

from launcher.addresses import (
    child_environment,
    embedded_database,
    external_database,
    external_redis,
)
from launcher.errors import CannotGoOn
from launcher.foreground import run_in_foreground
from launcher.places import Place, standing_place
from launcher.ports import Ports
from launcher.roster import ports_of_launcher
from launcher.servers import embedded_postgres, embedded_valkey
from launcher.stack import flask_command


def execute(options: argparse.Namespace) -> int:
    """Run the command beside the running stack and return its code. Raises CannotGoOn."""
    place = standing_place()
    command = ("audit",) if options.command == "audit" else ()
    environment = _environment_of_running(place, ports_of_launcher(place.home))
    return run_in_foreground(flask_command(*command, *options.rest), environment)


def _environment_of_running(place: Place, ports: Ports) -> Mapping[str, str]:
    database, redis_url = external_database(), external_redis()
    if database is None:
        postgres = embedded_postgres(place, ports.postgres)
        _require("PostgreSQL", postgres.is_ready(), ports.postgres)
        database = embedded_database(postgres, place.keyring)
    if redis_url is None:
        valkey = embedded_valkey(place, ports.valkey)
        _require("Valkey", valkey.is_ready(), ports.valkey)
        redis_url = valkey.url()
    return child_environment(place, ports, database, redis_url)


def _require(server: str, is_ready: bool, port: int) -> None:
    if not is_ready:
        raise CannotGoOn(
            f"{server} of the running Pinbu does not answer on port {port}: it is still starting,"
            " or was left out with --only."
        )
