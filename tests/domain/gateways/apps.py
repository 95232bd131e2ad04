"""A mini-program that the product keeps and the sandbox knows."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text

from domain.config import Settings
from domain.database import reading, transaction
from domain.gateways.miniprogram import MiniProgram
from domain.gateways.miniprogram_token import AppKeys, access_token
from tests.domain.gateways.conftest import config_of
from tests.factories.merchants import make_merchant
from tests.sandbox_server import SandboxServer


@dataclass
class App:
    """An app of a sandbox, with its row in the product's database."""

    server: SandboxServer
    keys: dict[str, Any]

    @property
    def app_id(self) -> str:
        return str(self.keys["appid"])

    @property
    def config(self) -> Settings:
        return config_of(self.server)

    @property
    def program(self) -> MiniProgram:
        return MiniProgram(self.app_id, self.keys["app_secret"], self.config)

    def token(self, *, refused: str | None = None, secret: str | None = None) -> str:
        keys = AppKeys(self.app_id, secret or self.keys["app_secret"])
        return access_token(keys, config=self.config, refused=refused)

    def row(self) -> Any:
        with reading() as session:
            return session.execute(
                text("SELECT * FROM merchant_apps WHERE app_id = :a"), {"a": self.app_id}
            ).one()

    def set_end(self, at: datetime) -> None:
        """Let the kept token run out at an instant."""
        self._change("UPDATE merchant_apps SET token_expires_at = :at WHERE app_id = :a", at)

    def set_lease(self, at: datetime) -> None:
        """Let somebody else be fetching until an instant."""
        self._change("UPDATE merchant_apps SET token_lease_until = :at WHERE app_id = :a", at)

    def _change(self, statement: str, at: datetime) -> None:
        with transaction() as session:
            session.execute(text(statement), {"a": self.app_id, "at": at})

    def count(self, name: str = "latency", operation: str = "stable_token", **options: Any) -> int:
        """Put a rule in force that counts the calls it strikes; returns its id."""
        number: int = self.server.fault(name, operation=operation, **options)["id"]
        return number

    def fired(self, fault_id: int) -> int:
        rules = self.server.get("/faults")["items"]
        return next(int(rule["fired"]) for rule in rules if rule["id"] == fault_id)


def keep_app(server: SandboxServer, keys: dict[str, Any]) -> App:
    """Put an app's row into the product's database."""
    with transaction() as session:
        make_merchant(session, app_id=keys["appid"], app_secret=keys["app_secret"])
    return App(server, keys)
