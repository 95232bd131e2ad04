"""The midnight herd: 100,000 groups fail in one second, on the real path, while shoppers join.

Two workers settle, one calls refunds at a gateway, the scheduler looks, the API serves: each a
process as in production. The joins come at an even pace, to other groups, before and during it.
"""

import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bench.figures.join_pay import join_requests
from bench.figures.preload import Scene
from bench.figures.results import Figure, median
from bench.figures.settle import LEFT, audit
from bench.history import Herd, build_running
from bench.stage import mall, serving
from bench.stage.ground import free_port, say
from bench.stage.load import drive
from bench.stage.paid import PaidSandbox
from bench.stage.processes import peak_kb, tree_of
from domain.clock import real_now
from jobs.housekeeping import seal_ledger
from launcher.programs import Program
from launcher.stack import settling_environment

SEATS = 2
SOUGHT_SECONDS = 120
SOUGHT_GROWTH = 1.3
SOUGHT_JOINS = 2.0
SOUGHT_MB = 300
JOINS_PER_SECOND = 20
BATCH_SECONDS = 5
PREPARED_SECONDS = 300
QUIET_SECONDS = 40
CONNECTIONS = 32
REFUNDS_PER_SECOND = 150
LATENCY_MS = 50
POLL_SECONDS = 0.1
MEMORY_EVERY_SECONDS = 1.0
GIVE_UP_SECONDS = 900
WORKING = 3
WORKERS = {
    "herd_settle_1": ("jobs.worker", "settle"),
    "herd_settle_2": ("jobs.worker", "settle"),
    "herd_gateway": ("jobs.worker", "gateway"),
    "herd_scheduler": ("jobs.scheduler",),
}
_DONE = """
    SELECT count(r.id), count(*) FILTER (WHERE r.accepted_at <= %s),
        count(*) FILTER (WHERE d.state = 'issued')
    FROM orders o
    JOIN groups g ON g.merchant_id = o.merchant_id AND g.id = o.group_id AND g.state = 'failed'
    LEFT JOIN refunds r ON r.merchant_id = o.merchant_id AND r.order_id = o.id
        AND r.purpose = 'failed'
    LEFT JOIN grants d ON d.merchant_id = o.merchant_id AND d.order_id = o.id
    WHERE o.merchant_id = %s AND o.group_id BETWEEN %s AND %s
"""
_PAID = """
    SELECT p.public_id, p.received_fen, s.openid, extract(epoch FROM p.succeeded_at)::float
    FROM payments p
    JOIN orders o ON o.merchant_id = p.merchant_id AND o.id = p.order_id
    JOIN shoppers s ON s.merchant_id = o.merchant_id AND s.id = o.shopper_id
    WHERE o.merchant_id = %s AND o.group_id BETWEEN %s AND %s
"""
_RATE = """
    UPDATE gateway_quotas SET per_second = %s
    WHERE merchant_id = %s AND gateway_account_id = %s AND operation = 'refund'
"""
_ASIDE = """
    UPDATE work_rows SET due_at = due_at + interval '1 year'
    WHERE kind IN ('drive_refund', 'notify', 'send_message', 'drive_payment') AND state = 'due'
"""
_BUSY = "SELECT count(*) FROM work_rows WHERE state = 'leased'"


@dataclass(frozen=True)
class Told:
    """One herd: groups, seconds from deadline to last credit, refunds accepted meanwhile, joins."""

    groups: int
    seconds: float
    accepted: int
    worker_mb: float
    before_ms: list[float] = field(repr=False)
    during_ms: list[float] = field(repr=False)

    @property
    def each_ms(self) -> float:
        """Return milliseconds a group."""
        return self.seconds * 1000 / self.groups


