"""Work rows: put work down, lease it, finish it, put it back, park it.

The row is the retry: a job on the queue only says "look". A lease lasts in real time; its fence
grows with each lease, and who holds an older one may write nothing.
"""

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from domain import clock
from domain.arrays import array

MAX_FAILURES = 5
LEASE_SECONDS = 12

Key = tuple[int, int]


class LeaseLost(RuntimeError):
    """Another worker has taken the work over: this one must write nothing."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A leased work row; good until `fence` is overtaken."""

    merchant_id: int
    id: int
    subject_id: int
    fence: int
    attempts: int

    @property
    def subject(self) -> Key:
        """Return (merchant_id, subject_id)."""
        return (self.merchant_id, self.subject_id)


_PUT = text(
    """
    INSERT INTO work_rows (merchant_id, kind, subject_id, due_at)
    SELECT m, :kind, s, :due_at
    FROM unnest(CAST(:merchants AS bigint[]), CAST(:subjects AS bigint[])) AS t (m, s)
    ORDER BY m, s
    ON CONFLICT (merchant_id, kind, subject_id) DO UPDATE
    SET due_at = least(work_rows.due_at, excluded.due_at)
    WHERE work_rows.state = 'due'
    """
)


def put(session: Session, kind: str, subjects: Sequence[Key], *, due_at: datetime) -> None:
    """Make work due for each subject; work that is due already comes no later for it."""
    if subjects:
        session.execute(
            _PUT,
            {
                "kind": kind,
                "due_at": due_at,
                "merchants": array(merchant_id for merchant_id, _ in subjects),
                "subjects": array(subject_id for _, subject_id in subjects),
            },
        )


_HASTEN = text(
    """
    UPDATE work_rows w SET due_at = least(w.due_at, :due_at)
    FROM unnest(CAST(:merchants AS bigint[]), CAST(:subjects AS bigint[])) AS t (m, s)
    WHERE w.merchant_id = t.m AND w.kind = :kind AND w.subject_id = t.s AND w.state <> 'done'
    """
)


def hasten(session: Session, kind: str, subjects: Sequence[Key], *, due_at: datetime) -> None:
    """Make work that is down already due no later than an instant."""
    if subjects:
        session.execute(
            _HASTEN,
            {
                "kind": kind,
                "due_at": due_at,
                "merchants": array(merchant_id for merchant_id, _ in subjects),
                "subjects": array(subject_id for _, subject_id in subjects),
            },
        )


