import os
import signal
import subprocess
from io import StringIO

import psycopg
import pytest

from launcher.accounts import options_for, server_account
from launcher.errors import CannotGoOn
from launcher.ports import free_port
from launcher.servers import embedded_postgres
from launcher.supervisor import Supervisor
from launcher.terminal import Terminal


@pytest.fixture
def server(place):
    made = embedded_postgres(place, free_port(), is_lasting=False)
    made.initialise()
    return made


def _connect(server, password=None):
    url = server.url("postgres", password=password).replace("+psycopg", "")
    return psycopg.connect(url, autocommit=True)


def _leader(server):
    return int((server.data / "postmaster.pid").read_text().splitlines()[0])


def test_rows_survive_a_killed_server(server, supervisor, wait_until):
    supervisor.start(server.program())
    with _connect(server) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")

    before = _leader(server)
    os.kill(before, signal.SIGKILL)
    wait_until(supervisor, lambda: server.is_ready() and _leader(server) != before)

    with _connect(server) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)


def test_the_server_takes_no_other_password(server, supervisor):
    supervisor.start(server.program())

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        _connect(server, password="guess")


def test_the_server_listens_on_no_socket_file(server, supervisor):
    supervisor.start(server.program())

    with _connect(server) as connection:
        found = connection.execute("SHOW unix_socket_directories").fetchone()

    assert found == ("",)


def test_a_stale_mark_that_names_another_process_is_no_hindrance(server, supervisor):
    other = subprocess.Popen(["/bin/sleep", "60"], **options_for(server_account()))
    mark = server.data / "postmaster.pid"
    mark.write_text(f"{other.pid}\n{server.data}\n1700000000\n{server.port}\n\n127.0.0.1\n")

    supervisor.start(server.program())

    assert _leader(server) != other.pid
    assert other.poll() is None
    other.kill()
    other.wait()


def test_a_server_left_behind_is_stopped_first(server, supervisor, place):
    with Supervisor(logs=place.logs, terminal=Terminal(StringIO())) as left_behind:
        left_behind.start(server.program("left-behind"))
        before = _leader(server)

        supervisor.start(server.program())

        assert _leader(server) != before


def test_data_of_another_version_is_refused(server):
    (server.data / "PG_VERSION").write_text("9\n")

    with pytest.raises(CannotGoOn, match="made by PostgreSQL 9"):
        server.initialise()


def test_an_interrupted_initialisation_is_repeated(server, place):
    server.data.rename(server.data.with_name("postgres.new"))

    server.initialise()

    assert (server.data / "PG_VERSION").exists()


def test_a_chinese_word_is_letters_to_the_database(server, supervisor):
    supervisor.start(server.program())

    with _connect(server) as connection:
        found = connection.execute("SELECT '拼团活动' ~ '^[[:alpha:]]+$', lower('É')").fetchone()

    assert found == (True, "é")
