"""Injecting one fault after the other: what each kind does, and how recovery from it is measured.

Only processes that this run started are killed: those the supervisor names, and their children.
"""

import contextlib
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import redis

from bench.chaos.drawing import WORKERS, Fault, Kind
from bench.chaos.proxy import Toxic
from bench.chaos.recovery import (
    BOUNDS,
    QUEUES,
    BackAtWork,
    Freed,
    Probes,
    Question,
    Recovery,
    queue_of,
)
from bench.chaos.stage import Stage
from bench.shoppers.calling import Caller, Request
from bench.stage.ground import say
from bench.stage.processes import command_of, tree_of

CHILD_SECONDS = 6.0
GAP_SECONDS = 0.3
AGAIN = 3
_WITH_CHILD = (Kind.WORKER_CHILD, Kind.WORKER_BOTH, Kind.WORKER_AGAIN)


@dataclass
class Struck:
    """An injected fault: when, upon which processes, and how long the recovery took.

    `has_hit` is false where there was nothing to hit: a worker without a job, a proxy without
    connections, a rule of the gateway that no call met.
    """

    fault: Fault
    at: float
    pids: list[int] = field(default_factory=list)
    note: str = ""
    has_hit: bool = True
    rows: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    recovery_seconds: float | None = None

    @property
    def is_late(self) -> bool:
        """Say whether recovery took longer than it may."""
        return self.recovery_seconds is None or self.recovery_seconds > BOUNDS[self.fault.kind]


