"""Playing seeds, and telling of those that went wrong: what is wrong, and every step."""

import random
import time
import traceback
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from bench.soak.endings import finish
from bench.soak.house import House, open_house
from bench.soak.plot import play
from bench.soak.theatre import Theatre
from bench.soak.verdicts import judge, judge_all

AUDIT_EVERY = 10


@dataclass
class Report:
    """What seeds came to: how many, how often each step was taken, what went wrong with which."""

    seeds: int = 0
    seconds: float = 0.0
    steps: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    wrong: dict[str, list[str]] = field(default_factory=dict)

    @property
    def is_ok(self) -> bool:
        """Say whether nothing went wrong."""
        return not self.wrong


def play_seeds(theatre: Theatre, seeds: Iterable[int]) -> Report:
    """Play seeds one after the other; one that goes wrong is told, and the next is played."""
    report, began = Report(), time.monotonic()
    for seed in seeds:
        house, wrong = play_seed(theatre, seed)
        report.seeds += 1
        _count(report, house)
        if not wrong and report.seeds % AUDIT_EVERY == 0:
            wrong = judge_all(theatre)
        if wrong:
            report.wrong[str(seed)] = [*wrong, *(house.steps if house else ())]
    if report.seeds and (wrong := judge_all(theatre)):
        report.wrong["the audit at the end"] = wrong
    report.seconds = time.monotonic() - began
    return report


def play_seed(theatre: Theatre, seed: int) -> tuple[House | None, list[str]]:
    """Play one seed to its end; returns its house, and what is wrong."""
    house = None
    try:
        dice = random.Random(seed)
        house = open_house(theatre, seed, dice)
        play(house, dice)
        finish(house)
        return house, judge(house)
    except Exception:
        return house, [traceback.format_exc()]


def _count(report: Report, house: House | None) -> None:
    for step in house.steps if house else ():
        if step.startswith("fault "):
            report.faults[step.split("'")[3]] += 1
        else:
            report.steps[step.split()[2].rstrip(":")] += 1
