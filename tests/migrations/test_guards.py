"""What guards the rows in the models guards them in the database, too: keys, and checks by name."""

import pytest
from sqlalchemy import CheckConstraint, Index, PrimaryKeyConstraint, UniqueConstraint

from domain.models import Base
from launcher.addresses import DatabaseUrls
from tests.migrations.test_tenant_keys import ask

pytestmark = pytest.mark.transactional

_UNIQUE = """
    SELECT c.relname || ': ' || string_agg(a.attname, ', ' ORDER BY k.place)
    FROM pg_index i
    JOIN pg_class c ON c.oid = i.indrelid AND c.relnamespace = 'public'::regnamespace
    CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (column_no, place)
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.column_no
    WHERE i.indisunique AND i.indisvalid AND NOT c.relispartition
    GROUP BY c.relname, i.indexrelid
"""
_CHECKS = """
    SELECT c.conname FROM pg_constraint c
    WHERE c.contype = 'c' AND c.convalidated AND c.connamespace = 'public'::regnamespace
"""


def test_every_unique_key_of_the_models_is_unique(database: DatabaseUrls) -> None:
    wanted = {
        f"{table.name}: {', '.join(column.name for column in key.columns)}"
        for table in Base.metadata.tables.values()
        for key in (*table.constraints, *table.indexes)
        if isinstance(key, UniqueConstraint | PrimaryKeyConstraint)
        or (isinstance(key, Index) and key.unique)
    }

    assert len(wanted) > 80
    assert wanted - {row[0] for row in ask(database, _UNIQUE)} == set()


def test_every_check_of_the_models_is_enforced(database: DatabaseUrls) -> None:
    wanted = {
        str(check.name)
        for table in Base.metadata.tables.values()
        for check in table.constraints
        if isinstance(check, CheckConstraint)
    }

    assert len(wanted) > 60
    assert wanted - {row[0] for row in ask(database, _CHECKS)} == set()
