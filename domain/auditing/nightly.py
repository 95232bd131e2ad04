"""The nightly audit: once a Shanghai day at four, kept with what it found."""

import logging
import time
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session
from sqlalchemy.sql import bindparam

from domain.auditing.reporting import Report
from domain.auditing.running import audit
from domain.clock import shanghai_day
from domain.database import reading, transaction

logger = logging.getLogger(__name__)

NOT_BEFORE = timedelta(hours=4)
"""After midnight in Shanghai: the herd of the day is settled by then."""

_KEEP = text(
    """
    INSERT INTO audit_runs (on_date, audited_at, seconds, checks, broken, late)
    VALUES (:on_date, :at, :seconds, :checks, :broken, :late)
    ON CONFLICT (on_date) DO NOTHING
    """
).bindparams(bindparam("broken", type_=JSONB), bindparam("late", type_=JSONB))
_LAST = text(
    "SELECT on_date, audited_at, seconds, checks, broken, late FROM audit_runs"
    " ORDER BY on_date DESC LIMIT :limit"
)


@dataclass(frozen=True, slots=True)
class AuditRun:
    """One night's audit: checks asked, the broken and the late ones as `Line.to_json` has them."""

    on_date: date
    audited_at: datetime
    seconds: int
    checks: int
    broken: list[dict[str, Any]]
    late: list[dict[str, Any]]


def audited_day(at: datetime) -> date:
    """Return the day whose audit is due at an instant."""
    return shanghai_day(at - NOT_BEFORE)


def audit_night(*, at: datetime) -> Report:
    """Check what holds at any moment, keep the result; what is broken goes to the log as errors.

    Whoever was served late stays so: the log hears of it each time that there are more.
    """
    began = time.monotonic()
    report = audit(at=at)
    with reading() as session:
        last = list_runs(session, limit=1)
    known = {line["name"]: line["violations"] for run in last for line in run.late}
    for line in report.late:
        if line.breaches.count > known.get(line.check.name, 0):
            logger.error(
                "members were served late",
                extra={
                    "check": line.check.name,
                    "late": line.breaches.count,
                    "examples": list(line.breaches.examples),
                },
            )
    for line in report.broken:
        logger.error(
            "an invariant is broken",
            extra={
                "check": line.check.name,
                "breaches": line.breaches.count,
                "examples": list(line.breaches.examples),
            },
        )
    with transaction() as session:
        session.execute(
            _KEEP,
            {
                "on_date": audited_day(at),
                "at": at,
                "seconds": round(time.monotonic() - began),
                "checks": len(report.lines),
                "broken": [line.to_json() for line in report.broken],
                "late": [line.to_json() for line in report.late],
            },
        )
    return report


def list_runs(session: Session, *, limit: int) -> list[AuditRun]:
    """List the audits of the last nights, the newest first."""
    return [AuditRun(*row) for row in session.execute(_LAST, {"limit": limit})]
