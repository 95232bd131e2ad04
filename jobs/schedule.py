"""Every periodic job on one screen: what, on which queue, how often, how many copies at once."""

from dataclasses import dataclass

from jobs.queues import GATEWAY, JOB_TIMEOUT_SECONDS, OUTSIDE, SETTLE


@dataclass(frozen=True, slots=True)
class Periodic:
    """A job that looks for due work; `copies` may wait on its queue at the same time.

    It is enqueued only while `looks_for` is due (see `domain.checkout.looking`): an idle mall forks
    nothing. None: at its interval, whatever is due. RQ kills one that takes `timeout_seconds`.
    """

    function: str
    queue: str
    every_seconds: float
    looks_for: str | None = None
    copies: int = 1
    timeout_seconds: int = JOB_TIMEOUT_SECONDS


SCHEDULE: tuple[Periodic, ...] = (
    Periodic("jobs.settling.settle_groups", SETTLE, 0.2, "work.settle_group", copies=2),
    Periodic("jobs.settling.issue_grants", SETTLE, 0.5, "work.issue_grant"),
    Periodic("jobs.settling.reward_groups", SETTLE, 0.5, "work.reward_group"),
    Periodic("jobs.settling.give_pushes", SETTLE, 0.5, "work.give_push"),
    Periodic("jobs.settling.release_holds", SETTLE, 0.5, "holds"),
    Periodic("jobs.reacting.notify", SETTLE, 0.2, "work.notify"),
    Periodic("jobs.settling.fold_campaigns", SETTLE, 0.5, "movements"),
    Periodic("jobs.expiring.expire", SETTLE, 1, "expiries"),
    Periodic("jobs.expiring.warn", SETTLE, 1, "warnings"),
    Periodic("jobs.gateways.drive_payments", GATEWAY, 0.2, "work.drive_payment"),
    Periodic("jobs.gateways.drive_refunds", GATEWAY, 0.2, "work.drive_refund"),
    Periodic("jobs.gateways.drive_withdrawals", GATEWAY, 0.2, "work.drive_withdrawal"),
    Periodic("jobs.reconciling.plan_days", SETTLE, 60, "bills"),
    Periodic("jobs.reconciling.reconcile_days", GATEWAY, 1, "work.reconcile"),
    Periodic("jobs.gateways.deliver_points", OUTSIDE, 0.5, "work.deliver_points"),
    Periodic("jobs.gateways.send_messages", OUTSIDE, 0.5, "work.send_message"),
    Periodic("jobs.housekeeping.seal_ledger", SETTLE, 60, "seals", timeout_seconds=3600),
    Periodic("jobs.auditing.audit_night", SETTLE, 600, "audit", timeout_seconds=3600),
    Periodic("jobs.housekeeping.tell_late", GATEWAY, 60, "late"),
    Periodic("jobs.housekeeping.measure_funds", SETTLE, 600),
    Periodic("jobs.housekeeping.forget_idempotency_keys", SETTLE, 3600),
)
WORK_KINDS = [
    entry.looks_for.removeprefix("work.")
    for entry in SCHEDULE
    if entry.looks_for is not None and entry.looks_for.startswith("work.")
]
