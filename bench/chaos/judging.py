"""The end of a run: all against what clients heard, the gateway's record and the invariants."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text

from bench.chaos.injecting import Struck
from bench.chaos.load import Load
from bench.chaos.recovery import BOUNDS
from bench.chaos.stalls import Stall
from bench.chaos.verdicts import resolve_payings, resolve_placings
from bench.soak.house import Guest, House
from bench.soak.verdicts import judge
from domain.auditing.gateway_record import compare_lines, our_lines, read_sandbox_record
from domain.auditing.running import audit
from domain.database import read_clock, reading

_ORDER_OF = text(
    """
    SELECT p.public_id AS payment, o.public_id AS order_id FROM payments p
    JOIN orders o ON o.merchant_id = p.merchant_id AND o.id = p.order_id
    WHERE p.merchant_id = :m
    """
)
_SETTLED = text(
    """
    SELECT g.state, count(DISTINCT g.id) AS groups, count(o.id) AS members FROM groups g
    JOIN orders o ON o.merchant_id = g.merchant_id AND o.group_id = g.id AND o.paid_at IS NOT NULL
    WHERE g.merchant_id = :m AND g.state IN ('formed', 'failed') GROUP BY 1
    """
)
_LASTED = text(
    """
    SELECT 'work rows' AS what, count(*) FROM work_rows WHERE merchant_id = :m
    UNION ALL SELECT 'lapsed leases', coalesce(sum(lapses), 0) FROM work_rows
        WHERE merchant_id = :m
    UNION ALL SELECT 'ledger transactions', count(*) FROM ledger_transactions
        WHERE merchant_id = :m
    UNION ALL SELECT 'refunds', count(*) FROM refunds WHERE merchant_id = :m
    UNION ALL SELECT 'subsidies', count(*) FROM grants WHERE merchant_id = :m
    """
)


@dataclass(frozen=True)
class Asked:
    """What a run must meet at least."""

    kills: int
    settlements: int


@dataclass
class Verdict:
    """What was settled and compared, how unknowns resolved, and what is wrong."""

    wrong: list[str] = field(default_factory=list)
    settled: dict[str, Counter[str]] = field(default_factory=dict)
    counted: Counter[str] = field(default_factory=Counter)
    resolved: Counter[str] = field(default_factory=Counter)
    lines: int = 0
    checks: int = 0

    @property
    def members(self) -> int:
        """Return the settlements: paid members of groups that formed or failed."""
        return sum(counts["members"] for counts in self.settled.values())


def judge_run(stalls: list[Stall], struck: list[Struck], asked: Asked) -> Verdict:
    """Compare everything, with all at rest and no fault in force."""
    verdict = Verdict()
    for stall in stalls:
        house, load = stall.house, stall.load
        house.guests = [Guest(phone) for phone in load.phones if phone.is_signed_in]
        orders = {guest.phone.openid: guest.phone.read_orders() for guest in house.guests}
        _hear(verdict, house, load, orders)
        verdict.wrong += judge(house)
        verdict.wrong += [f"a client met {complaint}" for complaint in load.complaints]
        _count(verdict, house)
    _audit(verdict, stalls[0].house.theatre.control_url)
    verdict.wrong += judge_strikes(struck, asked, settled=verdict.members)
    return verdict


def judge_strikes(struck: list[Struck], asked: Asked, *, settled: int) -> list[str]:
    """Return which faults were late to recover from, and what of that asked for was not played."""
    wrong = [
        f"fault {one.fault.number} ({one.fault}): recovery took {one.recovery_seconds} s, and may"
        f" take {BOUNDS[one.fault.kind]:.0f}: {one.seconds}"
        for one in struck
        if one.is_late
    ]
    if len(struck) < asked.kills:
        wrong.append(f"{len(struck)} kills, {asked.kills} were asked for")
    if settled < asked.settlements:
        wrong.append(f"{settled} settlements, {asked.settlements} were asked for")
    return wrong


def _hear(
    verdict: Verdict, house: House, load: Load, orders: dict[str, list[dict[str, Any]]]
) -> None:
    with reading() as session:
        rows = session.execute(_ORDER_OF, {"m": house.merchant_id})
        order_of = {row.payment: row.order_id for row in rows}
    for resolved, wrong in (
        resolve_placings(load.placings, orders),
        resolve_payings(load.payings, house.record("/orders"), order_of),
    ):
        verdict.resolved.update(resolved)
        verdict.wrong += wrong


def _audit(verdict: Verdict, control_url: str) -> None:
    record = read_sandbox_record(control_url)
    verdict.lines = len(record)
    with reading() as session:
        verdict.wrong += compare_lines(our_lines(session), record)
    report = audit(at=read_clock(), at_rest=True, gateway_record=record)
    verdict.checks = len(report.lines)
    verdict.wrong += [line.to_text() for line in report.broken]
    if report.parked.count:
        verdict.wrong.append(f"{report.parked.count} parked: {report.parked.examples}")


def _count(verdict: Verdict, house: House) -> None:
    with reading() as session:
        of_merchant = {"m": house.merchant_id}
        for row in session.execute(_SETTLED, of_merchant):
            counts = verdict.settled.setdefault(row.state, Counter())
            counts.update(groups=row.groups, members=row.members)
        for row in session.execute(_LASTED, of_merchant):
            verdict.counted[row[0]] += int(row[1])
