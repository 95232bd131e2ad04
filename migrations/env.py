"""Alembic's environment: connects as owner, one migration run at a time."""

import os
from typing import Any

from alembic import context
from sqlalchemy import create_engine, pool, text

from domain.models import Base

_RUN_LOCK = 7_206_517


# A function that is replaced loses its settings, so that this is done after every upgrade. Without
# a path of its own a trigger would write to a table that its caller has put in the way. A function
# of SQL alone that reads no table is left out: with a path of its own it is no longer inlined.
_FIX_SEARCH_PATHS = """
    DO $$
    DECLARE f regprocedure;
    BEGIN
        FOR f IN
            SELECT p.oid FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
            WHERE p.pronamespace = 'public'::regnamespace
                AND NOT (l.lanname = 'sql' AND p.provolatile = 'i')
                AND pg_get_userbyid(p.proowner) = current_user
                AND NOT coalesce(array_to_string(p.proconfig, ','), '') LIKE '%search_path=%'
        LOOP
            EXECUTE format(
                'ALTER FUNCTION %s SET search_path = pg_catalog, public, pg_temp', f);
        END LOOP;
    END $$
"""


def include_object(_thing: Any, name: str | None, kind: str, reflected: bool, _other: Any) -> bool:
    """Leave out the partitions of time-partitioned tables: their parents are compared."""
    return not (kind == "table" and reflected and name is not None and "_part_" in name)


def run() -> None:
    """Run the migrations under an advisory lock, so that two releases do not race."""
    engine = create_engine(os.environ["OWNER_DATABASE_URL"], poolclass=pool.NullPool)
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _RUN_LOCK})
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            include_object=include_object,
            compare_server_default=False,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.execute(text(_FIX_SEARCH_PATHS))
        connection.commit()
    engine.dispose()


run()
