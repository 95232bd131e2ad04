"""Running the audit: every probe on one snapshot, read-only, by the role that serves."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime
from queue import Empty, SimpleQueue

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.auditing import (
    budgets,
    clocks,
    copies,
    days,
    effects,
    facts,
    frozen_rules,
    grants,
    groups,
    instants,
    instruments,
    ledger,
    lives,
    moves,
    payments,
    promises,
    referrals,
    refunds,
    rest,
    seals,
    seats,
    tenants,
)
from domain.auditing.checks import Check, Probe
from domain.auditing.gateway_record import MATCHED, MoneyLine, compare_lines, our_lines
from domain.auditing.known_seals import KNOWN, KnownSeal, compare_seals
from domain.auditing.reporting import Breaches, Line, Report
from domain.database import core_engine

PROBES: tuple[Probe, ...] = (
    *seats.PROBES,
    *groups.PROBES,
    *payments.PROBES,
    *refunds.PROBES,
    *grants.PROBES,
    *promises.PROBES,
    *ledger.PROBES,
    *seals.PROBES,
    *instruments.PROBES,
    *budgets.PROBES,
    *days.PROBES,
    *referrals.PROBES,
    *moves.PROBES,
    *facts.PROBES,
    *instants.PROBES,
    *effects.PROBES,
    *copies.PROBES,
    *lives.PROBES,
    *frozen_rules.PROBES,
    *clocks.PROBES,
    *tenants.PROBES,
    *rest.PROBES,
)
EXAMPLES = 5

# Every row is looked at, so joins hash, whatever the planner guesses of how many there are. One
# session may wait for the other's longest statement.
_SETTINGS = (
    "statement_timeout = 0",
    "idle_in_transaction_session_timeout = 0",
    "work_mem = '256MB'",
    "enable_nestloop = off",
    "jit = off",
)

_COUNT = """
    WITH breaches AS ({statement})
    SELECT name, count(*) AS breaches, (array_agg(key ORDER BY key))[1:{examples}] AS examples
    FROM breaches GROUP BY name
"""
_PARKED = text(
    """
    SELECT count(*) AS breaches,
        (array_agg(format('%s %s/%s: %s', kind, merchant_id, subject_id, error)
            ORDER BY merchant_id, id))[1:5] AS examples
    FROM work_rows WHERE state = 'parked'
    """
)


def checks(*, at_rest: bool) -> list[Check]:
    """List the checks, in the order of the product rules; those that need rest if wanted."""
    found = [check for p in PROBES if at_rest or not p.needs_rest for check in p.checks]
    return sorted(found, key=lambda check: (check.is_clock, check.invariant))


@contextmanager
def snapshot(shared: str | None = None) -> Iterator[Session]:
    """Open a session that sees one instant of the database and can change nothing.

    `shared` is the name of the instant that another session exported.
    """
    engine = core_engine().execution_options(
        isolation_level="REPEATABLE READ", postgresql_readonly=True
    )
    with Session(engine, autoflush=False) as session:
        if shared is not None:
            session.execute(text(f"SET TRANSACTION SNAPSHOT '{shared}'"))
        for setting in _SETTINGS:
            session.execute(text(f"SET LOCAL {setting}"))
        yield session


def audit(
    *,
    at: datetime,
    at_rest: bool = False,
    gateway_record: Iterable[MoneyLine] | None = None,
    known_seals: Iterable[KnownSeal] | None = None,
) -> Report:
    """Check every invariant that holds at any moment; `at_rest` adds those of drained queues.

    `at` is the business instant that waiting is measured by; a gateway's record, and seals that the
    log told of, are compared with our books. All see the same instant of the database, though two
    ask at once.
    """
    wanted = [probe for probe in PROBES if at_rest or not probe.needs_rest]
    with snapshot() as session, ThreadPoolExecutor(max_workers=1) as pool:
        shared = session.execute(text("SELECT pg_export_snapshot()")).scalar_one()
        queue: SimpleQueue[Probe] = SimpleQueue()
        for probe in wanted:
            queue.put(probe)
        beside = pool.submit(_ask_beside, queue, shared, at=at)
        found = _ask_all(session, queue, at=at) | beside.result()
        parked = session.execute(_PARKED).one()
        if gateway_record is not None:
            found[MATCHED.name] = _timed(lambda: compare_lines(our_lines(session), gateway_record))
        if known_seals is not None:
            found[KNOWN.name] = _timed(lambda: compare_seals(session, known_seals))
    compared = [check for check in (KNOWN, MATCHED) if check.name in found]
    known = [*checks(at_rest=at_rest), *compared]
    return Report(
        lines=tuple(Line(check, found[check.name]) for check in known),
        parked=Breaches(parked.breaches, tuple(parked.examples or ())),
    )


def _timed(compare: Callable[[], Sequence[str]]) -> Breaches:
    began = time.perf_counter()
    differences = compare()
    seconds = time.perf_counter() - began
    return Breaches(len(differences), tuple(differences[:EXAMPLES]), seconds)


def _ask_beside(queue: SimpleQueue[Probe], shared: str, *, at: datetime) -> dict[str, Breaches]:
    with snapshot(shared) as session:
        return _ask_all(session, queue, at=at)


def _ask_all(session: Session, queue: SimpleQueue[Probe], *, at: datetime) -> dict[str, Breaches]:
    """Ask probes off a queue that another session takes from too, until it is empty."""
    found: dict[str, Breaches] = {}
    with suppress(Empty):
        while True:
            found |= ask(session, queue.get_nowait(), at=at)
    return found


def ask(session: Session, probe: Probe, *, at: datetime) -> dict[str, Breaches]:
    """Return the breaches of each of a probe's checks, with how long the probe took."""
    began = time.perf_counter()
    if probe.is_so is not None:
        listed = session.execute(text(probe.statement), {"at": at})
        keys = [row.key for row in listed if not probe.is_so(row)]
        seconds = time.perf_counter() - began
        return {probe.checks[0].name: Breaches(len(keys), tuple(keys[:EXAMPLES]), seconds)}
    rows = session.execute(
        text(_COUNT.format(statement=probe.statement, examples=EXAMPLES)), {"at": at}
    ).all()
    seconds = time.perf_counter() - began
    found = {row.name: Breaches(row.breaches, tuple(row.examples), seconds) for row in rows}
    return {check.name: found.get(check.name, Breaches(0, (), seconds)) for check in probe.checks}
