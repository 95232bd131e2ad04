"""PostgreSQL goes away while orders are in flight: 503 meanwhile, and no payment is lost."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import text

from domain.config import settings
from domain.database import dispose_engines, read_clock, transaction
from launcher.addresses import DatabaseUrls, embedded_database
from launcher.places import PROJECT, passing_place
from launcher.ports import free_port
from launcher.programs import Child
from launcher.servers import embedded_postgres
from tests.concurrency.arena import assert_sound
from tests.faults.conftest import ONLY_DEBIAN
from tests.faults.shoppers import Load
from tests.sandbox_server import wait_until
from tests.servers import MIGRATE, QUICK_SETTINGS
from tests.world import World

pytestmark = pytest.mark.transactional

DATABASE = "pinbu_faults"
SHOPPERS = 6
AWAY_SECONDS = 1.0
BOUGHT = "SELECT count(*) FROM payments WHERE state = 'succeeded'"


@dataclass
class OwnPostgres:
    """A database server that a test may stop, kill and start again."""

    urls: DatabaseUrls
    child: Child

    def stop(self) -> None:
        """Ask it to stop: it ends its sessions, and says so to each."""
        self.child.ask_to_stop()
        wait_until(self.child.has_ended)

    def kill(self) -> None:
        """Kill it: sessions end without a word."""
        self.child.kill()

    def start(self) -> None:
        self.child.spawn()
        is_ready = self.child.program.is_ready
        assert is_ready is not None
        wait_until(is_ready, seconds=60)


@pytest.fixture
def own_postgres() -> Iterator[OwnPostgres]:
    """A PostgreSQL of this test alone, with the schema."""
    with passing_place("faults") as place:
        server = embedded_postgres(
            place,
            free_port(),
            only_debian=ONLY_DEBIAN,
            settings=QUICK_SETTINGS,
            is_lasting=False,
        )
        server.initialise()
        urls = embedded_database(server, place.keyring, DATABASE)
        own = OwnPostgres(urls, Child(server.program(), place.logs / "postgres.log"))
        own.start()
        server.create_database(DATABASE)
        environment = {"BOOTSTRAP_DATABASE_URL": urls.bootstrap or "", **urls.environment}
        subprocess.run(
            [sys.executable, "-c", MIGRATE],
            check=True,
            cwd=PROJECT,
            env=os.environ | environment,
            capture_output=True,
        )
        yield own
        own.kill()


@pytest.fixture
def fresh_database(
    own_postgres: OwnPostgres, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DatabaseUrls]:
    """What the world is built on: a database that can go away without harm to other tests."""
    for variable, url in own_postgres.urls.environment.items():
        monkeypatch.setenv(variable, url)
    settings.cache_clear()
    dispose_engines()
    yield own_postgres.urls
    dispose_engines()
    settings.cache_clear()


def test_no_payment_is_lost_while_the_database_is_stopped_and_killed(
    own_postgres: OwnPostgres, world: World
) -> None:
    load = Load(world)
    load.start(SHOPPERS)
    for go_away in (own_postgres.stop, own_postgres.kill):
        bought = world.rows(BOUGHT)[0][0]
        wait_until(lambda b=bought: world.rows(BOUGHT)[0][0] > b + SHOPPERS, seconds=30)
        refused = load.answers[503]
        go_away()
        wait_until(lambda r=refused: load.answers[503] > r + SHOPPERS, seconds=30)
        time.sleep(AWAY_SECONDS)
        own_postgres.start()
    bought = world.rows(BOUGHT)[0][0]
    wait_until(lambda: world.rows(BOUGHT)[0][0] > bought + SHOPPERS, seconds=30)
    load.stop()

    assert load.complaints == []
    assert load.answers[503] > 0
    ask_at_once()
    world.run_jobs()
    assert unaccounted(world) == []
    assert_sound(read_clock())


def ask_at_once() -> None:
    """Make asking after payments due, as half a minute would."""
    with transaction() as session:
        session.execute(
            text(
                "UPDATE work_rows SET state = 'due', leased_until = NULL, due_at = now()"
                " WHERE kind = 'drive_payment' AND state IN ('due', 'leased')"
            )
        )


def unaccounted(world: World) -> list[str]:
    """List the payments of the gateway's record that bought no seat here and are not refunded."""
    paid = {
        order["out_trade_no"]
        for order in world.sandbox.items("/orders", mchid=world.mch_no)
        if order["state"] in ("SUCCESS", "REFUND")
    }
    known = {
        row[0]
        for row in world.rows(
            """
            SELECT p.public_id FROM payments p JOIN orders o ON o.id = p.order_id
            WHERE p.state = 'succeeded' AND (
                (p.outcome = 'seated' AND o.state IN ('paid', 'fulfilling')
                    AND o.seat_state = 'taken')
                OR EXISTS (SELECT 1 FROM refunds r WHERE r.payment_id = p.id))
            """
        )
    }
    assert len(paid) > 0
    return sorted(paid - known)
