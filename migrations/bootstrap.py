"""Create the three database roles before the migrations run: owner, core, merchant.

Connects with BOOTSTRAP_DATABASE_URL (a superuser, or a role that may create roles) to the database
that OWNER_DATABASE_URL names. May be repeated: passwords are set to those of the three URLs.
"""

import os

from psycopg import sql
from sqlalchemy import URL, Connection, create_engine, make_url, pool, text

_RUN_LOCK = 7_206_516


def _role(connection: Connection, url: URL) -> None:
    name, password = url.username or "", str(url.password or "")
    exists = connection.execute(
        text("SELECT 1 FROM pg_roles WHERE rolname = :name"), {"name": name}
    ).first()
    verb = "ALTER" if exists else "CREATE"
    statement = sql.SQL(
        "{verb} ROLE {name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS"
        " PASSWORD {password}"
    ).format(verb=sql.SQL(verb), name=sql.Identifier(name), password=sql.Literal(password))
    _run(connection, statement)


def _run(connection: Connection, statement: sql.Composed) -> None:
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101 - a live connection has its driver's
    driver.execute(statement)


def bootstrap(superuser_url: str, owner_url: str, core_url: str, merchant_url: str) -> None:
    """Create or renew the roles, and give the owner its schema."""
    owner, core, merchant = (make_url(url) for url in (owner_url, core_url, merchant_url))
    engine = create_engine(
        make_url(superuser_url).set(database=owner.database), poolclass=pool.NullPool
    )
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _RUN_LOCK})
        for url in (owner, core, merchant):
            _role(connection, url)
        _run(
            connection,
            sql.SQL("ALTER SCHEMA public OWNER TO {owner}").format(
                owner=sql.Identifier(owner.username or "")
            ),
        )
        _run(connection, sql.SQL("REVOKE CREATE ON SCHEMA public FROM PUBLIC").format())
        # Nobody but the owner makes temporary tables: one could stand in the way of a real one.
        _run(
            connection,
            sql.SQL("REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC").format(
                database=sql.Identifier(owner.database or "")
            ),
        )
    engine.dispose()


def main() -> None:
    """Read the four URLs from the environment and bootstrap."""
    bootstrap(
        os.environ["BOOTSTRAP_DATABASE_URL"],
        os.environ["OWNER_DATABASE_URL"],
        os.environ["DATABASE_URL"],
        os.environ["MERCHANT_DATABASE_URL"],
    )


if __name__ == "__main__":
    main()
