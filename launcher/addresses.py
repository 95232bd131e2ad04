"""The addresses and keys that the processes of a stack are given through their environment."""

import os
from dataclasses import dataclass

from launcher.errors import CannotGoOn
from launcher.keys import Keyring
from launcher.places import Place
from launcher.ports import HOST, Ports
from launcher.postgres import Postgres

DATABASE = "pinbu"
ROLES = {
    "OWNER_DATABASE_URL": "pinbu_owner",
    "DATABASE_URL": "pinbu_core",
    "MERCHANT_DATABASE_URL": "pinbu_merchant",
}
OUTSIDE = (*ROLES, "BOOTSTRAP_DATABASE_URL", "REDIS_URL")


@dataclass(frozen=True)
class DatabaseUrls:
    """One database's addresses, by role; `bootstrap` is a superuser's, if we know one."""

    owner: str
    core: str
    merchant: str
    bootstrap: str | None

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables every process gets; the superuser's address is not among them."""
        return dict(zip(ROLES, (self.owner, self.core, self.merchant), strict=True))


def external_database() -> DatabaseUrls | None:
    """Return the addresses in the environment; None if there are none. Raises CannotGoOn."""
    given = {name: os.environ[name] for name in ROLES if os.environ.get(name)}
    if not given:
        return None
    missing = [name for name in ROLES if name not in given]
    if missing:
        raise CannotGoOn(
            f"{', '.join(given)} is set, {' and '.join(missing)} is not: an outside database needs"
            " all three.",
            mend=f"unset {' '.join(given)}   (to use the embedded one)",
        )
    return DatabaseUrls(
        owner=given["OWNER_DATABASE_URL"],
        core=given["DATABASE_URL"],
        merchant=given["MERCHANT_DATABASE_URL"],
        bootstrap=os.environ.get("BOOTSTRAP_DATABASE_URL") or None,
    )


def embedded_database(server: Postgres, keyring: Keyring, name: str = DATABASE) -> DatabaseUrls:
    """Return the addresses of a database on the embedded server, with generated passwords."""
    owner, core, merchant = (
        server.url(name, role=role, password=keyring.token(role)) for role in ROLES.values()
    )
    return DatabaseUrls(owner, core, merchant, bootstrap=server.url(name))


def key_environment(keyring: Keyring) -> dict[str, str]:
    """Return the keys that sign tokens and seal secrets; they belong to the data."""
    return {
        "PINBU_TOKEN_KEY": keyring.key("token"),
        "PINBU_SEALING_KEY": keyring.key("sealing"),
    }


def child_environment(
    place: Place, ports: Ports, database: DatabaseUrls, redis_url: str
) -> dict[str, str]:
    """Return the whole environment of the processes of a stack."""
    sandbox = f"http://{HOST}:{ports.sandbox}"
    api = f"http://{HOST}:{ports.api}"
    return {
        **inherited_environment(),
        **database.environment,
        **key_environment(place.keyring),
        "REDIS_URL": redis_url,
        "PINBU_ENV": "development",
        "WECHATPAY_BASE_URL": sandbox,
        "WEIXIN_BASE_URL": sandbox,
        "ALIPAY_BASE_URL": f"{sandbox}/gateway.do",
        "SANDBOX_CONTROL_URL": f"{sandbox}/control",
        "PUBLIC_BASE_URL": api,
        "PINBU_API_URL": api,
        "PYTHONUNBUFFERED": "1",
    }


def inherited_environment() -> dict[str, str]:
    """Return what our processes keep of our own environment; calls to this machine stay on it."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        # PGSSLMODE, PGSERVICE and their kind are meant for other servers.
        if name != "BOOTSTRAP_DATABASE_URL" and not name.startswith("PG")
    }
    return {**inherited, **_without_proxy(inherited)}


def external_redis() -> str | None:
    """Return the address in the environment, if there is one."""
    return os.environ.get("REDIS_URL") or None


def _without_proxy(environment: dict[str, str]) -> dict[str, str]:
    """Keep calls to this machine away from a proxy that the environment names."""
    named = environment.get("NO_PROXY") or environment.get("no_proxy") or ""
    value = ",".join(filter(None, [named, HOST, "localhost"]))
    return {"NO_PROXY": value, "no_proxy": value}
