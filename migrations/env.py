"""Alembic's environment: connects as owner, one migration run at a time."""

import os
from typing import Any

from alembic import context
from sqlalchemy import create_engine, pool, text

from domain.models import Base

_RUN_LOCK = 7_206_517


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
    engine.dispose()


run()
