"""Reports of reconciliations: the days, their tasks, and a day's lines as CSV."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.clock import iso
from domain.reconciliation.comparing import find_lines
from domain.reconciliation.downloading import DayOfAccount, find_day
from domain.reconciliation.errors import ReconciliationNotFound

COLUMNS = (
    "result",
    "subject",
    "number",
    "gateway_no",
    "our_fen",
    "their_fen",
    "our_at",
    "their_at",
    "resolved_at",
    "resolved_by",
    "resolution",
    "said",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

_DAYS = text(
    """
    SELECT r.merchant_id, r.id AS row_id, r.public_id AS id, a.public_id AS account_id, a.gateway,
        a.mch_no, r.on_date, r.compared_at, r.lines, r.matched, t.found, t.open
    FROM reconciliations r
    JOIN gateway_accounts a ON a.merchant_id = r.merchant_id AND a.id = r.gateway_account_id
    CROSS JOIN LATERAL (
        SELECT count(*) AS found, count(*) FILTER (WHERE k.resolved_at IS NULL) AS open
        FROM reconciliation_tasks k
        WHERE k.merchant_id = r.merchant_id AND k.reconciliation_id = r.id
    ) t
    WHERE (CAST(:merchant_id AS bigint) IS NULL OR r.merchant_id = :merchant_id)
        AND (CAST(:on AS date) IS NULL OR r.on_date = :on)
        AND (CAST(:public_id AS text) IS NULL OR r.public_id = :public_id)
        AND (CAST(:below_id AS bigint) IS NULL OR r.id < :below_id)
    ORDER BY r.id DESC
    LIMIT :limit
    """
)
_TASKS = text(
    """
    SELECT k.id AS row_id, k.public_id AS id, r.public_id AS reconciliation_id, r.on_date, k.kind,
        k.subject, k.number, k.gateway_no, k.our_fen, k.their_fen, k.our_at, k.their_at,
        k.found_at, k.resolved_at, k.resolved_by, k.resolution, k.said
    FROM reconciliation_tasks k
    JOIN reconciliations r ON r.merchant_id = k.merchant_id AND r.id = k.reconciliation_id
    WHERE (CAST(:merchant_id AS bigint) IS NULL OR k.merchant_id = :merchant_id)
        AND (CAST(:is_open AS boolean) IS NULL OR (k.resolved_at IS NULL) = :is_open)
        AND (CAST(:reconciliation AS text) IS NULL OR r.public_id = :reconciliation)
        AND (CAST(:public_id AS text) IS NULL OR k.public_id = :public_id)
        AND (CAST(:below_id AS bigint) IS NULL OR k.id < :below_id)
    ORDER BY k.id DESC
    LIMIT :limit
    """
)
_NO_LIMIT = 2**62


@dataclass(frozen=True, slots=True)
class ReconciliationLine:
    """A day of an account; `lines`, `matched` and `compared_at` are unset until it was compared."""

    merchant_id: int
    row_id: int
    id: str
    account_id: str
    gateway: str
    mch_no: str
    on_date: date
    compared_at: datetime | None
    lines: int | None
    matched: int | None
    found: int
    open: int


@dataclass(frozen=True, slots=True)
class TaskLine:
    """A difference, with what was said of it."""

    row_id: int
    id: str
    reconciliation_id: str
    on_date: date
    kind: str
    subject: str
    number: str
    gateway_no: str | None
    our_fen: int | None
    their_fen: int | None
    our_at: datetime | None
    their_at: datetime | None
    found_at: datetime
    resolved_at: datetime | None
    resolved_by: str | None
    resolution: str | None
    said: str | None


def list_reconciliations(
    session: Session,
    merchant_id: int | None,
    *,
    on: date | None = None,
    below_id: int | None = None,
    limit: int = _NO_LIMIT,
) -> list[ReconciliationLine]:
    """List a merchant's reconciliations (None: of all merchants), newest first."""
    rows = session.execute(
        _DAYS,
        {
            "merchant_id": merchant_id,
            "on": on,
            "public_id": None,
            "below_id": below_id,
            "limit": limit,
        },
    )
    return [ReconciliationLine(**row) for row in rows.mappings()]


def list_tasks(
    session: Session,
    merchant_id: int | None,
    *,
    is_open: bool | None = None,
    reconciliation: str | None = None,
    task_id: str | None = None,
    below_id: int | None = None,
    limit: int = _NO_LIMIT,
) -> list[TaskLine]:
    """List a merchant's differences (None: of all merchants), newest first."""
    rows = session.execute(
        _TASKS,
        {
            "merchant_id": merchant_id,
            "is_open": is_open,
            "reconciliation": reconciliation,
            "public_id": task_id,
            "below_id": below_id,
            "limit": limit,
        },
    )
    return [TaskLine(**row) for row in rows.mappings()]


def find_reconciliation(session: Session, merchant_id: int, public_id: str) -> DayOfAccount:
    """Return what a merchant's reconciliation is about. Raises ReconciliationNotFound."""
    row = session.execute(
        _DAYS,
        {
            "merchant_id": merchant_id,
            "on": None,
            "public_id": public_id,
            "below_id": None,
            "limit": 1,
        },
    ).first()
    if row is None:
        raise ReconciliationNotFound
    return find_day((merchant_id, row.row_id))


def write_csv(session: Session, day: DayOfAccount, public_id: str) -> str:
    """Write a compared day as CSV: each line of the bill, then what the bill lacks.

    A byte order mark, so that spreadsheets read Chinese; amounts in fen, instants in UTC.
    """
    tasks = list_tasks(session, day.key[0], reconciliation=public_id)
    out = io.StringIO()
    out.write("\ufeff")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for values in _rows(session, day, tasks):
        writer.writerow([_cell(values.get(name)) for name in COLUMNS])
    return out.getvalue()


def _rows(session: Session, day: DayOfAccount, tasks: list[TaskLine]) -> Iterator[dict[str, Any]]:
    told = {(task.subject, task.number): task for task in tasks}
    for line in find_lines(session, day):
        task = told.pop((line.subject, line.number), None)
        result = line.kind or (task.kind if task else "matched")
        yield {**_fields(line), **(_said(task) if task else {}), "result": result}
    for task in reversed(told.values()):
        yield {**_fields(task), **_said(task), "result": task.kind}


def _fields(found: Any) -> dict[str, Any]:
    return {name: getattr(found, name) for name in COLUMNS[1:8]}


def _said(task: TaskLine) -> dict[str, Any]:
    return {name: getattr(task, name) for name in COLUMNS[8:]}


def _cell(value: Any) -> Any:
    """Write a cell; a text that a spreadsheet would take for a formula is quoted."""
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
