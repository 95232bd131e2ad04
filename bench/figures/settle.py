"""Settling a herd of groups with one deadline: real workers, from first claim to last credit.

The looks are put on the queue as the scheduler puts them, and nothing else is.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.figures.preload import Scene
from bench.figures.results import Figure, median, spread
from bench.stage.ground import say
from domain.clock import real_now
from jobs.schedule import SCHEDULE, Periodic
from jobs.scheduler import enqueue_due
from launcher.programs import Program
from launcher.stack import WORKERS

UNPAID_EVERY = 20
SOUGHT_PER_SECOND = 1_000
SOUGHT_GROWTH = 1.3
PLAIN_SECONDS = 5
GIVE_UP_SECONDS = 600
POLL_SECONDS = 0.01
_LEASED = "SELECT EXISTS (SELECT FROM work_rows WHERE kind = %s AND state = 'leased')"
LEFT = """
    SELECT EXISTS (SELECT FROM work_rows WHERE kind = %s AND state = 'due' AND due_at <= %s)
        OR EXISTS (SELECT FROM work_rows WHERE kind = %s AND state = 'leased')
"""
_DONE = """
    SELECT
        (SELECT count(*) FROM groups WHERE merchant_id = %(m)s AND id BETWEEN %(first)s AND %(last)s
            AND state = 'failed' AND paid_seats = 2),
        count(*) FILTER (WHERE r.state = 'requested' AND r.purpose = 'failed'),
        count(*) FILTER (WHERE g.state = 'issued'), count(n.id),
        count(*) FILTER (WHERE o.seat_state = 'releasing' AND p.state = 'closing')
    FROM orders o
    LEFT JOIN payments p ON p.merchant_id = o.merchant_id AND p.order_id = o.id
    LEFT JOIN refunds r ON r.merchant_id = o.merchant_id AND r.order_id = o.id
    LEFT JOIN grants g ON g.merchant_id = o.merchant_id AND g.order_id = o.id
    LEFT JOIN notices n ON n.merchant_id = o.merchant_id AND n.order_id = o.id
    WHERE o.merchant_id = %(m)s AND o.group_id BETWEEN %(first)s AND %(last)s
"""


@dataclass(frozen=True)
class Settled:
    """A herd that was settled: groups, seconds to the last credit, seconds of its notices."""

    groups: int
    seconds: float
    notice_seconds: float

    @property
    def per_second(self) -> float:
        """Return groups settled per second."""
        return self.groups / self.seconds


def measure(scene: Scene) -> list[Figure]:
    """Measure rate and growth: a small herd and a large one alternate."""
    start_workers(scene)
    settle(scene, scene.sizes.herd // 5)
    small: list[Settled] = []
    large: list[Settled] = []
    plain: list[float] = []
    for number in range(scene.sizes.pairs):
        plain.append(scene.pgbench.plain_rate(PLAIN_SECONDS))
        wanted = [(small, scene.sizes.herd), (large, scene.sizes.large_herd)]
        for kept, groups in wanted if number % 2 == 0 else wanted[::-1]:
            kept.append(settle(scene, groups))
        say(
            f"settle {number + 1}: {small[-1].per_second:.0f} and {large[-1].per_second:.0f}"
            f" groups/s, plain {plain[-1]:.0f}/s"
        )
    return [_rate(scene, small, large, plain), _growth(scene, small, large)]


def _rate(
    scene: Scene, small: Sequence[Settled], large: Sequence[Settled], plain: Sequence[float]
) -> Figure:
    to_plain = [herd.per_second / rate for herd, rate in zip(large, plain, strict=True)]
    with_notices = [herd.groups / (herd.seconds + herd.notice_seconds) for herd in large]
    return Figure(
        "settle_groups_per_s",
        median([herd.per_second for herd in large], 0),
        "groups/s",
        {
            "what": "plain pgbench -N -M prepared in the same minute, to show the machine's noise",
            "plain_pgbench_tps": median(plain, 0),
            "ratio": median(to_plain),
        },
        {
            "target": f">= {SOUGHT_PER_SECOND}",
            "spread": spread([herd.per_second for herd in large], 0),
            "pairs": len(large),
            "orders": scene.sizes.orders,
            "groups": scene.sizes.large_herd,
            "small_herd_per_second": median([herd.per_second for herd in small], 0),
            "with_notices_per_second": median(with_notices, 0),
            "audit": audit(),
        },
    )


def _growth(scene: Scene, small: Sequence[Settled], large: Sequence[Settled]) -> Figure:
    growth = [a.per_second / b.per_second for a, b in zip(small, large, strict=True)]
    return Figure(
        "settle_growth",
        median(growth),
        "ratio",
        {
            "what": f"time per group of {scene.sizes.herd} groups with one deadline",
            "ms_per_group": median([1000 * herd.seconds / herd.groups for herd in small]),
        },
        {
            "target": f"<= {SOUGHT_GROWTH}",
            "spread": spread(growth),
            "pairs": len(growth),
            "groups": scene.sizes.large_herd,
            "ms_per_group": median([1000 * herd.seconds / herd.groups for herd in large]),
        },
    )


def start_workers(scene: Scene) -> None:
    """Start the workers of the settling queue, as many as the launcher starts."""
    command = (sys.executable, "-m", "jobs.worker", "settle")
    for name in WORKERS:
        if name.startswith("worker_settle"):
            scene.ground.start(Program(name, command, scene.database.environment))


def settle(scene: Scene, groups: int) -> Settled:
    """Make a herd due, have it settled and its notices written, and check what came of it."""
    first, last = scene.due_groups(groups, unpaid_every=UNPAID_EVERY)
    seconds = _work_through(scene, "jobs.settling.settle_groups", "settle_group")
    notice_seconds = _work_through(scene, "jobs.reacting.notify", "notify")
    values = {"m": scene.mall.merchant_id, "first": first, "last": last}
    done = scene.owner.execute(_DONE, values).fetchone()
    expected = (groups, 2 * groups, 2 * groups, 2 * groups, groups // UNPAID_EVERY)
    if done != expected:
        raise RuntimeError(f"groups, refunds, grants, notices, closing: {done}, not {expected}")
    return Settled(groups, seconds, notice_seconds)


def _work_through(scene: Scene, function: str, kind: str) -> float:
    """Put looks on the queue until nothing of a kind is due; returns seconds from the first lease.

    A look is put there as soon as the last one was taken, as far as the schedule's copies go.
    """
    entry: Periodic = next(entry for entry in SCHEDULE if entry.function == function)
    began_at: float | None = None
    ends_at = time.monotonic() + GIVE_UP_SECONDS
    looked_at = 0.0
    while time.monotonic() < ends_at:
        if time.monotonic() - looked_at > entry.every_seconds:
            enqueue_due([entry])
            looked_at = time.monotonic()
        if began_at is None:
            if scene.count(_LEASED, kind):
                began_at = time.monotonic()
        elif not scene.count(LEFT, kind, real_now(), kind):
            return time.monotonic() - began_at
        time.sleep(POLL_SECONDS)
    raise TimeoutError(f"{function} did not get done")


def audit() -> str:
    """Check every invariant of the books; returns how many hold. Raises if one does not."""
    from domain.auditing.running import audit as check_all  # noqa: PLC0415 - takes a while

    report = check_all(at=real_now())
    if not report.is_ok:
        raise RuntimeError(f"the audit finds: {report.violated}")
    return f"{len(report.lines)} invariants hold"
