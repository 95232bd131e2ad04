"""Statements of herds find rows by their keys, whatever the statistics say of those that run."""

import re
from collections.abc import Iterator

import psycopg
import pytest

from domain.settlement import locking, releasing
from launcher.addresses import DatabaseUrls
from tests.scenarios.stage import make_stage

pytestmark = pytest.mark.transactional

STATEMENTS = {
    "members": locking._MEMBERS.text,
    "days": locking._DAYS_OF_GROUPS.text,
    "open payments": releasing._CLOSE_PAYMENTS.text,
}
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


def test_running_rows_are_walked_where_the_planner_may(owner: psycopg.Connection) -> None:
    plan = plan_of(owner, FENCED.sub(r"\1", STATEMENTS["members"]))

    assert PARTIAL.findall(plan) == ["ix_orders_running"]
