"""A run's report: a short text, and the same in full as JSON."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

from bench.chaos.injecting import Struck
from bench.chaos.judging import Verdict
from bench.chaos.recovery import BOUNDS
from bench.shoppers.journal import Journal

EXAMPLES = 20


def build_report(
    verdict: Verdict, struck: list[Struck], journal: Journal, **about: Any
) -> dict[str, Any]:
    """Build what is written as JSON; `about` is further figures of the run, first in it."""
    heard: Counter[str] = Counter()
    for (_, phase), count in journal.counts.items():
        heard[phase.value] += count
    return {
        **about,
        "violations": len(verdict.wrong),
        "wrong": verdict.wrong,
        "settled": {"members": verdict.members, **verdict.settled},
        "kills": len(struck),
        "blank": dict(Counter(one.fault.kind.value for one in struck if not one.has_hit)),
        "kills_by_kind": dict(Counter(one.fault.kind.value for one in struck).most_common()),
        "recovery": recoveries(struck),
        "rows": rows_freed(struck),
        "heard": dict(heard),
        "given_up": len(journal.lost),
        "unknown_resolved": dict(verdict.resolved),
        "gateway_lines_compared": verdict.lines,
        "invariants_checked": verdict.checks,
        "counted": verdict.counted,
        "faults": [
            {
                "number": one.fault.number,
                "kind": one.fault.kind.value,
                "what": str(one.fault),
                "at": one.at,
                "pids": one.pids,
                "note": one.note,
                "has_hit": one.has_hit,
                "rows": one.rows,
                "seconds": one.seconds,
                "recovery_seconds": one.recovery_seconds,
            }
            for one in struck
        ],
    }


def recoveries(struck: Iterable[Struck]) -> dict[str, dict[str, float | int | None]]:
    """Return median and longest recovery by kind, beside the longest allowed."""
    by_kind: dict[str, list[float]] = defaultdict(list)
    bounds = {}
    for one in struck:
        took = one.recovery_seconds
        by_kind[one.fault.kind.value].append(float("inf") if took is None else took)
        bounds[one.fault.kind.value] = BOUNDS[one.fault.kind]
    return {
        kind: {
            "kills": len(seconds),
            "median_seconds": _finite(median(seconds)),
            "longest_seconds": _finite(max(seconds)),
            "allowed_seconds": bounds[kind],
        }
        for kind, seconds in sorted(by_kind.items())
    }


def draw_report(report: Mapping[str, Any]) -> str:
    """Draw the short text."""
    settled, heard = report["settled"], report["heard"]
    lines = [
        f"seed {report['seed']}: {report['kills']} kills, {settled['members']} settlements of"
        f" {report['merchants']} merchants,"
        f" {report['violations']} violations, {report['seconds']:.0f} s",
        "settled: "
        + "; ".join(
            f"{counts['groups']} groups {state} with {counts['members']} paid members"
            for state, counts in settled.items()
            if state != "members"
        ),
        "clients heard: "
        + ", ".join(f"{heard.get(phase, 0)} {phase}" for phase in ("ok", "fail", "unknown"))
        + f"; {report['given_up']} operations given up, which were: "
        + (", ".join(f"{n} {how}" for how, n in report["unknown_resolved"].items()) or "none"),
        f"{report['gateway_lines_compared']} lines of the gateway's record and"
        f" {report['invariants_checked']} invariants compared",
        "",
        f"{'recovery, seconds':<20}{'kills':>6}{'median':>8}{'longest':>9}{'allowed':>9}",
    ]
    for kind, told in report["recovery"].items():
        seconds = (told["median_seconds"], told["longest_seconds"], told["allowed_seconds"])
        cells = ["never" if value is None else f"{value:.1f}" for value in seconds]
        lines.append(f"{kind:<20}{told['kills']:>6}{cells[0]:>8}{cells[1]:>9}{cells[2]:>9}")
    lines += _further(report)
    if report["wrong"]:
        lines += ["", *(f"WRONG: {sentence}" for sentence in report["wrong"][:EXAMPLES])]
        lines.append(f"the same faults again: make chaos {report['again']}")
    return "\n".join(line for line in lines if line is not None)


def rows_freed(struck: Iterable[Struck]) -> dict[str, float | int | None]:
    """Return how many faults found rows leased, and when these were done or free again."""
    seconds = [one.seconds["rows"] for one in struck if one.rows and "rows" in one.seconds]
    return {
        "faults": sum(one.rows > 0 for one in struck),
        "median_seconds": _finite(median(seconds)) if seconds else None,
        "longest_seconds": _finite(max(seconds)) if seconds else None,
    }


def _further(report: Mapping[str, Any]) -> list[str]:
    rows, blank = report["rows"], report["blank"]
    lines = []
    if rows["median_seconds"] is not None:
        lines.append(
            f"rows that were leased when it struck ({rows['faults']} faults) were done or free:"
            f" median {rows['median_seconds']:.1f} s, longest {rows['longest_seconds']:.1f} s"
        )
    if blank:
        told = ", ".join(f"{count} {kind}" for kind, count in blank.items())
        lines.append(f"struck nothing at work: {told}")
    return lines


def _finite(seconds: float) -> float | None:
    return None if seconds == float("inf") else round(seconds, 2)
