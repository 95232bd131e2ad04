"""Every tenant's row is keyed by its merchant, so that no row can point across merchants."""

from typing import Any

import pytest
from sqlalchemy import MetaData, create_engine, text

from domain.models import DIRECTORY, Base
from domain.states import RECORDED
from launcher.addresses import DatabaseUrls

pytestmark = pytest.mark.transactional

LEAVES = {"state_moves", "risk_decisions", "visits"}
TENANT_TABLES = sorted(set(Base.metadata.tables) - DIRECTORY)
APPEND_ONLY = {
    "audit_log",
    "facts",
    "ledger_entries",
    "ledger_transactions",
    "risk_decisions",
    "rule_versions",
    "state_moves",
    "visits",
}


def ask(urls: DatabaseUrls, statement: str, **values: Any) -> list[tuple[Any, ...]]:
    engine = create_engine(urls.environment["OWNER_DATABASE_URL"])
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(text(statement), values)]
    engine.dispose()
    return rows


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_primary_key_begins_with_the_merchant(database: DatabaseUrls, table: str) -> None:
    [(columns,)] = ask(
        database,
        """
        SELECT array_agg(a.attname::text ORDER BY k.position)
        FROM pg_constraint c
        CROSS JOIN LATERAL unnest(c.conkey) WITH ORDINALITY AS k (attnum, position)
        JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum
        WHERE c.contype = 'p' AND c.conrelid = CAST(:table AS regclass)
        """,
        table=table,
    )

    expected = ["merchant_id", "id", "occurred_at"] if table in LEAVES else ["merchant_id", "id"]
    assert columns == expected


def test_unique_and_foreign_keys_of_tenants_contain_the_merchant(database: DatabaseUrls) -> None:
    rows = ask(
        database,
        """
        SELECT c.conname FROM pg_constraint c
        WHERE c.contype IN ('u', 'f') AND c.conrelid::regclass::text = ANY(:tables)
            AND NOT EXISTS (
                SELECT 1 FROM pg_attribute a
                WHERE a.attrelid = c.conrelid AND a.attnum = ANY(c.conkey)
                    AND a.attname = 'merchant_id')
        UNION ALL
        SELECT i.indexrelid::regclass::text FROM pg_index i
        WHERE i.indisunique AND i.indrelid::regclass::text = ANY(:tables)
            AND NOT EXISTS (
                SELECT 1 FROM pg_attribute a
                WHERE a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
                    AND a.attname = 'merchant_id')
        """,
        tables=TENANT_TABLES,
    )

    assert rows == []


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_row_level_security_is_on(database: DatabaseUrls, table: str) -> None:
    [(is_enabled, policies)] = ask(
        database,
        """
        SELECT c.relrowsecurity,
            (SELECT array_agg(polname::text ORDER BY polname) FROM pg_policy WHERE polrelid = c.oid)
        FROM pg_class c WHERE c.oid = CAST(:table AS regclass)
        """,
        table=table,
    )

    assert is_enabled
    assert policies == ["core_all", "merchant_own"]


def test_serving_roles_are_plain(database: DatabaseUrls) -> None:
    roles = ask(
        database,
        "SELECT rolname::text, rolsuper, rolbypassrls, rolcreaterole FROM pg_roles"
        " WHERE rolname LIKE 'pinbu%' ORDER BY 1",
    )

    assert [role[0] for role in roles] == ["pinbu_core", "pinbu_merchant", "pinbu_owner"]
    assert {role[1:] for role in roles} == {(False, False, False)}


@pytest.mark.parametrize("table", sorted(APPEND_ONLY))
@pytest.mark.parametrize("right", ["UPDATE", "DELETE", "TRUNCATE"])
def test_append_only_tables_cannot_be_changed(
    database: DatabaseUrls, table: str, right: str
) -> None:
    [allowed] = ask(
        database,
        "SELECT has_table_privilege('pinbu_core', :table, :right),"
        " has_table_privilege('pinbu_merchant', :table, :right)",
        table=table,
        right=right,
    )

    assert allowed == (False, False)


@pytest.mark.parametrize("machine", RECORDED, ids=lambda machine: machine.name)
def test_database_knows_the_same_edges_as_the_code(database: DatabaseUrls, machine: Any) -> None:
    pairs = [(old.value, new.value) for old in machine.states for new in machine.states]

    answers = ask(
        database,
        "SELECT old, new, is_legal_move(:machine, old, new)"
        " FROM unnest(CAST(:olds AS text[]), CAST(:news AS text[])) AS t (old, new)",
        machine=machine.name,
        olds=[old for old, _ in pairs],
        news=[new for _, new in pairs],
    )

    assert answers == [(old, new, machine.allows(old, new)) for old, new in pairs]


def test_schema_can_be_hash_partitioned_by_merchant(fresh_database: DatabaseUrls) -> None:
    copied = MetaData(naming_convention=Base.metadata.naming_convention, schema="spread")
    for table in Base.metadata.tables.values():
        table.to_metadata(copied, schema="spread")
    partitioned = [copied.tables[f"spread.{name}"] for name in TENANT_TABLES if name not in LEAVES]
    for table in partitioned:
        table.dialect_options["postgresql"]["partition_by"] = "HASH (merchant_id)"
        table.dialect_options["postgresql"]["with"] = {}
    engine = create_engine(fresh_database.bootstrap or "")

    with engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA spread"))
        copied.create_all(connection)
        for table in partitioned:
            for remainder in range(2):
                connection.execute(
                    text(
                        f"CREATE TABLE spread.{table.name}_{remainder} PARTITION OF"
                        f" spread.{table.name} FOR VALUES WITH (MODULUS 2, REMAINDER {remainder})"
                    )
                )
        connection.execute(
            text(
                "INSERT INTO spread.merchants (public_id, name, created_at)"
                " SELECT 'm' || i, 'm', now() FROM generate_series(1, 8) i"
            )
        )
        connection.execute(
            text(
                "INSERT INTO spread.products (merchant_id, public_id, title, created_at)"
                " SELECT id, 'p', 't', now() FROM spread.merchants"
            )
        )
        spread = connection.execute(
            text("SELECT count(DISTINCT tableoid), count(DISTINCT id) FROM spread.products")
        ).one()

    engine.dispose()
    assert tuple(spread) == (2, 8)
