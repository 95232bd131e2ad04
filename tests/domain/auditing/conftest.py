"""One world at rest for all faults: each is planted in a transaction that is rolled back."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from domain import config, database
from domain.auditing.checks import Probe
from domain.auditing.reporting import Breaches
from domain.auditing.running import PROBES, ask
from tests.domain.auditing.stories import play
from tests.domain.auditing.world import World as StagedWorld
from tests.sandbox_server import sandbox, shared_sandbox
from tests.servers import _servers
from tests.world import world

__all__ = ["sandbox", "shared_sandbox", "world"]


@dataclass(frozen=True)
class Laboratory:
    """A world at rest, and a superuser who can break it."""

    world: StagedWorld
    engine: Engine

    def breaches_of(self, name: str, *faults: str) -> Breaches:
        """Return what a check finds once faults are planted; nothing of them stays."""
        with Session(self.engine) as session:
            session.execute(text("SET LOCAL session_replication_role = replica"))
            for fault in faults:
                session.execute(text(fault))
            found = ask(session, probe_of(name), at=self.world.named["now"])
            session.rollback()
        return found[name]


def probe_of(name: str) -> Probe:
    """Return the probe that decides a check."""
    [found] = [p for p in PROBES if name in {check.name for check in p.checks}]
    return found


@pytest.fixture(scope="module")
def laboratory(request: pytest.FixtureRequest) -> Iterator[Laboratory]:
    servers = request.config.stash[_servers]
    name = f"{servers.database}_audited"
    urls = servers.clone(name)
    with pytest.MonkeyPatch.context() as patch:
        for variable, url in urls.environment.items():
            patch.setenv(variable, url)
        _connect_anew()
        played = play()
        _connect_anew()
    assert urls.bootstrap is not None
    engine = create_engine(urls.bootstrap, poolclass=NullPool)
    yield Laboratory(played, engine)
    servers.drop(name)


def _connect_anew() -> None:
    database.dispose_engines()
    config.settings.cache_clear()
