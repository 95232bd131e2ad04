"""Races need many connections, and a database that may lose its constraints."""

from collections.abc import Iterator

import pytest

from domain.config import settings
from domain.database import dispose_engines
from launcher.addresses import DatabaseUrls


@pytest.fixture
def crowd(fresh_database: DatabaseUrls, monkeypatch: pytest.MonkeyPatch) -> Iterator[DatabaseUrls]:
    """A database of this test alone, and a pool that lets fifty in at once."""
    monkeypatch.setenv("PINBU_DATABASE_POOL", "52")
    settings.cache_clear()
    dispose_engines()
    yield fresh_database
    dispose_engines()
    settings.cache_clear()
