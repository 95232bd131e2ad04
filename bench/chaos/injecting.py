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
from functools import partial

import redis

from bench.chaos.drawing import WORKERS, Fault, Kind
from bench.chaos.proxy import Toxic
from bench.chaos.recovery import BOUNDS, Mark, Probes, Rescues, queue_of, wait_for_all
from bench.chaos.stage import Stage
from bench.shoppers.calling import Caller, Request
from bench.stage.ground import say
from bench.stage.processes import command_of, tree_of

CHILD_SECONDS = 6.0
GAP_SECONDS = 0.3
Question = Callable[[], bool]


@dataclass
class Struck:
    """An injected fault: when, upon which processes, and how long the recovery took."""

    fault: Fault
    at: float
    pids: list[int] = field(default_factory=list)
    note: str = ""
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
        self.rescues = Rescues(stage)
        self.struck: list[Struck] = []
        self.gateway_fired: Counter[str] = Counter()
        self._acts: dict[Kind, Callable[[Struck, Mark], tuple[float, list[Question]]]] = {
            Kind.WORKER_PARENT: self._kill_worker,
            Kind.WORKER_CHILD: self._kill_worker,
            Kind.WORKER_BOTH: self._kill_worker,
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
                self.rescues.look()
            if is_over.is_set():
                return
            self._strike(fault, is_over)
            self.rescues.look()
            is_over.wait(GAP_SECONDS)

    def _strike(self, fault: Fault, is_over: threading.Event) -> None:
        struck = Struck(fault, round(time.monotonic() - self._began, 1))
        self.struck.append(struck)
        since, questions = self._acts[fault.kind](struck, self._probes.mark())
        took = wait_for_all(questions, since=since, is_over=is_over)
        struck.recovery_seconds = None if took is None else round(took, 2)
        told = "not at all" if took is None else f"after {took:.1f} s"
        say(f"{fault.number:>4} {fault} {struck.note}: recovered {told}".replace(" :", ":"))

    def _kill_worker(self, struck: Struck, mark: Mark) -> tuple[float, list[Question]]:
        kind, worker = struck.fault.kind, struck.fault.target
        queue = queue_of(worker)
        if kind is not Kind.WORKER_PARENT:
            worker = self._busy(worker, queue)
        parent = self._pid(worker)
        children = tree_of(parent)[1:]
        rows = self._probes_rows(queue)
        if kind is Kind.WORKER_CHILD and children:
            struck.pids = children
        else:
            struck.pids = [parent] if kind is Kind.WORKER_PARENT else [parent, *children]
        struck.note = "" if children else "(idle)"
        at = _kill(struck.pids)
        self.rescues.watch(struck.fault.number, at, rows)
        questions = [partial(self._probes.finishes, queue, mark)]
        if parent in struck.pids:
            questions.append(partial(self._probes.listens, worker, but_not=parent))
        return at, questions

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

    def _kill_scheduler(self, struck: Struck, mark: Mark) -> tuple[float, list[Question]]:
        struck.pids = [self._pid("scheduler")]
        at = _kill(struck.pids)
        gone = struck.pids[0]
        return at, [
            lambda: self._stage.pid_of("scheduler") not in (None, gone),
            self._probes.is_led,
            partial(self._probes.finishes, "settle", mark),
            partial(self._probes.finishes, "gateway", mark),
        ]

    def _kill_api(self, struck: Struck, _: Mark) -> tuple[float, list[Question]]:
        parent = self._pid("api")
        whole = tree_of(parent)
        if struck.fault.kind is Kind.API:
            struck.pids = [parent]
        else:
            struck.pids = [pid for pid in whole[1:] if "resource_tracker" not in command_of(pid)]
        gone = set(whole if struck.fault.kind is Kind.API else struck.pids)
        return _kill(struck.pids), [lambda: not gone & self._tree("api") and self._probes.writes()]

    def _kill_postgres(self, struck: Struck, _: Mark) -> tuple[float, list[Question]]:
        parent = self._pid("postgres")
        if struck.fault.kind is Kind.POSTGRES:
            struck.pids = [parent]
        else:
            struck.pids = _backends(parent)[:1]
        gone = set(struck.pids)
        at = _kill(struck.pids)
        return at, [lambda: not gone & self._tree("postgres") and self._probes.writes()]

    def _kill_valkey(self, struck: Struck, mark: Mark) -> tuple[float, list[Question]]:
        struck.pids = [self._pid("valkey")]
        at = _kill(struck.pids)
        time.sleep(GAP_SECONDS)
        return at, [self._probes.answers_of_valkey, *self._all_finish(mark)]

    def _flush(self, struck: Struck, mark: Mark) -> tuple[float, list[Question]]:
        try:
            self._stage.valkey.flushall()
        except redis.RedisError as error:
            struck.note = f"({type(error).__name__})"
        return time.monotonic(), self._all_finish(mark)

    def _pause(self, struck: Struck, _: Mark) -> tuple[float, list[Question]]:
        """Stop a process and its children for longer than a lease; measured from when it goes on.

        What it had leased is watched from the stop on: others must have it before.
        """
        program = struck.fault.target
        queue = "settle" if program == "scheduler" else queue_of(program)
        if program != "scheduler":
            program = self._busy(program, queue)
        struck.pids = tree_of(self._pid(program))
        rows = self._probes_rows(queue)
        stopped = [pid for pid in struck.pids if _signal(pid, signal.SIGSTOP)]
        self.rescues.watch(struck.fault.number, time.monotonic(), rows)
        self._let(struck.fault.seconds)
        mark = self._probes.mark()
        for pid in reversed(stopped):
            _signal(pid, signal.SIGCONT)
        return time.monotonic(), self._all_finish(mark)

    def _poison(self, struck: Struck, mark: Mark) -> tuple[float, list[Question]]:
        fault = struck.fault
        options = dict(fault.options)
        toxic = Toxic(**options) if options else Toxic(is_down=True)
        self._stage.proxy.set(fault.target, toxic)
        if fault.kind is Kind.DOWN:
            self._stage.proxy.reset(fault.target)
        self._let(fault.seconds)
        self._stage.proxy.clear(fault.target)
        return time.monotonic(), [self._probes.writes, *self._all_finish(mark)]

    def _reset(self, struck: Struck, mark: Mark) -> tuple[float, list[Question]]:
        count = self._stage.proxy.reset(struck.fault.target)
        struck.note = f"({count} connections)"
        return time.monotonic(), [self._probes.writes, *self._all_finish(mark)]

    def _trouble_gateway(self, struck: Struck, mark: Mark) -> tuple[float, list[Question]]:
        fault = struck.fault
        rule = self._gateway.need(
            Request(
                "fault",
                "POST",
                "/control/faults",
                {"name": fault.target, **dict(fault.options)},
            )
        )
        self._let(fault.seconds)
        self.count_gateway_faults()
        path = f"/control/faults/{rule['id']}"
        self._gateway.call(Request("fault", "DELETE", path, is_harmless=True))
        return time.monotonic(), [self._probes.writes, *self._all_finish(mark)]

    def count_gateway_faults(self) -> None:
        """Add up how often the rules in force have struck."""
        rules = self._gateway.need(Request("faults", "GET", "/control/faults"))["items"]
        for rule in rules:
            self.gateway_fired[rule["name"]] += rule["fired"]

    def _restart(self, struck: Struck, mark: Mark) -> tuple[float, list[Question]]:
        began = time.monotonic()
        self._stage.restart()
        struck.note = f"(stood after {time.monotonic() - began:.1f} s)"
        return began, [self._probes.writes, *self._all_finish(mark)]

    def _all_finish(self, mark: Mark) -> list[Question]:
        return [
            partial(self._probes.finishes, "settle", mark),
            partial(self._probes.finishes, "gateway", mark),
        ]

    def _probes_rows(self, queue: str) -> list[tuple[int, int, int]]:
        return self.rescues.leased(queue)

    def _let(self, seconds: float) -> None:
        """Wait while a fault lasts."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.rescues.look()
            time.sleep(min(GAP_SECONDS, max(0.0, until - time.monotonic())))

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
