"""`python -m bench.chaos --kills 200 --seed 1`: kill and cut the stack under load; then compare.

Prints a summary and writes a JSON report and the clients' journal; exits 1 on any violation.
"""

import argparse
import json
import random
import sys
import threading
import time
import traceback
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from bench.chaos.drawing import Fault, Kind, draw_faults
from bench.chaos.injecting import Injector
from bench.chaos.judging import Verdict, judge_run
from bench.chaos.load import GROUP_SIZE, Load
from bench.chaos.playing import LIFE, Play, Sizes, ends_after
from bench.chaos.recovery import Probes
from bench.chaos.report import build_report, draw_report
from bench.chaos.stage import Stage, open_stage
from bench.shoppers.calling import Caller
from bench.shoppers.journal import Journal
from bench.shoppers.phone import Mall
from bench.soak.endings import mend_the_gateway
from bench.soak.house import PRICE_FEN, House, open_house
from bench.soak.theatre import Theatre
from bench.stage.ground import say
from domain.campaigns.rules import TermsDraft
from domain.terms import SubsidyKind, SubsidyRule
from launcher.errors import StopRequested

SETTLEMENTS_PER_KILL = 100
STOP_SECONDS = 30.0
STOPPED_BY_SIGNAL = 130
PATIENT_SECONDS, IMPATIENT_SECONDS = 10.0, 3.0
SUBSIDY_FEN = 500
_LIMITS = {"open_groups": 100, "participations_per_day": 100, "expired_holds_per_day": 100}


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
    house, load = _set_up(stage, options, journal)
    faults = _faults(options)
    gateway = Caller(stage.url("sandbox"), Journal())
    injector = Injector(stage, gateway, Probes(stage, load.prepare_probe()), began)
    play = Play(house, load, injector, Sizes(options.settlements, options.clients), is_over)
    verdict = Verdict()
    try:
        play.run(faults)
        mend_the_gateway(house)
        say("all at rest; comparing")
        verdict = judge_run(house, load, injector.struck)
    except Exception as error:
        traceback.print_exc()
        verdict.wrong.append(f"the run broke off: {error!r}")
    injector.rescues.look()
    return build_report(
        verdict,
        injector.struck,
        journal,
        seed=options.seed,
        again=f"KILLS={options.kills} SEED={options.seed}"
        f' ARGS="--settlements {options.settlements}"',
        seconds=round(time.monotonic() - began, 1),
        seconds_by_phase=play.seconds,
        jumps=play.jumps,
        orders_placed=load.placed,
        refusals=dict(load.refusals.most_common()),
        gateway_faults_struck=dict(injector.gateway_fired.most_common()),
        rescue=_rescue(injector),
    )


def _faults(options: argparse.Namespace) -> list[Fault]:
    if not options.kinds:
        return draw_faults(options.kills, options.seed)
    drawn = draw_faults(1000 * len(Kind), options.seed)
    return [fault for fault in drawn if fault.kind in options.kinds][: options.kills]


def _rescue(injector: Injector) -> dict[str, Any]:
    seconds = list(injector.rescues.seconds.values())
    target_of = {one.fault.number: one.fault.target for one in injector.struck}
    of_gateway = [
        took
        for number, took in injector.rescues.seconds.items()
        if target_of[number] == "worker_gateway"
    ]
    return {
        "longest_of_the_gateways_seconds": round(max(of_gateway), 2) if of_gateway else None,
        "watched": len(seconds),
        "still_leased": injector.rescues.left,
        "median_seconds": round(median(seconds), 2) if seconds else None,
        "longest_seconds": round(max(seconds), 2) if seconds else None,
    }


def _set_up(stage: Stage, options: argparse.Namespace, journal: Journal) -> tuple[House, Load]:
    """Open a merchant's house, and let shoppers come by."""
    api, sandbox = stage.url("api", proxied=True), stage.url("sandbox")
    connections = 2 * options.clients
    patient, impatient = (
        Caller(
            api,
            journal,
            connections=connections,
            most_attempts=attempts,
            timeout_seconds=seconds,
        )
        for attempts, seconds in ((8, PATIENT_SECONDS), (1, IMPATIENT_SECONDS))
    )
    gateway = Caller(sandbox, journal, connections=connections, timeout_seconds=PATIENT_SECONDS)
    theatre = Theatre(patient, gateway, f"{sandbox}/control")
    house = open_house(theatre, options.seed, random.Random(options.seed), draw_terms=_draw_terms)
    house.control(f"/accounts/{house.mch_no}", balance_fen=10**9, is_unlimited=True)
    malls = (
        Mall(patient, gateway, house.mall.app_id, run=f"chaos{options.seed}"),
        Mall(impatient, gateway, house.mall.app_id, run=f"chaos{options.seed}"),
    )
    load = Load(malls, house.campaign_id, house.variant_id, options.seed)
    load.welcome(max(6 * options.clients, min(700, options.settlements // 10)))
    return house, load


def _draw_terms(variant_id: str, at: datetime) -> TermsDraft:
    return TermsDraft(
        group_size=GROUP_SIZE,
        life_seconds=int(LIFE.total_seconds()),
        prices=[(variant_id, PRICE_FEN)],
        subsidy=SubsidyRule(SubsidyKind.CASH, SUBSIDY_FEN),
        limits=_LIMITS,
        starts_at=at - timedelta(days=1),
        ends_at=ends_after(at),
    )


if __name__ == "__main__":
    sys.exit(main())
