"""Every periodic job on one screen: what, on which queue, how often, how many copies at once."""

from dataclasses import dataclass

from jobs.queues import GATEWAY, SETTLE


@dataclass(frozen=True, slots=True)
class Periodic:
    """A job that looks for due work; `copies` may wait on its queue at the same time."""

    function: str
    queue: str
    every_seconds: float
    copies: int = 1


SCHEDULE: tuple[Periodic, ...] = (
    Periodic("jobs.settling.settle_groups", SETTLE, 1, copies=2),
    Periodic("jobs.settling.release_holds", SETTLE, 2),
    Periodic("jobs.reacting.notify", SETTLE, 1),
    Periodic("jobs.settling.fold_campaigns", SETTLE, 2),
    Periodic("jobs.gateways.drive_payments", GATEWAY, 1),
    Periodic("jobs.gateways.drive_refunds", GATEWAY, 1),
    Periodic("jobs.housekeeping.forget_idempotency_keys", SETTLE, 3600),
)
