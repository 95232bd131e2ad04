"""Which faults a run meets, drawn from its seed: kinds with weights, each with its particulars."""

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What is done to the stack."""

    WORKER_PARENT = "worker_parent"
    WORKER_CHILD = "worker_child"
    WORKER_BOTH = "worker_both"
    WORKER_AGAIN = "worker_again"
    SCHEDULER = "scheduler"
    API = "api"
    API_PROCESS = "api_process"
    POSTGRES = "postgres"
    POSTGRES_BACKEND = "postgres_backend"
    VALKEY = "valkey"
    VALKEY_FLUSH = "valkey_flush"
    PAUSE = "pause"
    DELAY = "proxy_delay"
    CUT = "proxy_cut"
    RESET = "proxy_reset"
    DOWN = "proxy_down"
    GATEWAY = "gateway"
    RESTART = "restart"


WEIGHTS = {
    Kind.WORKER_PARENT: 9,
    Kind.WORKER_CHILD: 11,
    Kind.WORKER_BOTH: 8,
    Kind.WORKER_AGAIN: 2,
    Kind.SCHEDULER: 5,
    Kind.API: 7,
    Kind.API_PROCESS: 7,
    Kind.POSTGRES: 8,
    Kind.POSTGRES_BACKEND: 6,
    Kind.VALKEY: 6,
    Kind.VALKEY_FLUSH: 5,
    Kind.PAUSE: 2,
    Kind.DELAY: 4,
    Kind.CUT: 5,
    Kind.RESET: 5,
    Kind.DOWN: 4,
    Kind.GATEWAY: 6,
    Kind.RESTART: 2,
}
WORKERS = ("worker_settle_1", "worker_settle_2", "worker_gateway")
OF_WORKERS = (Kind.WORKER_PARENT, Kind.WORKER_CHILD, Kind.WORKER_BOTH, Kind.WORKER_AGAIN)
PAUSED = ("worker_settle_1", "worker_settle_2", "worker_gateway", "scheduler")
LINKS = ("postgres", "valkey", "sandbox", "api")
LONGER_THAN_A_LEASE_SECONDS = (15.0, 18.0)
_OF_PAYMENTS = ("prepay", "query", "close")
_OF_REFUNDS = ("refund", "query_refund")
GATEWAY_RULES: tuple[tuple[str, dict[str, Any]], ...] = (
    *(("drop_after", {"operation": name}) for name in ("prepay", "close", "refund")),
    *(("drop_before", {"operation": name}) for name in ("prepay", "query", "refund")),
    *(("error_before", {"operation": name}) for name in (*_OF_PAYMENTS, *_OF_REFUNDS)),
    *(("error_after", {"operation": name}) for name in ("prepay", "close", "refund")),
    *(("frequency_limited", {"operation": name}) for name in (*_OF_PAYMENTS, *_OF_REFUNDS)),
    *(("bad_signature", {"operation": name}) for name in ("prepay", "refund")),
    ("latency", {"latency_ms": 300}),
    ("latency_after", {"operation": "refund", "latency_ms": 300}),
    ("paid_before_answer", {}),
    ("callback_before_answer", {"operation": "refund"}),
    ("callback_twice", {}),
    ("callback_parallel", {}),
    ("callback_out_of_order", {}),
    ("callback_never", {}),
    ("callback_tampered", {}),
    ("callback_stale", {}),
    ("closed_then_paid", {}),
    ("paid_at_close", {}),
)
"""Faults of the gateway that nobody must mend by hand: name, and options of the control API."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One injection: what, upon whom, for how long, with which options."""

    number: int
    kind: Kind
    target: str = ""
    seconds: float = 0.0
    options: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        told = [self.kind.value, self.target, *(f"{name}={value}" for name, value in self.options)]
        lasting = [f"{self.seconds:.1f} s"] if self.seconds else []
        return " ".join(part for part in (*told, *lasting) if part)


def draw_faults(kills: int, seed: int) -> list[Fault]:
    """Draw a run's faults in their order; each kind comes once before any is drawn by weight alone.

    So all kinds occur where there are as many kills, and no kind comes twice where there are fewer.
    """
    dice = random.Random(f"{seed}/faults")
    kinds = _each_once(dice)[:kills]
    kinds += dice.choices(list(WEIGHTS), weights=list(WEIGHTS.values()), k=kills - len(kinds))
    dice.shuffle(kinds)
    return [_particulars(dice, number, kind) for number, kind in enumerate(kinds, 1)]


def _each_once(dice: random.Random) -> list[Kind]:
    """Return every kind once, the weighty ones rather first."""
    return sorted(WEIGHTS, key=lambda kind: dice.random() ** (1 / WEIGHTS[kind]), reverse=True)


def _particulars(dice: random.Random, number: int, kind: Kind) -> Fault:
    target, seconds, options = "", 0.0, {}
    if kind in OF_WORKERS:
        target = dice.choice(WORKERS)
    elif kind is Kind.PAUSE:
        target, seconds = dice.choice(PAUSED), dice.uniform(*LONGER_THAN_A_LEASE_SECONDS)
    elif kind in (Kind.DELAY, Kind.CUT, Kind.DOWN, Kind.RESET):
        target = dice.choice(LINKS)
        seconds = 0.0 if kind is Kind.RESET else dice.uniform(1, 5)
        if kind is Kind.DELAY:
            options = {"delay_seconds": round(dice.uniform(0.02, 0.2), 3)}
        elif kind is Kind.CUT:
            options = {"cut_bytes": dice.choice((0, 40, 400, 4000, 40_000))}
    elif kind is Kind.GATEWAY:
        target, further = dice.choice(GATEWAY_RULES)
        seconds = dice.uniform(2, 5)
        options = {"probability": dice.choice((0.3, 0.6, 1.0)), **further}
    return Fault(number, kind, target, seconds, tuple(options.items()))
