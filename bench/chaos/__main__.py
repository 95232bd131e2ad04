"""`python -m bench.chaos --kills 200 --seed 1`: kill and cut the stack under load; then compare.

Prints a summary and writes a JSON report and the clients' journal; exits 1 on any violation.
"""

import argparse
import json
import sys
import threading
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from bench.chaos.drawing import Fault, Kind, draw_faults
from bench.chaos.injecting import Injector
from bench.chaos.judging import Asked, Verdict, judge_run
from bench.chaos.playing import Play, Sizes
from bench.chaos.recovery import Probes
from bench.chaos.report import build_report, draw_report
from bench.chaos.stage import Stage, open_stage
from bench.chaos.stalls import Callers, open_stalls, placed
from bench.shoppers.calling import Caller
from bench.shoppers.journal import Journal
from bench.soak.endings import mend_the_gateway
from bench.stage.ground import say
from launcher.errors import StopRequested

SETTLEMENTS_PER_KILL = 100
STOP_SECONDS = 30.0
STOPPED_BY_SIGNAL = 130
PATIENT_SECONDS, IMPATIENT_SECONDS = 10.0, 3.0


def main() -> int:
    """Play a run and judge it; the main thread looks after the processes."""
    options = _options()
    sys.setswitchinterval(0.001)
    outcome: list[dict[str, Any]] = []
    is_over = threading.Event()
    with open_stage(f"chaos-{options.seed}") as stage:
        running = threading.Thread(
            target=_run, args=(stage, options, outcome, is_over), daemon=True
        )
        running.start()
        try:
            stage.attend(is_over)
        except StopRequested:
            return STOPPED_BY_SIGNAL
        finally:
            is_over.set()
            running.join(STOP_SECONDS)
    if not outcome:
        return 1
    [report] = outcome
    options.report.parent.mkdir(parents=True, exist_ok=True)
    options.report.write_text(json.dumps(report, ensure_ascii=False, indent=1))
    print(draw_report(report))
    print(f"\nreport: {options.report}\njournal: {options.journal}")
    return 1 if report["violations"] else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=40, help="how many faults (40)")
    parser.add_argument("--seed", type=int, default=1, help="what draws them (1)")
    parser.add_argument(
        "--settlements", type=int, help=f"how many at least ({SETTLEMENTS_PER_KILL} a kill)"
    )
    parser.add_argument("--kinds", type=Kind, nargs="+", help="faults of these kinds only")
    parser.add_argument("--clients", type=int, default=12, help="threads that shop (12)")
    parser.add_argument("--report", type=Path, default=Path("var") / "chaos.json")
    parser.add_argument("--journal", type=Path, default=Path("var") / "chaos.journal.jsonl")
    options = parser.parse_args()
    if options.settlements is None:
        options.settlements = SETTLEMENTS_PER_KILL * options.kills
    return options


def _run(
    stage: Stage,
    options: argparse.Namespace,
    outcome: list[dict[str, Any]],
    is_over: threading.Event,
) -> None:
    try:
        with Journal(options.journal) as journal:
            outcome.append(_play(stage, options, journal, is_over))
    except Exception:
        traceback.print_exc()
    finally:
        is_over.set()


def _play(
    stage: Stage, options: argparse.Namespace, journal: Journal, is_over: threading.Event
) -> dict[str, Any]:
    began = time.monotonic()
    stalls = open_stalls(
        _callers(stage, journal, connections=2 * options.clients),
        seed=options.seed,
        clients=options.clients,
        settlements=options.settlements,
    )
    faults = _faults(options)
    gateway = Caller(stage.url("sandbox"), Journal())
    injector = Injector(stage, gateway, Probes(stage, stalls[0].load.prepare_probe()), began)
    play = Play(stalls, injector, Sizes(options.settlements), is_over)
    verdict = Verdict()
    try:
        play.run(faults)
        for stall in stalls:
            mend_the_gateway(stall.house)
        say("all at rest; comparing")
        asked = Asked(options.kills, options.settlements)
        verdict = judge_run(stalls, injector.struck, asked)
    except Exception as error:
        traceback.print_exc()
        verdict.wrong.append(f"the run broke off: {error!r}")
    refusals: Counter[str] = sum((stall.load.refusals for stall in stalls), Counter())
    return build_report(
        verdict,
        injector.struck,
        journal,
        seed=options.seed,
        again=_again(options),
        seconds=round(time.monotonic() - began, 1),
        seconds_by_phase=play.seconds,
        jumps=play.jumps,
        merchants=len(stalls),
        orders_placed=placed(stalls),
        refusals=dict(refusals.most_common()),
        gateway_faults_struck=dict(injector.gateway_fired.most_common()),
    )


def _again(options: argparse.Namespace) -> str:
    """Return what `make chaos` is told for the same faults under the same load."""
    further = [f"--settlements {options.settlements}", f"--clients {options.clients}"]
    if options.kinds:
        further.append(f"--kinds {' '.join(options.kinds)}")
    return f'KILLS={options.kills} SEED={options.seed} ARGS="{" ".join(further)}"'


def _faults(options: argparse.Namespace) -> list[Fault]:
    if not options.kinds:
        return draw_faults(options.kills, options.seed)
    drawn = draw_faults(1000 * len(Kind), options.seed)
    return [fault for fault in drawn if fault.kind in options.kinds][: options.kills]


def _callers(stage: Stage, journal: Journal, *, connections: int) -> Callers:
    """Return who calls: the API through the proxy, the gateway's own pages past it."""
    patient, impatient = (
        Caller(
            stage.url("api", proxied=True),
            journal,
            connections=connections,
            most_attempts=attempts,
            timeout_seconds=seconds,
        )
        for attempts, seconds in ((8, PATIENT_SECONDS), (1, IMPATIENT_SECONDS))
    )
    gateway = Caller(
        stage.url("sandbox"), journal, connections=connections, timeout_seconds=PATIENT_SECONDS
    )
    return Callers(patient, impatient, gateway, f"{stage.url('sandbox')}/control")


if __name__ == "__main__":
    sys.exit(main())
