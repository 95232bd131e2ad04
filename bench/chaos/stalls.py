"""The merchants of a run: each with a campaign, a gateway account, and shoppers of its own.

The first has most of every herd; the others must not wait for it.
"""

import math
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bench.chaos.load import GROUP_SIZE, Load
from bench.shoppers.calling import Caller
from bench.shoppers.phone import Mall
from bench.soak.house import PRICE_FEN, House, open_house
from bench.soak.theatre import Theatre
from domain.campaigns.rules import TermsDraft
from domain.terms import SubsidyKind, SubsidyRule

LIFE = timedelta(minutes=30)
SHARES = (0.6, 0.25, 0.15)
_SUBSIDY_FEN = 500
_SHOPPERS = 60  # Some sit a round out: they never paid, or do not know.
_LIMITS = {"open_groups": 100, "participations_per_day": 100, "expired_holds_per_day": 100}


@dataclass
class Stall:
    """A merchant's house and its load: `share` of the orders, placed by some client threads."""

    house: House
    load: Load
    share: float
    clients: int


@dataclass
class Callers:
    """Who calls for the shoppers: one that repeats, one that gives up at once; the gateway."""

    patient: Caller
    impatient: Caller
    gateway: Caller
    control_url: str


def open_stalls(callers: Callers, *, seed: int, clients: int, settlements: int) -> list[Stall]:
    """Open as many merchants as there are shares; let shoppers come by, a part impatient."""
    theatre = Theatre(callers.patient, callers.gateway, callers.control_url)
    stalls = []
    for number, share in enumerate(SHARES, 1):
        own_seed = seed * 10 + number
        house = open_house(theatre, own_seed, random.Random(own_seed), draw_terms=_draw_terms)
        house.control(f"/accounts/{house.mch_no}", balance_fen=10**9, is_unlimited=True)
        app_id, run = house.mall.app_id, f"chaos{own_seed}"
        malls = (
            Mall(callers.patient, callers.gateway, app_id, run=run),
            Mall(callers.impatient, callers.gateway, app_id, run=run),
        )
        load = Load(malls, house.campaign_id, house.variant_id, own_seed)
        stall = Stall(house, load, share, clients=max(1, round(share * clients)))
        load.welcome(_SHOPPERS + max(6 * stall.clients, min(900, round(share * settlements / 8))))
        stalls.append(stall)
    return stalls


def run_round(
    stalls: list[Stall], quota: int, *, goes_on: Callable[[], bool], is_over: threading.Event
) -> None:
    """Let all place their shares of a round's orders, at once; returns when all have."""
    threads = [
        threading.Thread(
            target=stall.load.run_round,
            args=(math.ceil(stall.share * quota), stall.clients),
            kwargs={"goes_on": goes_on, "is_over": is_over},
            daemon=True,
        )
        for stall in stalls
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def placed(stalls: list[Stall]) -> int:
    """Count the orders placed so far."""
    return sum(stall.load.placed for stall in stalls)


def _draw_terms(variant_id: str, at: datetime) -> TermsDraft:
    return TermsDraft(
        group_size=GROUP_SIZE,
        life_seconds=int(LIFE.total_seconds()),
        prices=[(variant_id, PRICE_FEN)],
        subsidy=SubsidyRule(SubsidyKind.CASH, _SUBSIDY_FEN),
        limits=_LIMITS,
        starts_at=at - timedelta(days=1),
        ends_at=at + timedelta(days=90),
    )
