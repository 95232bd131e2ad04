"""Playing seeds, and telling of those that went wrong: what is wrong, and every step."""

import random
import time
import traceback
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import text

from bench.soak.endings import finish, mend_the_gateway
from bench.soak.house import House, open_house
from bench.soak.plot import play
from bench.soak.theatre import Theatre
from bench.soak.verdicts import judge, judge_all
from domain.database import reading

AUDIT_EVERY = 10

_ENDS = text(
    """
    SELECT 'group', state, count(*) FROM groups WHERE merchant_id = :m GROUP BY 2
    UNION ALL SELECT 'order', state, count(*) FROM orders WHERE merchant_id = :m GROUP BY 2
    UNION ALL SELECT 'payment', coalesce(outcome, state), count(*) FROM payments
        WHERE merchant_id = :m GROUP BY 2
    UNION ALL SELECT 'refund', state, count(*) FROM refunds WHERE merchant_id = :m GROUP BY 2
    UNION ALL SELECT 'subsidy', state, count(*) FROM grants WHERE merchant_id = :m GROUP BY 2
    UNION ALL SELECT 'withdrawal', state, count(*) FROM withdrawals WHERE merchant_id = :m
        GROUP BY 2
    """
)


@dataclass
class Report:
    """What seeds came to: steps taken, faults that struck, how all ended, and what is wrong."""

    seeds: int = 0
    seconds: float = 0.0
    steps: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
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
        if house is not None:
            mend_the_gateway(house)
        return house, [traceback.format_exc()]


def _count(report: Report, house: House | None) -> None:
    if house is None:
        return
    report.faults.update(house.fired)
    report.steps.update(
        step.split()[2].rstrip(":") for step in house.steps if not step.startswith("fault ")
    )
    with reading() as session:
        ends = session.execute(_ENDS, {"m": house.merchant_id})
        report.ends.update({f"{what} {state}": count for what, state, count in ends})
