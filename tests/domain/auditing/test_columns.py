"""docs/invariants.md says of every column where it comes from, and which check sees it changed."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from domain.auditing.running import ask, checks
from domain.models import Base
from tests.domain.auditing.conftest import Laboratory, probe_of

DOCUMENT = Path(__file__).parents[3] / "docs" / "invariants.md"
_BEGINS = {name: f"### {name}" for name in ("Derived", "Working", "Original")}
_KEYS = ("merchant_id", "id")
UNPLAYED = frozenset(
    {
        "groups.cut_at",
        "reconciliations.lines",
        "reconciliations.matched",
        "merchant_settings.daily_failures_cap",
    }
)
"""Columns that nothing has filled in the audit's world: faults in rows stand for them."""


def _section(name: str) -> list[list[str]]:
    """Return the cells of a section's table, row by row."""
    after = DOCUMENT.read_text().split(_BEGINS[name] + "\n", 1)[1]
    body = re.split(r"^#", after, maxsplit=1, flags=re.MULTILINE)[0]
    rows = [line.strip("|").split(" | ") for line in body.splitlines() if line.startswith("|")]
    return rows[2:]


def _of_tables(name: str) -> list[str]:
    return [
        f"{table.strip().strip('`')}.{column}"
        for table, columns, *_ in _section(name)
        for column in re.findall(r"[a-z_]+", columns)
    ]


def _derived() -> dict[str, str]:
    """Return the check that sees a derived column changed, by column."""
    return {
        column: re.findall(r"`([^`]+)`", check)[0]
        for columns, _, check in _section("Derived")
        for column in re.findall(r"`([a-z_]+\.[a-z_]+)`", columns)
    }


def _columns() -> dict[str, Column[Any]]:
    return {
        f"{table.name}.{column.name}": column
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if column.name not in _KEYS
    }


def test_every_column_is_derived_working_or_original() -> None:
    listed = Counter([*_derived(), *_of_tables("Working"), *_of_tables("Original")])

    assert [column for column, times in listed.items() if times > 1] == []
    assert sorted(_columns().keys() - listed.keys()) == []
    assert sorted(listed.keys() - _columns().keys()) == []


def test_every_derived_column_names_a_check() -> None:
    assert set(_derived().values()) <= {check.name for check in checks(at_rest=True)}


@pytest.mark.transactional
@pytest.mark.parametrize("column", sorted(_derived().keys() - UNPLAYED))
def test_check_sees_a_derived_column_change(laboratory: Laboratory, column: str) -> None:
    table, name = column.split(".")
    check = _derived()[column]
    with Session(laboratory.engine) as session:
        _unguard(session, table)
        changed = session.execute(
            text(f"UPDATE {table} SET {name} = {_another(name, _columns()[column])}")  # noqa: S608
        ).rowcount  # type: ignore[attr-defined]
        found = ask(session, probe_of(check), at=laboratory.world.named["now"])
        session.rollback()

    assert changed > 0
    assert found[check].count > 0


def _unguard(session: Session, table: str) -> None:
    """Switch off triggers and foreign keys, and drop what else guards a table's values."""
    session.execute(text("SET LOCAL session_replication_role = replica"))
    guards = session.execute(
        text(
            """
            SELECT format('ALTER TABLE %s DROP CONSTRAINT %I CASCADE', conrelid::regclass, conname)
            FROM pg_constraint
            WHERE conrelid = CAST(:table AS regclass) AND contype IN ('c', 'u', 'f')
            UNION ALL
            SELECT format('DROP INDEX %s', indexrelid::regclass) FROM pg_index x
            WHERE indrelid = CAST(:table AS regclass) AND indisunique AND NOT indisprimary
                AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = x.indexrelid)
            """
        ),
        {"table": table},
    )
    for guard in guards.scalars().all():
        session.execute(text(guard))


def _another(name: str, column: Column[Any]) -> str:
    """Write an SQL value that differs from a column's own."""
    kind = column.type.compile(dialect=postgresql.dialect())  # type: ignore[no-untyped-call]
    if kind.startswith("TIMESTAMP"):
        return f"{name} + interval '400 days'"
    others = {
        "BIGINT": f"{name} + 1000003",
        "DATE": f"{name} + 400",
        "BOOLEAN": f"NOT {name}",
        "JSONB": f"CASE jsonb_typeof({name}) WHEN 'array'"
        """ THEN CAST('[{"kind": "another"}]' AS jsonb)"""
        """ ELSE CAST('{"kind": "another"}' AS jsonb) END""",
        "BYTEA": f"{name} || CAST('x' AS bytea)",
        "TEXT": f"{name} || 'x'",
    }
    return others[kind]
