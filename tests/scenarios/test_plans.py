"""Statements of herds find rows by their keys, whatever the statistics say of those that run."""

import re
from collections.abc import Iterator

import psycopg
import pytest

from domain import work
from domain.database import transaction
from domain.settlement import locking, releasing
from launcher.addresses import DatabaseUrls
from tests.factories.merchants import make_merchant
from tests.scenarios.stage import make_stage

pytestmark = pytest.mark.transactional

STATEMENTS = {
    "members": locking._MEMBERS.text,
    "days": locking._DAYS_OF_GROUPS.text,
    "open payments": releasing._CLOSE_PAYMENTS.text,
}
CLAIMS = {
    "ix_work_rows_leased": work._RECOVER.text,
    "ix_work_rows_due_by_merchant": work._DEAL.format(share=4),
    "ix_work_rows_due": work._CLAIM.format(which=work._HEALTHY.format(others=""), limit=500),
    "ix_work_rows_suspect": work._CLAIM.format(which=work._SUSPECT.format(others=""), limit=1),
}
HERD = """
    INSERT INTO work_rows (merchant_id, kind, subject_id, due_at)
    SELECT m, k, s, CAST('2026-01-01' AS timestamptz) + s * interval '1 second'
    FROM unnest(%(merchants)s::bigint[]) AS m, unnest(ARRAY['settle_group', 'notify']) AS k,
        generate_series(1, 3000) AS s
"""
PARTIAL = re.compile(r"ix_orders_running|uq_payments_one_open|ix_orders_hold_expires")
FENCED = re.compile(r"\((\w\.state) \|\| ''\)")
PARAMETER = re.compile(r"(?<!:):(\w+)")


@pytest.fixture
def owner(fresh_database: DatabaseUrls) -> Iterator[psycopg.Connection]:
    """A database that holds orders, of which none runs, analysed: as before a herd."""
    stage = make_stage()
    for _ in range(30):
        order = stage.open(stage.shopper(), stage.start)
        stage.pay(order, stage.start)
        stage.settle(order["group_id"], stage.group(order["group_id"])["deadline_at"])
    address = fresh_database.owner.replace("+psycopg", "")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("ANALYZE")
        connection.execute("SET enable_seqscan = off")
        connection.execute("SET plan_cache_mode = force_generic_plan")
        yield connection


def plan_of(owner: psycopg.Connection, statement: str) -> str:
    names = list(dict.fromkeys(PARAMETER.findall(statement)))
    numbered = PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", statement)
    nothing = ", ".join("NULL" for _ in names)
    owner.execute(f"PREPARE planned AS {numbered}".encode())
    try:
        rows = owner.execute(f"EXPLAIN EXECUTE planned ({nothing})".encode()).fetchall()
    finally:
        owner.execute("DEALLOCATE planned")
    return "\n".join(row[0] for row in rows)


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=list(STATEMENTS))
def test_rows_are_found_by_their_keys(owner: psycopg.Connection, statement: str) -> None:
    assert PARTIAL.findall(plan_of(owner, statement)) == []


@pytest.fixture
def busy(fresh_database: DatabaseUrls) -> Iterator[psycopg.Connection]:
    """A database in a herd: much due, of several merchants; a little leased, hardly any suspect."""
    with transaction() as session:
        merchants = [make_merchant(session).id for _ in range(4)]
    address = fresh_database.owner.replace("+psycopg", "")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(HERD, {"merchants": merchants})
        connection.execute("UPDATE work_rows SET state = 'leased' WHERE subject_id % 50 = 0")
        connection.execute("UPDATE work_rows SET lapses = 2 WHERE subject_id % 1000 = 1")
        connection.execute("ANALYZE work_rows")
        connection.execute("SET plan_cache_mode = force_generic_plan")
        yield connection


@pytest.mark.parametrize("index", CLAIMS)
def test_work_is_claimed_along_its_own_index(busy: psycopg.Connection, index: str) -> None:
    assert re.findall(r"ix_work_rows\w+", plan_of(busy, CLAIMS[index])) == [index]


def test_running_rows_are_walked_where_the_planner_may(owner: psycopg.Connection) -> None:
    plan = plan_of(owner, FENCED.sub(r"\1", STATEMENTS["members"]))

    assert PARTIAL.findall(plan) == ["ix_orders_running"]
