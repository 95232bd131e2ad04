"""A connection that is lost in the middle of a transaction harms that transaction alone."""

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from domain.database import one_row, transaction
from launcher.addresses import DatabaseUrls

pytestmark = pytest.mark.transactional


def end_session(database: DatabaseUrls, pid: int) -> None:
    with psycopg.connect(
        (database.bootstrap or "").replace("+psycopg", ""), autocommit=True
    ) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))


def lose_connection(database: DatabaseUrls) -> None:
    with transaction() as session:
        end_session(database, session.execute(text("SELECT pg_backend_pid()")).scalar_one())
        one_row(session, "SELECT 1 AS one", {})


def test_thread_goes_on_after_its_connection_was_lost(crowd: DatabaseUrls) -> None:
    with pytest.raises(DBAPIError):
        lose_connection(crowd)

    with transaction() as session:
        assert session.execute(text("SELECT 1")).scalar_one() == 1