_RECOVER = text(
    """
    UPDATE work_rows w
    SET state = CASE WHEN w.lapses + 1 >= :most THEN 'parked' ELSE 'due' END,
        lapses = w.lapses + 1, leased_until = NULL,
        error = CASE WHEN w.lapses + 1 >= :most THEN 'its worker died again and again'
            ELSE w.error END
    FROM (
        SELECT merchant_id, id FROM work_rows
        WHERE kind = :kind AND state = 'leased' AND leased_until < :real_now
        FOR UPDATE SKIP LOCKED
    ) lost
    WHERE w.merchant_id = lost.merchant_id AND w.id = lost.id
    """
)
_CLAIM = """
    UPDATE work_rows w
    SET state = 'leased', leased_until = :until, fence = w.fence + 1, attempts = w.attempts + 1
    FROM (
        SELECT merchant_id, id FROM work_rows
        WHERE kind = :kind AND state = 'due' AND due_at <= :at AND {which}
        LIMIT {limit}
        FOR UPDATE SKIP LOCKED
    ) picked
    WHERE w.merchant_id = picked.merchant_id AND w.id = picked.id
    RETURNING w.merchant_id, w.id, w.subject_id, w.fence, w.attempts
"""
_DEAL = """
    UPDATE work_rows w
    SET state = 'leased', leased_until = :until, fence = w.fence + 1, attempts = w.attempts + 1
    FROM unnest(CAST(:dealt_to AS bigint[])) AS m (merchant_id)
    CROSS JOIN LATERAL (
        SELECT r.merchant_id, r.id FROM work_rows r
        WHERE r.kind = :kind AND r.merchant_id = m.merchant_id AND r.state = 'due'
            AND r.due_at <= :at AND r.lapses < 2
        ORDER BY r.due_at
        LIMIT {share}
        FOR UPDATE SKIP LOCKED
    ) picked
    WHERE w.merchant_id = picked.merchant_id AND w.id = picked.id
    RETURNING w.merchant_id, w.id, w.subject_id, w.fence, w.attempts
"""
# From merchant to merchant along the index, from a random one on, round once: those seen end it.
_WAITING = text(
    """
    WITH RECURSIVE walk (merchant_id) AS (
        SELECT coalesce(
            (SELECT min(merchant_id) FROM work_rows
                WHERE kind = :kind AND state = 'due' AND merchant_id >= :from_merchant),
            (SELECT min(merchant_id) FROM work_rows WHERE kind = :kind AND state = 'due'))
        UNION
        SELECT coalesce(
            (SELECT min(merchant_id) FROM work_rows
                WHERE kind = :kind AND state = 'due' AND merchant_id > walk.merchant_id),
            (SELECT min(merchant_id) FROM work_rows WHERE kind = :kind AND state = 'due'))
        FROM walk
    )
    SELECT merchant_id FROM (SELECT merchant_id FROM walk LIMIT :steps) AS seen
    WHERE merchant_id <> ALL(CAST(:but_not AS bigint[])) AND (
        SELECT min(due_at) FROM work_rows w
        WHERE w.kind = :kind AND w.state = 'due' AND w.merchant_id = seen.merchant_id) <= :at
    LIMIT :sharing
    """
)
# Most merchants that the walk sees have groups, but none that is due yet. Where there are more,
# each claim sees others.
_STEPS = 1024
_SHARING = 64
_SUSPECT_ONE_IN = 8
_MOST_MERCHANT = text("SELECT max(id) FROM merchants")
_HEALTHY = "lapses < 2{others} ORDER BY due_at"
_SUSPECT = "lapses >= 2{others} ORDER BY lapses, due_at"
_OTHERS = " AND merchant_id <> ALL(CAST(:but_not AS bigint[]))"


