"""Fifty seeds of the soak; `make soak SEEDS=1000` plays more of them.

Once is enough: they are not played again on the oldest supported servers.
"""

import pytest

from bench.soak.house import House
from bench.soak.playing import play_seeds
from bench.soak.theatre import theatre_of
from tests.sandbox_server import SandboxServer
from tests.world import World

SHARE = 5


@pytest.fixture
def sandbox(own_sandbox: SandboxServer) -> SandboxServer:
    """A sandbox whose clock and faults are the soak's alone."""
    return own_sandbox


@pytest.mark.parametrize("first", range(1, 51, SHARE))
def test_every_fen_of_random_groups_is_fulfilled_or_refunded_once(world: World, first: int) -> None:
    with theatre_of(str(world.http.base_url), world.sandbox.url) as theatre:
        report = play_seeds(theatre, range(first, first + SHARE))

    assert report.wrong == {}
    assert report.seeds == SHARE
    assert report.ends["payment seated"] > 0


def test_soak_sees_money_that_does_not_come_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = House.record
    monkeypatch.setattr(
        House, "record", lambda house, path: [] if path == "/refunds" else record(house, path)
    )

    with theatre_of(str(world.http.base_url), world.sandbox.url) as theatre:
        report = play_seeds(theatre, range(1, 1 + SHARE))

    told = [line for wrong in report.wrong.values() for line in wrong]
    assert any("is refunded: 1990 fen" in line for line in told)
