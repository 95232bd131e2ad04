import os

import psycopg
import pytest

pytestmark = pytest.mark.transactional


def _ask(url, question):
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        return connection.execute(question).fetchone()[0]


def test_each_role_reaches_the_worker_s_database(database):
    name = _ask(database.bootstrap, "SELECT current_database()")

    assert _ask(database.owner, "SELECT current_user") == "pinbu_owner"
    assert _ask(database.core, "SELECT current_user") == "pinbu_core"
    assert _ask(database.merchant, "SELECT current_database()") == name
    assert os.environ["DATABASE_URL"] == database.core


def test_a_clone_has_the_schema(database):
    assert _ask(database.owner, "SELECT count(*) FROM alembic_version") == 1


def test_what_one_clone_keeps_no_other_sees(database, fresh_database):
    with psycopg.connect(fresh_database.owner.replace("+psycopg", "")) as connection:
        connection.execute("CREATE TABLE only_here (id bigint)")

    assert _ask(fresh_database.owner, "SELECT to_regclass('only_here')") == "only_here"
    assert _ask(database.owner, "SELECT to_regclass('only_here')") is None
    assert os.environ["DATABASE_URL"] == fresh_database.core


@pytest.mark.parametrize("turn", [1, 2])
def test_valkey_is_empty_at_every_test(valkey, turn):
    assert valkey.client.dbsize() == 0

    valkey.client.set("left", turn)

    assert os.environ["REDIS_URL"] == valkey.url


def test_no_superuser_s_address_is_in_the_environment(database):
    assert "BOOTSTRAP_DATABASE_URL" not in os.environ


def test_the_servers_asked_for_are_the_ones_running(database, valkey):
    version = int(_ask(database.core, "SHOW server_version_num"))
    is_debian = os.environ.get("PINBU_TEST_SERVERS") == "debian"

    assert (version < 180000) == is_debian
    assert ("valkey_version" in valkey.client.info("server")) != is_debian