def claim(
    session: Session,
    kind: str,
    *,
    limit: int,
    at: datetime,
    lease_seconds: float | None = None,
    but_not: Collection[int] = (),
) -> list[Lease]:
    """Lease up to `limit` rows that are due, or whose lease ran out; skips rows others hold.

    Half of it is dealt among the merchants that wait, so that a herd of one does not hold up the
    others; the rest goes by age. Those of the merchants in `but_not` are left alone. Rows whose
    workers died twice in a row are leased one at a time, where nothing else is due and now and then
    before: one that kills its worker takes no chunk along, and is parked after MAX_FAILURES lapses.
    A lease lasts LEASE_SECONDS unless told otherwise; longer work renews it.
    """
    real_now = clock.real_now()
    session.execute(_RECOVER, {"kind": kind, "real_now": real_now, "most": MAX_FAILURES})
    values: dict[str, object] = {
        "kind": kind,
        "at": at,
        "until": real_now + timedelta(seconds=lease_seconds or LEASE_SECONDS),
    }
    others = _OTHERS if but_not else ""
    if but_not:
        values["but_not"] = array(but_not)
    suspect = _CLAIM.format(which=_SUSPECT.format(others=others), limit=1)
    if not secrets.randbelow(_SUSPECT_ONE_IN) and (rows := _leases(session, suspect, values)):
        return rows
    rows = _deal(session, kind, limit // 2, at=at, but_not=but_not, values=values)
    # The limit goes into the text as a number: as a parameter the planner guesses badly.
    left = int(limit) - len(rows)
    rows += _leases(
        session, _CLAIM.format(which=_HEALTHY.format(others=others), limit=left), values
    )
    if not rows:
        rows = _leases(session, suspect, values)
    return sorted(rows, key=lambda lease: (lease.merchant_id, lease.id))


def _deal(
    session: Session,
    kind: str,
    most: int,
    *,
    at: datetime,
    but_not: Collection[int],
    values: Mapping[str, object],
) -> list[Lease]:
    """Lease up to `most` rows, as many of each merchant that waits."""
    if most == 0:
        return []
    last = session.execute(_MOST_MERCHANT).scalar_one() or 0
    asked = {
        "kind": kind,
        "at": at,
        "but_not": array(but_not),
        "from_merchant": secrets.randbelow(last + 1),
        "steps": _STEPS,
        "sharing": min(most, _SHARING),
    }
    waiting = list(session.execute(_WAITING, asked).scalars())
    if not waiting:
        return []
    statement = _DEAL.format(share=most // len(waiting))
    return _leases(session, statement, {**values, "dealt_to": array(waiting)})


def _leases(session: Session, statement: str, values: Mapping[str, object]) -> list[Lease]:
    return [Lease(*row) for row in session.execute(text(statement), values)]


_HOLD = text(
    """
    SELECT w.merchant_id, w.id FROM work_rows w
    JOIN unnest(CAST(:merchants AS bigint[]), CAST(:ids AS bigint[]), CAST(:fences AS bigint[]))
        AS t (m, i, f) ON w.merchant_id = t.m AND w.id = t.i AND w.fence = t.f
    WHERE w.state = 'leased'
    ORDER BY w.merchant_id, w.id
    FOR UPDATE OF w
    """
)


def hold(session: Session, leases: Sequence[Lease]) -> list[Lease]:
    """Lock leases for the rest of the transaction; returns those that are still good."""
    if not leases:
        return []
    kept = {tuple(row) for row in session.execute(_HOLD, _columns(leases))}
    return [lease for lease in leases if (lease.merchant_id, lease.id) in kept]


_RENEW = text(
    """
    UPDATE work_rows w SET leased_until = :until
    FROM (
        SELECT r.merchant_id, r.id FROM work_rows r
        JOIN unnest(CAST(:merchants AS bigint[]), CAST(:ids AS bigint[]), CAST(:fences AS bigint[]))
            AS t (m, i, f) ON r.merchant_id = t.m AND r.id = t.i AND r.fence = t.f
        WHERE r.state = 'leased'
        FOR UPDATE OF r SKIP LOCKED
    ) kept
    WHERE w.merchant_id = kept.merchant_id AND w.id = kept.id
    """
)


def renew(session: Session, leases: Sequence[Lease], *, seconds: float) -> None:
    """Let leases last some seconds from now, those too that ran out and that nobody took over.

    Skips the overtaken, and those being written.
    """
    if leases:
        until = clock.real_now() + timedelta(seconds=seconds)
        session.execute(_RENEW, {**_columns(leases), "until": until})


_FINISH = text(
    """
    UPDATE work_rows w SET state = 'done', leased_until = NULL, error = NULL
    FROM unnest(CAST(:merchants AS bigint[]), CAST(:ids AS bigint[]), CAST(:fences AS bigint[]))
        AS t (m, i, f)
    WHERE w.merchant_id = t.m AND w.id = t.i AND w.fence = t.f AND w.state = 'leased'
    """
)


def finish(session: Session, leases: Sequence[Lease]) -> None:
    """Mark leases done. Raises LeaseLost if one was overtaken."""
    _write(session, _FINISH, leases)


_PUT_BACK = text(
    """
    UPDATE work_rows w
    SET state = 'due', leased_until = NULL, due_at = :due_at, error = :error, lapses = 0,
        attempts = CASE WHEN :forgiven THEN 0 ELSE attempts END,
        failures = CASE WHEN :forgiven THEN 0 ELSE failures END
    FROM unnest(CAST(:merchants AS bigint[]), CAST(:ids AS bigint[]), CAST(:fences AS bigint[]))
        AS t (m, i, f)
    WHERE w.merchant_id = t.m AND w.id = t.i AND w.fence = t.f AND w.state = 'leased'
    """
)


def put_back(session: Session, leases: Sequence[Lease], *, due_at: datetime) -> None:
    """Make leases due again later: waiting is not failing, so attempts and failures start anew.

    Raises LeaseLost if one was overtaken.
    """
    _write(session, _PUT_BACK, leases, due_at=due_at, error=None, forgiven=True)


def retry_later(session: Session, lease: Lease, *, at: datetime, error: str) -> None:
    """Make a lease due again after a failure that is nobody's fault here: later each time.

    Never parked, nor nearer to it: an hour without a gateway must not strand a refund. Raises
    LeaseLost.
    """
    due_at = at + timedelta(seconds=min(300, 2**lease.attempts))
    _write(session, _PUT_BACK, [lease], due_at=due_at, error=error, forgiven=False)


_FAIL = text(
    """
    UPDATE work_rows w
    SET state = CASE WHEN w.failures + 1 >= :most THEN 'parked' ELSE 'due' END,
        due_at = CAST(:at AS timestamptz) + power(2, w.failures + 1) * interval '1 second',
        leased_until = NULL, error = :error, lapses = 0, failures = w.failures + 1
    FROM unnest(CAST(:merchants AS bigint[]), CAST(:ids AS bigint[]), CAST(:fences AS bigint[]))
        AS t (m, i, f)
    WHERE w.merchant_id = t.m AND w.id = t.i AND w.fence = t.f AND w.state = 'leased'
    """
)


def fail(session: Session, lease: Lease, *, at: datetime, error: str) -> None:
    """Put a lease back after an error of ours, later each time; the fifth parks it.

    Raises LeaseLost if it was overtaken.
    """
    _write(session, _FAIL, [lease], at=at, error=error, most=MAX_FAILURES)


_PARK = text(
    """
    UPDATE work_rows w SET state = 'parked', leased_until = NULL, error = :error
    FROM unnest(CAST(:merchants AS bigint[]), CAST(:ids AS bigint[]), CAST(:fences AS bigint[]))
        AS t (m, i, f)
    WHERE w.merchant_id = t.m AND w.id = t.i AND w.fence = t.f AND w.state = 'leased'
    """
)


def park(session: Session, lease: Lease, *, error: str) -> None:
    """Park a lease that only a person can help, at once. Raises LeaseLost."""
    _write(session, _PARK, [lease], error=error)


@dataclass(frozen=True, slots=True)
class Parked:
    """A parked work row: what it was about, and the error that it was parked with."""

    kind: str
    merchant_id: int
    subject_id: int
    error: str | None

    @property
    def subject(self) -> Key:
        """Return (merchant_id, subject_id)."""
        return (self.merchant_id, self.subject_id)


_PARKED = text(
    """
    SELECT kind, merchant_id, subject_id, error FROM work_rows
    WHERE state = 'parked' AND (CAST(:kind AS text) IS NULL OR kind = :kind)
    ORDER BY kind, merchant_id, id
    """
)


def list_parked(session: Session, kind: str | None = None) -> list[Parked]:
    """List parked work of one kind, or of all."""
    return [Parked(*row) for row in session.execute(_PARKED, {"kind": kind})]


_UNPARK = text(
    """
    UPDATE work_rows w SET state = 'due', due_at = :due_at, attempts = 0, failures = 0, lapses = 0
    FROM unnest(CAST(:merchants AS bigint[]), CAST(:subjects AS bigint[])) AS t (m, s)
    WHERE w.merchant_id = t.m AND w.kind = :kind AND w.subject_id = t.s AND w.state = 'parked'
    """
)


def unpark(session: Session, kind: str, subjects: Sequence[Key], *, due_at: datetime) -> int:
    """Make parked work due again; returns how many rows were parked."""
    if not subjects:
        return 0
    written = session.execute(
        _UNPARK,
        {
            "kind": kind,
            "due_at": due_at,
            "merchants": array(merchant_id for merchant_id, _ in subjects),
            "subjects": array(subject_id for _, subject_id in subjects),
        },
    )
    count: int = written.rowcount  # type: ignore[attr-defined]
    return count


def describe_error(error: Exception) -> str:
    """Name an error for the row it is kept with: no statement's parameters, no row's values."""
    cause = getattr(error, "orig", None) or error
    diagnosis = getattr(cause, "diag", None)
    said = getattr(diagnosis, "message_primary", None) or str(cause)
    return f"{type(cause).__name__}: {said}"[:500]


def _write(
    session: Session, statement: TextClause, leases: Sequence[Lease], **values: object
) -> None:
    if not leases:
        return
    written = session.execute(statement, {**_columns(leases), **values})
    if written.rowcount != len(leases):  # type: ignore[attr-defined]
        raise LeaseLost


def _columns(leases: Sequence[Lease]) -> dict[str, object]:
    return {
        "merchants": array(lease.merchant_id for lease in leases),
        "ids": array(lease.id for lease in leases),
        "fences": array(lease.fence for lease in leases),
    }