class Injector:
    """Strikes the stack; used by one thread at a time."""

    def __init__(self, stage: Stage, gateway: Caller, probes: Probes, began: float) -> None:
        self._stage = stage
        self._gateway = gateway
        self._probes = probes
        self._began = began
        self.struck: list[Struck] = []
        self.gateway_fired: Counter[str] = Counter()
        self._acts: dict[Kind, Callable[[Struck], Recovery]] = {
            Kind.WORKER_PARENT: self._kill_worker,
            Kind.WORKER_CHILD: self._kill_worker,
            Kind.WORKER_BOTH: self._kill_worker,
            Kind.WORKER_AGAIN: self._kill_worker_again,
            Kind.SCHEDULER: self._kill_scheduler,
            Kind.API: self._kill_api,
            Kind.API_PROCESS: self._kill_api,
            Kind.POSTGRES: self._kill_postgres,
            Kind.POSTGRES_BACKEND: self._kill_postgres,
            Kind.VALKEY: self._kill_valkey,
            Kind.VALKEY_FLUSH: self._flush,
            Kind.PAUSE: self._pause,
            Kind.DELAY: self._poison,
            Kind.CUT: self._poison,
            Kind.DOWN: self._poison,
            Kind.RESET: self._reset,
            Kind.GATEWAY: self._trouble_gateway,
            Kind.RESTART: self._restart,
        }

    def inject(
        self,
        faults: Sequence[Fault],
        *,
        may_strike: Callable[[int], bool],
        is_over: threading.Event,
    ) -> None:
        """Inject faults in their order, each when it may strike (its place here, from 0)."""
        for place, fault in enumerate(faults):
            while not may_strike(place) and not is_over.wait(GAP_SECONDS):
                pass
            if is_over.is_set():
                return
            self._strike(fault, is_over)
            is_over.wait(GAP_SECONDS)

    def _strike(self, fault: Fault, is_over: threading.Event) -> None:
        struck = Struck(fault, round(time.monotonic() - self._began, 1))
        self.struck.append(struck)
        recovery = self._acts[fault.kind](struck)
        took = recovery.wait(is_over)
        struck.recovery_seconds = None if took is None else round(took, 2)
        struck.seconds |= {name: round(took, 2) for name, took in recovery.seconds.items()}
        struck.rows += sum(
            len(question.rows or ())
            for question in recovery.questions.values()
            if isinstance(question, Freed)
        )
        told = "not at all" if took is None else f"after {took:.1f} s"
        say(f"{fault.number:>4} {fault} {struck.note}: recovered {told}".replace(" :", ":"))

    def _recovery(
        self, since: float, *queues: str, further: dict[str, Question] | None = None
    ) -> Recovery:
        """Ask whether queues (all, unless told) move again and their leased rows are free."""
        of_all = self._probes.all_finish()
        questions = {f"work of {queue}": of_all[f"work of {queue}"] for queue in queues or QUEUES}
        freed = Freed(self._stage.ask, queues or QUEUES)
        return Recovery({"rows": freed, **questions, **(further or {})}, since)

    def _kill_worker(self, struck: Struck) -> Recovery:
        kind, worker = struck.fault.kind, struck.fault.target
        queue = queue_of(worker)
        if kind in _WITH_CHILD:
            worker = self._busy(worker, queue)
        parent = self._pid(worker)
        children = tree_of(parent)[1:]
        if kind is Kind.WORKER_CHILD and children:
            pids = children
        else:
            pids = [parent] if kind is Kind.WORKER_PARENT else [parent, *children]
        struck.has_hit = bool(children)
        struck.note = "" if children else "(idle)"
        at = _kill(pids)
        struck.pids += pids
        back = BackAtWork(self._stage, worker, gone=pids, is_new=parent in pids)
        return self._recovery(at, queue, further={"worker": back})

    def _kill_worker_again(self, struck: Struck) -> Recovery:
        """Kill who works on a queue, and who does next, and who does then."""
        hits = 0
        for _ in range(AGAIN):
            recovery = self._kill_worker(struck)
            hits += struck.has_hit
        struck.note, struck.has_hit = f"({hits} of {AGAIN} at work)", hits > 0
        return recovery

    def _busy(self, wanted: str, queue: str) -> str:
        """Return a worker of the queue that has a child now, the wanted one if it can be."""
        workers = [wanted, *(w for w in WORKERS if w != wanted and queue_of(w) == queue)]
        until = time.monotonic() + CHILD_SECONDS
        while time.monotonic() < until:
            for worker in workers:
                pid = self._stage.pid_of(worker)
                if pid is not None and len(tree_of(pid)) > 1:
                    return worker
            time.sleep(0.01)
        return wanted

    def _kill_scheduler(self, struck: Struck) -> Recovery:
        gone = self._pid("scheduler")
        struck.pids = [gone]
        return self._recovery(
            _kill(struck.pids),
            further={
                "process": lambda: self._stage.pid_of("scheduler") not in (None, gone),
                "lead": self._probes.is_led,
            },
        )

    def _kill_api(self, struck: Struck) -> Recovery:
        whole = tree_of(self._pid("api"))
        if struck.fault.kind is Kind.API:
            struck.pids = whole[:1]
        else:
            struck.pids = [pid for pid in whole[1:] if "resource_tracker" not in command_of(pid)]
        gone = set(whole if struck.fault.kind is Kind.API else struck.pids)
        return Recovery({"api": self._writes_without(gone, "api")}, _kill(struck.pids))

    def _kill_postgres(self, struck: Struck) -> Recovery:
        parent = self._pid("postgres")
        is_whole = struck.fault.kind is Kind.POSTGRES
        struck.pids = [parent] if is_whole else _backends(parent)[:1]
        gone = set(struck.pids)
        struck.has_hit = bool(gone)
        at = _kill(struck.pids)
        return self._recovery(at, further={"api": self._writes_without(gone, "postgres")})

    def _writes_without(self, gone: set[int], program: str) -> Question:
        return lambda: not gone & self._tree(program) and self._probes.writes()

    def _kill_valkey(self, struck: Struck) -> Recovery:
        struck.pids = [self._pid("valkey")]
        at = _kill(struck.pids)
        time.sleep(GAP_SECONDS)
        return self._recovery(at, further={"valkey": self._probes.answers_of_valkey})

    def _flush(self, struck: Struck) -> Recovery:
        try:
            self._stage.valkey.flushall()
        except redis.RedisError as error:
            struck.note, struck.has_hit = f"({type(error).__name__})", False
        return self._recovery(time.monotonic())

    def _pause(self, struck: Struck) -> Recovery:
        """Stop a process and its children for longer than a lease; measured from when it goes on.

        What it has leased must be free before, where there is another worker of its queue.
        """
        program = struck.fault.target
        if program != "scheduler":
            program = self._busy(program, queue_of(program))
        struck.pids = tree_of(self._pid(program))
        stopped = [pid for pid in struck.pids if _signal(pid, signal.SIGSTOP)]
        since = time.monotonic()
        freed = Freed(self._stage.ask, [] if program == "scheduler" else [queue_of(program)])
        while (left := since + struck.fault.seconds - time.monotonic()) > 0:
            if "rows meanwhile" not in struck.seconds and freed():
                struck.seconds["rows meanwhile"] = round(time.monotonic() - since, 2)
            time.sleep(min(GAP_SECONDS, left))
        for pid in reversed(stopped):
            _signal(pid, signal.SIGCONT)
        has_others = queue_of(program) == "settle" if program != "scheduler" else False
        was_freed = "rows meanwhile" in struck.seconds
        if has_others and not was_freed:
            struck.note = "(its rows were not free while it was stopped)"
        return self._recovery(
            time.monotonic(),
            further={"others took over": lambda: was_freed or not has_others},
        )

    def _poison(self, struck: Struck) -> Recovery:
        fault = struck.fault
        options = dict(fault.options)
        toxic = Toxic(**options) if options else Toxic(is_down=True)
        self._stage.proxy.set(fault.target, toxic)
        if fault.kind is Kind.DOWN:
            self._stage.proxy.reset(fault.target)
        time.sleep(fault.seconds)
        self._stage.proxy.clear(fault.target)
        return self._recovery(time.monotonic(), further={"api": self._probes.writes})

    def _reset(self, struck: Struck) -> Recovery:
        count = self._stage.proxy.reset(struck.fault.target)
        struck.note, struck.has_hit = f"({count} connections)", count > 0
        return self._recovery(time.monotonic(), further={"api": self._probes.writes})

    def _trouble_gateway(self, struck: Struck) -> Recovery:
        fault = struck.fault
        rule = self._gateway.need(
            Request(
                "fault",
                "POST",
                "/control/faults",
                {"name": fault.target, **dict(fault.options)},
            )
        )
        time.sleep(fault.seconds)
        [fired] = [one["fired"] for one in self._rules() if one["id"] == rule["id"]]
        self.gateway_fired[fault.target] += fired
        struck.note, struck.has_hit = f"(struck {fired} calls)", fired > 0
        path = f"/control/faults/{rule['id']}"
        self._gateway.call(Request("fault", "DELETE", path, is_harmless=True))
        return self._recovery(time.monotonic(), further={"api": self._probes.writes})

    def _rules(self) -> list[dict[str, Any]]:
        found = self._gateway.need(Request("faults", "GET", "/control/faults"))
        return list(found["items"])

    def _restart(self, struck: Struck) -> Recovery:
        began = time.monotonic()
        self._stage.restart()
        struck.note = f"(stood after {time.monotonic() - began:.1f} s)"
        return self._recovery(began, further={"api": self._probes.writes})

    def _tree(self, program: str) -> set[int]:
        """Return a program's processes; while it has none, nothing tells that it is back."""
        return set(tree_of(self._pid(program)))

    def _pid(self, program: str) -> int:
        """Return a program's process, waiting for one that is just being started again."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            pid = self._stage.pid_of(program)
            if pid is not None:
                return pid
            time.sleep(0.05)
        raise TimeoutError(f"{program} is not running")


def _backends(postmaster: int) -> list[int]:
    """List the server's processes that serve a client, those in a transaction first."""
    serving = [pid for pid in tree_of(postmaster)[1:] if " pinbu " in command_of(pid)]
    return sorted(serving, key=lambda pid: "idle" in command_of(pid).split()[-1:])


def _kill(pids: Sequence[int]) -> float:
    """Kill processes with -9, at once; returns when."""
    for pid in pids:
        _signal(pid, signal.SIGKILL)
    return time.monotonic()


def _signal(pid: int, number: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
        return True
    return False
