"""What stands in a function's way: nothing that its caller could put there."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import ProgrammingError

from launcher.addresses import DatabaseUrls

ROOT = Path(__file__).parents[2]
UNSET = """
    SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
    WHERE p.pronamespace = 'public'::regnamespace
        AND NOT (l.lanname = 'sql' AND p.provolatile = 'i')
        AND NOT coalesce(p.proconfig, '{}') @>
            ARRAY['search_path=pg_catalog, public, pg_temp']
"""


def test_every_function_has_a_search_path_of_its_own(fresh_database: DatabaseUrls) -> None:
    engine = create_engine(fresh_database.owner, poolclass=NullPool)
    with engine.begin() as connection:
        assert connection.execute(text(UNSET)).scalars().all() == []
        count = "SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
        assert connection.execute(text(count)).scalar_one() > 20


def test_staffs_role_makes_no_temporary_table(fresh_database: DatabaseUrls) -> None:
    subprocess.run(
        [sys.executable, "-m", "migrations.bootstrap"],
        cwd=ROOT,
        env={
            **os.environ,
            **fresh_database.environment,
            "BOOTSTRAP_DATABASE_URL": fresh_database.bootstrap or "",
        },
        check=True,
    )
    engine = create_engine(fresh_database.merchant, poolclass=NullPool)

    with engine.begin() as connection, pytest.raises(ProgrammingError) as refused:
        connection.execute(text("CREATE TEMP TABLE state_moves (x int)"))

    assert isinstance(refused.value.orig, psycopg.errors.InsufficientPrivilege)
