"""Refunds at the quota's speed: a real worker against a gateway that takes 50 ms to answer.

The looks are put on the queue as the scheduler puts them. Callbacks do not come: their work is not
in the measure.
"""

import sys
import time
from dataclasses import dataclass

from bench.figures.preload import Scene
from bench.figures.results import Figure, median, spread
from bench.stage.ground import say
from bench.stage.paid import PaidSandbox
from bench.stage.processes import peak_kb, processor_seconds, resident_kb, tree_of
from domain.checkout.settling import settle_due_groups
from domain.clock import real_now
from jobs.schedule import SCHEDULE
from jobs.scheduler import enqueue_due
from launcher.programs import Program

RATES = (150, 400)
LATENCY_MS = 50
SOUGHT = 0.9
SOUGHT_MB = 200
PLAIN_SECONDS = 3
RAMP_SECONDS = 2.0
POLL_SECONDS = 0.1
PATIENCE_SECONDS = 60
_ASIDE = """
    UPDATE work_rows SET due_at = due_at + interval '1 year'
    WHERE kind = 'drive_refund' AND state = 'due'
"""
_PAID = """
    SELECT p.public_id, p.received_fen, s.openid, extract(epoch FROM p.succeeded_at)::float
    FROM refunds r
    JOIN payments p ON p.merchant_id = r.merchant_id AND p.id = r.payment_id
    JOIN orders o ON o.merchant_id = r.merchant_id AND o.id = r.order_id
    JOIN shoppers s ON s.merchant_id = o.merchant_id AND s.id = o.shopper_id
    WHERE r.merchant_id = %s AND r.state = 'requested'
"""
_RATE = """
    UPDATE gateway_quotas SET per_second = %s
    WHERE merchant_id = %s AND gateway_account_id = %s AND operation = 'refund'
"""
_ACCEPTED = "SELECT count(*) FROM refunds WHERE merchant_id = %s AND accepted_at >= %s"
_UNDER_WAY = "SELECT count(*) FROM work_rows WHERE kind = 'drive_refund' AND state = 'leased'"
_OTHERWISE = """
    SELECT count(*) FROM refunds WHERE merchant_id = %s
    AND state NOT IN ('requested', 'sending', 'accepted', 'arrived', 'closed')
"""


@dataclass(frozen=True)
class Run:
    """One steady stretch: refunds accepted per second, memory of the worker, processor times."""

    per_second: float
    peak_mb: float
    share_mb: float
    cpu_us: dict[str, float]


def measure(scene: Scene) -> list[Figure]:
    """Measure at both rates, alternating."""
    environment = scene.database.environment
    sandbox = PaidSandbox(scene.ground, scene.mall.gateway, environment)
    sandbox.delay("refund", LATENCY_MS)
    worker = scene.ground.start(
        Program(
            "refund_worker",
            (sys.executable, "-m", "jobs.worker", "gateway"),
            {**environment, "PINBU_ENV": "development", "WECHATPAY_BASE_URL": sandbox.url},
        )
    )
    runs: dict[int, list[Run]] = {rate: [] for rate in RATES}
    plain: list[float] = []
    for number in range(scene.sizes.pairs):
        plain.append(scene.pgbench.plain_rate(PLAIN_SECONDS))
        for rate in RATES if number % 2 == 0 else RATES[::-1]:
            run = _run(scene, sandbox, worker, rate)
            runs[rate].append(run)
            say(
                f"refunds {number + 1} at {rate}/s: {run.per_second:.0f}/s,"
                f" worker {run.peak_mb:.0f} MB, {run.cpu_us}"
            )
    return [_figure(scene, rate, runs[rate], plain) for rate in RATES]


