"""Building histories: shoppers, groups that are over, groups that run. Each is one transaction.

`past.sql` or `herd.sql` fills two temporary tables, `made_groups` and `made_orders`, with ids taken
from the tables' own sequences; the other scripts turn them into the product's rows.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import ClientCursor, sql

from bench.history.plans import Herd, Past, Place

SILENT = ("groups", "orders", "payments", "refunds", "grants", "ledger_entries", "work_rows")
"""Tables whose own triggers are off while a history is written."""
FILLED = (
    *SILENT,
    *("shopper_days", "ledger_transactions", "campaign_movements", "facts", "notices"),
)
"""Tables with foreign keys that a history fills."""
_ROWS = ("days", "rows", "moves", "judgements", "ledger", "campaign", "work")
_SHOPPERS = """
    INSERT INTO shoppers (merchant_id, public_id, app_id, openid, nickname, created_at)
    SELECT %(merchant_id)s, p.public_id, %(app_id)s, 'o' || p.public_id, 'bench ' || n, %(at)s
    FROM generate_series(1, %(count)s) AS n
    CROSS JOIN LATERAL (SELECT substr(md5(random()::text || n), 1, 20) AS public_id) AS p
    RETURNING id
"""


def build_shoppers(
    connection: psycopg.Connection, merchant_id: int, app_id: str, *, count: int, at: datetime
) -> int:
    """Register shoppers, with their wallets; returns the first id: they are numbered in a row."""
    with connection.transaction(), ClientCursor(connection) as cursor:
        cursor.execute(
            _SHOPPERS,
            {"merchant_id": merchant_id, "app_id": app_id, "count": count, "at": at},
        )
        ids = [row[0] for row in cursor.fetchall()]
    if ids != list(range(ids[0], ids[0] + count)):
        raise RuntimeError("somebody else registers shoppers: their ids have gaps")
    return int(ids[0])


def build_past(connection: psycopg.Connection, place: Place, past: Past) -> int:
    """Write groups that are over, with their orders and all that follows; returns the orders."""
    if place.size != 3:
        raise ValueError("the past is of groups of three")
    values = {**asdict(place), **asdict(past), "groups": past.groups}
    with connection.transaction(), _checked_at_the_end(connection):
        return _build(connection, "past", values)[1]


def build_running(connection: psycopg.Connection, place: Place, herd: Herd) -> tuple[int, int]:
    """Write open groups; returns their first and last id: they are numbered in a row."""
    values = {**asdict(place), **asdict(herd)}
    return _build(connection, "herd", values)[0]


@contextmanager
def _checked_at_the_end(connection: psycopg.Connection) -> Iterator[None]:
    """Drop the foreign keys of the tables to be filled, and add them again: one check for all."""
    found = connection.execute(
        """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE contype = 'f' AND conrelid::regclass::text = ANY(%s)
        ORDER BY 1, 2
        """,
        [list(FILLED)],
    ).fetchall()
    keys = [(sql.Identifier(table), sql.Identifier(name), text) for table, name, text in found]
    for table, name, _ in keys:
        connection.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(table, name))
    yield
    for table, name, text in keys:
        connection.execute(
            sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {}").format(table, name, sql.SQL(text))
        )


def _build(
    connection: psycopg.Connection, plan: str, values: Mapping[str, Any]
) -> tuple[tuple[int, int], int]:
    with connection.transaction(), ClientCursor(connection) as cursor:
        cursor.execute("SET LOCAL work_mem = '128MB'")
        cursor.execute(_script(plan), values)
        cursor.execute("ANALYZE made_groups; ANALYZE made_orders")
        _switch_triggers(cursor, "DISABLE")
        for name in _ROWS:
            cursor.execute(_script(name), values)
        _switch_triggers(cursor, "ENABLE")
        cursor.execute("SELECT min(id), max(id) FROM made_groups")
        first, last = cursor.fetchone() or (0, 0)
        cursor.execute("SELECT count(*) FROM made_orders")
        (orders,) = cursor.fetchone() or (0,)
    return (first, last), orders


def _switch_triggers(cursor: psycopg.Cursor[Any], verb: str) -> None:
    for table in SILENT:
        cursor.execute(
            sql.SQL("ALTER TABLE {} {} TRIGGER USER").format(sql.Identifier(table), sql.SQL(verb))
        )


def _script(name: str) -> bytes:
    return (Path(__file__).parent / "sql" / f"{name}.sql").read_bytes()
