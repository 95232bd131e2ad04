"""`python -m bench.soak --seeds 1000`: play seeds, several processes at once; share nothing.

Prints a summary and writes a JSON report; exits 1 if a seed went wrong. One seed again:
`--seeds 1 --first 17`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

REPORT = "soak.json"


def main() -> int:
    """Play a share of the seeds, or start the processes that do."""
    options = _options()
    if options.share:
        return _play(range(options.first, options.first + options.seeds, options.step), options)
    reports = _start(options)
    told = _together(reports)
    options.report.parent.mkdir(parents=True, exist_ok=True)
    options.report.write_text(json.dumps(told, ensure_ascii=False, indent=1))
    _tell(told, options.report)
    return 1 if told["wrong"] else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--seeds", type=int, default=50, help="how many (50)")
    parser.add_argument("--first", type=int, default=1, help="the first seed (1)")
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--report", type=Path, default=Path("var") / REPORT)
    parser.add_argument("--share", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--step", type=int, default=1, help=argparse.SUPPRESS)
    return parser.parse_args()


def _start(options: argparse.Namespace) -> list[dict[str, Any]]:
    processes = max(1, min(options.processes, options.seeds))
    with tempfile.TemporaryDirectory(prefix="pinbu-soak-") as folder:
        files = [Path(folder) / f"{number}.json" for number in range(processes)]
        running = [
            subprocess.Popen(_command(options, number, processes, file))
            for number, file in enumerate(files)
        ]
        for process in running:
            process.wait()
        return [json.loads(file.read_text()) for file in files]


def _command(options: argparse.Namespace, number: int, processes: int, file: Path) -> Sequence[str]:
    return (
        *(sys.executable, "-m", "bench.soak", "--share", "--step", str(processes)),
        *("--first", str(options.first + number), "--seeds", str(options.seeds - number)),
        *("--report", str(file)),
    )


def _play(seeds: range, options: argparse.Namespace) -> int:
    # The product reads its settings on import: its addresses come first.
    from bench.soak.playing import play_seeds  # noqa: PLC0415
    from bench.soak.theatre import own_theatre  # noqa: PLC0415

    with own_theatre(f"soak-{options.first % options.step}") as theatre:
        report = play_seeds(theatre, seeds)
    options.report.write_text(json.dumps(vars(report), ensure_ascii=False))
    return 0


def _together(reports: list[dict[str, Any]]) -> dict[str, Any]:
    counted: dict[str, Counter[str]] = {name: Counter() for name in ("steps", "faults", "ends")}
    wrong: dict[str, list[str]] = {}
    for report in reports:
        for name, counts in counted.items():
            counts.update(report[name])
        wrong.update(report["wrong"])
    return {
        "seeds": sum(report["seeds"] for report in reports),
        "seconds": round(max(report["seconds"] for report in reports), 1),
        **{name: dict(counts.most_common()) for name, counts in counted.items()},
        "wrong": wrong,
    }


def _tell(told: dict[str, Any], file: Path) -> None:
    steps, faults = (sum(told[name].values()) for name in ("steps", "faults"))
    kinds = sum(count > 0 for count in told["faults"].values())
    print(
        f"{told['seeds']} seeds, {steps} steps, {faults} faults of {kinds} kinds struck,"
        f" {told['seconds']:.0f} s; {len(told['wrong'])} went wrong"
    )
    print("; ".join(f"{count} {end}" for end, count in told["ends"].items()))
    for seed, wrong in told["wrong"].items():
        print(f"\nseed {seed} (again: make soak SEEDS=1 FIRST={seed}):")
        print("\n".join(f"  {line}" for line in wrong))
    print(f"\nreport: {file}")


if __name__ == "__main__":
    sys.exit(main())