def _figure(scene: Scene, rate: int, runs: list[Run], plain: list[float]) -> Figure:
    used = [run.per_second / rate for run in runs]
    return Figure(
        "refund_quota_used",
        median(used),
        "ratio",
        {
            "what": "the account's quota; plain pgbench shows the machine's noise",
            "per_second": rate,
            "plain_pgbench_tps": median(plain, 0),
        },
        {
            "target": f">= {SOUGHT}",
            "spread": spread(used),
            "runs": len(runs),
            "seconds": scene.sizes.refund_seconds,
            "latency_ms": LATENCY_MS,
            "per_second": median([run.per_second for run in runs], 1),
            "worker_peak_rss_mb": max(run.peak_mb for run in runs),
            "worker_peak_pss_mb": max(run.share_mb for run in runs),
            "wanted_mb": f"< {SOUGHT_MB}",
            "cpu_us": {
                name: median([run.cpu_us[name] for run in runs], 0) for name in runs[0].cpu_us
            },
        },
    )


def _run(scene: Scene, sandbox: PaidSandbox, worker: int, rate: int) -> Run:
    """Request more refunds than the stretch can send, and count those accepted in it."""
    _request_refunds(scene, sandbox, int(rate * (scene.sizes.refund_seconds + 2 * RAMP_SECONDS)))
    scene.owner.execute(_RATE, [rate, scene.mall.merchant_id, scene.mall.account_id])
    began_at = real_now()
    _look_for(scene, RAMP_SECONDS, worker, until_accepted_since=began_at)
    roots = {"worker": worker, "sandbox": sandbox.pid, "postgres": scene.ground.postgres_pid}
    processor = {name: processor_seconds(pid) for name, pid in roots.items()}
    first, started = _accepted(scene, began_at), time.monotonic()
    peak, share = _look_for(scene, scene.sizes.refund_seconds, worker)
    count, seconds = _accepted(scene, began_at) - first, time.monotonic() - started
    spent = {
        name: (processor_seconds(pid) - processor[name]) * 1_000_000 / max(1, count)
        for name, pid in roots.items()
    }
    _set_aside(scene)
    otherwise = scene.count(_OTHERWISE, scene.mall.merchant_id)
    if otherwise:
        raise RuntimeError(f"{otherwise} refunds went another way than to accepted")
    return Run(count / seconds, peak / 1024, share / 1024, {k: round(v) for k, v in spent.items()})


def _request_refunds(scene: Scene, sandbox: PaidSandbox, count: int) -> None:
    """Let groups of two paid members fail, and tell the sandbox of their payments."""
    _set_aside(scene)
    groups = count // 2 + 1
    scene.due_groups(groups, unpaid_every=groups + 1)
    while settle_due_groups(at=real_now()):
        pass
    rows = scene.owner.execute(_PAID, [scene.mall.merchant_id]).fetchall()
    sandbox.add_paid(rows)


def _set_aside(scene: Scene) -> None:
    """Leave out of the next stretch what is due already, once nothing is under way."""
    scene.owner.execute(_ASIDE)
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while scene.count(_UNDER_WAY):
        if time.monotonic() > ends_at:
            raise TimeoutError("refunds are still under way")
        time.sleep(POLL_SECONDS)
    scene.owner.execute(_ASIDE)


def _look_for(
    scene: Scene, seconds: float, worker: int, *, until_accepted_since: object = None
) -> tuple[float, float]:
    """Put looks on the queue for some time; returns the worker's peak RSS, and PSS, in KiB."""
    entry = next(entry for entry in SCHEDULE if entry.function == "jobs.gateways.drive_refunds")
    ends_at = time.monotonic() + seconds
    gives_up_at = ends_at + PATIENCE_SECONDS
    peak = share = 0.0
    while time.monotonic() < ends_at:
        enqueue_due([entry])
        pids = tree_of(worker)
        peak = max(peak, *(peak_kb(pid) for pid in pids))
        share = max(share, sum(resident_kb(pid) for pid in pids))
        time.sleep(POLL_SECONDS)
        if until_accepted_since is not None and not _accepted(scene, until_accepted_since):
            if time.monotonic() > gives_up_at:
                raise TimeoutError("no refund was accepted")
            ends_at = time.monotonic() + seconds
    return peak, share


def _accepted(scene: Scene, since: object) -> int:
    return scene.count(_ACCEPTED, scene.mall.merchant_id, since)
