"""The embedded servers of a place, ready to be started."""

from launcher.accounts import server_account
from launcher.binaries import find_postgres, find_valkey
from launcher.places import Place, servers_folder
from launcher.postgres import Postgres
from launcher.valkey import Valkey


def embedded_postgres(
    place: Place,
    port: int,
    *,
    only_debian: bool = False,
    settings: tuple[str, ...] = (),
    is_lasting: bool = True,
) -> Postgres:
    """Return the PostgreSQL of a place; raises CannotGoOn if the machine has none."""
    account = server_account()
    binaries = find_postgres(only_debian=only_debian)
    return Postgres(
        binaries=binaries.readable_by(account, servers_folder() / "binaries"),
        data=place.servers / "postgres",
        port=port,
        password=place.keyring.token("postgres"),
        account=account,
        settings=settings,
        is_lasting=is_lasting,
    )


def embedded_valkey(place: Place, port: int, *, only_debian: bool = False) -> Valkey:
    """Return the Valkey of a place; raises CannotGoOn if the machine has none."""
    account = server_account()
    binaries = find_valkey(only_debian=only_debian)
    return Valkey(
        binaries=binaries.readable_by(account, servers_folder() / "binaries"),
        data=place.servers / "valkey",
        port=port,
        password=place.keyring.token("valkey"),
        account=account,
    )
