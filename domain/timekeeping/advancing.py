"""Advancing the business clock: forward only, never past work, the gateway's clock first.

The clock never runs at another rate. It jumps to the next due instant, or by 5 minutes where that
is later, and only when nothing is due any more.
"""

import atexit
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

import httpx
from sqlalchemy import text
from sqlalchemy.orm import Session

from domain import clock
from domain.config import settings
from domain.database import read_clock, reading, transaction
from domain.errors import Conflict, Forbidden, Rejected
from domain.settlement.expiring import WARNED_AHEAD
from domain.settlement.releasing import OVERDUE

LEAST_LEAP = timedelta(seconds=1)
"""A leap takes a moment to be made; a shorter one would set the gateway's clock back."""
SMALLEST_JUMP = timedelta(minutes=5)

_OFFSET = text("SELECT offset_seconds FROM clock_offset")
_SET = text("UPDATE clock_offset SET offset_seconds = :offset")
_WAITING = text(
    f"""
    SELECT 'work.' || kind AS name, count(*) AS waiting FROM work_rows
    WHERE (state = 'due' AND due_at <= :at) OR state = 'leased' GROUP BY kind
    UNION ALL
    SELECT 'holds', count(*) FROM orders
    WHERE state = 'placed' AND releasing_at IS NULL AND hold_expires_at <= :at
    UNION ALL
    SELECT 'releases', count(*) FROM orders o WHERE {OVERDUE}
    UNION ALL
    SELECT 'expiries', count(*) FROM instruments WHERE state = 'issued' AND expires_at <= :at
    UNION ALL
    SELECT 'point_expiries', count(*) FROM point_lots WHERE left_fen > 0 AND expires_at <= :at
    UNION ALL
    SELECT 'warnings', count(*) FROM instruments
    WHERE state = 'issued' AND warned_at IS NULL AND expires_at > :at
        AND expires_at <= :warned_until
    UNION ALL
    SELECT 'point_warnings', count(*) FROM point_lots
    WHERE left_fen > 0 AND warned_at IS NULL AND expires_at > :at AND expires_at <= :warned_until
    UNION ALL
    SELECT 'movements', count(*) FROM campaign_movements WHERE folded_at IS NULL
    """  # noqa: S608 - constants only
)
_NEXT = text(
    """
    SELECT least(
        (SELECT min(due_at) FROM work_rows WHERE state = 'due' AND due_at > :at),
        (SELECT min(hold_expires_at) FROM orders
            WHERE state = 'placed' AND releasing_at IS NULL AND hold_expires_at > :at),
        (SELECT min(releasing_at) + interval '15 minutes' FROM orders
            WHERE state = 'placed' AND releasing_at IS NOT NULL))
    """
)


class ClockFixed(Forbidden):
    """The clock can only be moved in development."""


class NotDrained(Conflict):
    """Work is still due; `waiting` says how much of what."""


class ClockBackwards(Rejected):
    """The clock moves forward only."""


@dataclass(frozen=True, slots=True)
class ClockView:
    """The business clock: now, its offset, when something is due next, what is due now."""

    now: datetime
    offset_seconds: float
    next_due_at: datetime | None
    waiting: dict[str, int]


@cache
def _client(control: str) -> httpx.Client:
    """Return this process's client of the gateway's control API: making one takes 20 ms."""
    client = httpx.Client(base_url=control, timeout=30, trust_env=False)
    atexit.register(client.close)
    return client


def _require_adjustable() -> str:
    control = settings().sandbox_control_url
    if not settings().is_clock_adjustable or control is None:
        raise ClockFixed
    return control


def look_at_clock() -> ClockView:
    """Return how the business clock stands. Raises ClockFixed outside development."""
    control = _require_adjustable()
    at = read_clock()
    with reading() as session:
        view = _look(session, at)
    pending = _client(control).get("/drained").raise_for_status().json()
    for name, count in pending.items():
        if name.startswith("pending_") and count:
            view.waiting[f"gateway.{name}"] = count
    return view


def _look(session: Session, at: datetime) -> ClockView:
    due = {"at": at, "warned_until": at + WARNED_AHEAD}
    waiting = {row.name: row.waiting for row in session.execute(_WAITING, due)}
    return ClockView(
        now=at,
        offset_seconds=session.execute(_OFFSET).scalar_one(),
        next_due_at=session.execute(_NEXT, {"at": at}).scalar(),
        waiting={name: count for name, count in waiting.items() if count},
    )


def advance_clock(*, until_at: datetime | None = None) -> ClockView:
    """Jump to the next due instant, or 5 minutes on where that is later; not past `until_at`.

    The gateway's clock goes first. Raises ClockFixed, NotDrained, ClockBackwards.
    """
    view = _look_drained(until_at)
    target = max(view.next_due_at or view.now, view.now + SMALLEST_JUMP)
    return _move_to(target if until_at is None else min(target, until_at))


def leap_clock(until_at: datetime) -> ClockView:
    """Jump to an instant, or to the next due one where that is sooner; the gateway's clock first.

    What is due at the gateway on the way happens late. Raises ClockFixed, NotDrained,
    ClockBackwards.
    """
    view = _look_drained(until_at)
    return _move_to(max(min(view.next_due_at or until_at, until_at), view.now + LEAST_LEAP))


def _look_drained(until_at: datetime | None) -> ClockView:
    view = look_at_clock()
    if view.waiting:
        raise NotDrained(waiting=view.waiting)
    if until_at is not None and until_at <= view.now:
        raise ClockBackwards(field="until_at")
    return view


def _move_to(target: datetime) -> ClockView:
    control = _require_adjustable()
    offset = (target - clock.real_now()).total_seconds()
    _client(control).post("/clock", json={"offset_seconds": offset}).raise_for_status()
    with transaction() as session:
        session.execute(_SET, {"offset": offset})
    return look_at_clock()