class _Joins:
    """Shoppers that join other groups, at an even pace, batch after batch."""

    def __init__(self, scene: Scene, port: int) -> None:
        self._scene = scene
        self._port = port
        self._ready: list[bytes] = []

    def prepare(self) -> None:
        """Open the groups that are to be joined: building them locks tables."""
        groups = JOINS_PER_SECOND * PREPARED_SECONDS // 2
        first, last = self._scene.open_groups(groups, size=3)
        self._ready = join_requests(self._scene, first, last, 2)

    def batch(self) -> list[float]:
        """Join for some seconds; returns how many milliseconds each answer took."""
        count = JOINS_PER_SECOND * BATCH_SECONDS
        requests, self._ready = self._ready[:count], self._ready[count:]
        answers = drive(self._port, requests, connections=CONNECTIONS, per_second=JOINS_PER_SECOND)
        if answers.statuses != {201: len(requests)}:
            raise RuntimeError(f"joins were refused: {answers}")
        return answers.milliseconds

    def until(self, over: threading.Event) -> list[float]:
        """Join until something is over; the batch that it ends in does not count."""
        told: list[float] = []
        while self._ready and not over.is_set():
            batch = self.batch()
            if not over.is_set() or not told:
                told.extend(batch)
        return told


def measure(scene: Scene) -> list[Figure]:
    """Measure a small herd to warm up, a tenth, and the large one."""
    _set_aside(scene)
    while seal_ledger():
        pass
    scene.owner.execute("VACUUM (ANALYZE) work_rows")
    environment = scene.database.environment
    sandbox = PaidSandbox(scene.ground, scene.mall.gateway, environment)
    sandbox.delay("refund", LATENCY_MS)
    port = free_port()
    scene.ground.start(serving.served("herd_api", serving.API, port, environment))
    beside = {
        **environment,
        **settling_environment(),
        **{name: value for name, value in os.environ.items() if name == "PINBU_SETTLE_AT_ONCE"},
        "PINBU_ENV": "development",
        "WECHATPAY_BASE_URL": sandbox.url,
    }
    workers = [
        scene.ground.start(Program(name, (sys.executable, "-m", *command), beside))
        for name, command in WORKERS.items()
    ]
    rate = (REFUNDS_PER_SECOND, scene.mall.merchant_id, scene.mall.account_id)
    scene.owner.execute(_RATE, rate)
    joins = _Joins(scene, port)
    joins.prepare()
    joins.batch()
    told = []
    for groups in (scene.sizes.herd // 5, scene.sizes.herd_100k // 10, scene.sizes.herd_100k):
        told.append(_settle(scene, sandbox, joins, workers[:WORKING], groups))
        say(
            f"herd of {groups:,}: {told[-1].seconds:.1f} s, {told[-1].accepted} refunds accepted,"
            f" worker {told[-1].worker_mb:.0f} MB"
        )
    _, small, large = told
    return _figures(scene, small, large, audit())


def _figures(scene: Scene, small: Told, large: Told, held: str) -> list[Figure]:
    ordered = {name: sorted(getattr(large, name)) for name in ("before_ms", "during_ms")}
    p99 = {name: values[int(len(values) * 0.99)] for name, values in ordered.items()}
    middle = {name: median(values, 1) for name, values in ordered.items()}
    seconds = Figure(
        "herd_100k_credit_seconds",
        round(large.seconds, 1),
        "s",
        {"what": "the same of a tenth of it", "seconds": round(small.seconds, 1)},
        {
            "target": f"<= {SOUGHT_SECONDS}",
            "groups": large.groups,
            "paid_seats": large.groups * SEATS,
            "orders": scene.sizes.orders,
            "refunds_accepted_meanwhile": large.accepted,
            "refunds_quota_per_second": REFUNDS_PER_SECOND,
            "worker_peak_rss_mb": round(max(small.worker_mb, large.worker_mb)),
            "wanted_mb": f"<= {SOUGHT_MB}",
            "audit": held,
        },
    )
    growth = Figure(
        "herd_growth",
        round(large.each_ms / small.each_ms, 3),
        "ratio",
        {"what": f"time per group of {small.groups} groups", "ms": round(small.each_ms, 3)},
        {"target": f"<= {SOUGHT_GROWTH}", "ms": round(large.each_ms, 3)},
    )
    joins = Figure(
        "herd_join_p99_ratio",
        round(p99["during_ms"] / p99["before_ms"], 2),
        "ratio",
        {
            "what": "joins of other groups before the deadline, the same processes running",
            "p50_ms": middle["before_ms"],
            "p99_ms": p99["before_ms"],
            "joins": len(large.before_ms),
        },
        {
            "target": f"<= {SOUGHT_JOINS:g}",
            "per_second": JOINS_PER_SECOND,
            "p50_ms": middle["during_ms"],
            "p99_ms": p99["during_ms"],
            "joins": len(large.during_ms),
        },
    )
    return [seconds, growth, joins]


def _settle(
    scene: Scene, sandbox: PaidSandbox, joins: _Joins, workers: list[int], groups: int
) -> Told:
    """Let a herd come due, and wait for the last credit."""
    first, last = _open(scene, groups)
    rows = scene.owner.execute(_PAID, [scene.mall.merchant_id, first, last]).fetchall()
    sandbox.add_paid(rows)
    joins.prepare()
    before: list[float] = []
    ends_at = time.monotonic() + QUIET_SECONDS
    while time.monotonic() < ends_at:
        before.extend(joins.batch())
    deadline_at = real_now() + timedelta(seconds=1)
    _come_due(scene, first, last, deadline_at)
    over = threading.Event()
    with ThreadPoolExecutor(max_workers=1) as pool:
        beside = pool.submit(joins.until, over)
        try:
            time.sleep(max(0.0, (deadline_at - real_now()).total_seconds()))
            peak = _wait_settled(scene, workers)
            ended_at = real_now()
        finally:
            over.set()
        during = beside.result()
    accepted = _check(scene, first, last, ended_at)
    _set_aside(scene)
    seconds = (ended_at - deadline_at).total_seconds()
    return Told(groups, seconds, accepted, peak / 1024, before, during)


def _open(scene: Scene, groups: int) -> tuple[int, int]:
    opened_at = real_now() - timedelta(hours=1)
    herd = Herd(
        groups=groups,
        paid_seats=SEATS,
        first_shopper=scene.new_shoppers(groups * SEATS),
        opened_at=opened_at,
        deadline_at=opened_at + mall.LIFE,
    )
    return build_running(scene.owner, scene.place(3), herd)


def _come_due(scene: Scene, first: int, last: int, deadline_at: datetime) -> None:
    """Set one deadline for all of them, and their work due at it."""
    values = [deadline_at, scene.mall.merchant_id, first, last]
    with scene.owner.transaction():
        for statement in (
            "UPDATE groups SET deadline_at = %s WHERE merchant_id = %s AND id BETWEEN %s AND %s",
            "UPDATE work_rows SET due_at = %s WHERE merchant_id = %s AND kind = 'settle_group'"
            " AND subject_id BETWEEN %s AND %s",
        ):
            scene.owner.execute(statement, values)


def _wait_settled(scene: Scene, workers: list[int]) -> float:
    """Wait until no group is left; returns the peak memory of a worker in KiB."""
    gives_up_at = time.monotonic() + GIVE_UP_SECONDS
    peak, looked_at = 0.0, 0.0
    while scene.count(LEFT, "settle_group", real_now(), "settle_group"):
        if time.monotonic() > gives_up_at:
            raise TimeoutError("the herd did not get settled")
        if time.monotonic() - looked_at > MEMORY_EVERY_SECONDS:
            looked_at = time.monotonic()
            peak = max(peak, *(peak_kb(pid) for worker in workers for pid in tree_of(worker)))
        time.sleep(POLL_SECONDS)
    return peak


def _check(scene: Scene, first: int, last: int, ended_at: datetime) -> int:
    """Check that each member has refund and credit; returns how many refunds were accepted."""
    row = scene.owner.execute(_DONE, [ended_at, scene.mall.merchant_id, first, last]).fetchone()
    members = (last - first + 1) * SEATS
    if row is None or (row[0], row[2]) != (members, members):
        raise RuntimeError(f"refunds, accepted, credited: {row}, of {members}")
    return int(row[1])


def _set_aside(scene: Scene) -> None:
    """Leave out of the next herd what this one left to do."""
    gives_up_at = time.monotonic() + GIVE_UP_SECONDS
    scene.owner.execute(_ASIDE)
    while scene.count(_BUSY):
        if time.monotonic() > gives_up_at:
            raise TimeoutError("work is still under way")
        scene.owner.execute(_ASIDE)
        time.sleep(POLL_SECONDS)
    scene.owner.execute(_ASIDE)
