"""A thousand shoppers at once: on one group of a hundred seats, and on one campaign."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass

from bench.figures.join_pay import BODY, join_request
from bench.figures.preload import Scene
from bench.figures.results import Figure, median, spread
from bench.stage import serving
from bench.stage.ground import free_port, say
from bench.stage.load import Answers, drive, post

SHOPPERS = 1_000
LARGE = 100
SMALL = 3
SOUGHT = 8.0
_OVERSOLD = """
    SELECT count(*) FROM groups g
    WHERE g.merchant_id = %s AND g.id BETWEEN %s AND %s AND (
        g.taken + g.held + g.releasing > g.size OR g.size < (
            SELECT count(*) FROM orders o
            WHERE o.merchant_id = g.merchant_id AND o.group_id = g.id
                AND o.seat_state IN ('held', 'taken', 'releasing')))
"""
_SEATS = (
    "SELECT coalesce(sum(size - taken - held - releasing), 0) FROM groups"
    " WHERE merchant_id = %s AND id BETWEEN %s AND %s"
)


@dataclass(frozen=True)
class Rush:
    """One rush of shoppers, and the bare requests beside it."""

    answers: Answers
    bare_seconds: float
    oversold: int

    @property
    def ratio(self) -> float:
        """Return how many times longer it took than as many bare requests."""
        return self.answers.seconds / self.bare_seconds


def measure_group(scene: Scene) -> list[Figure]:
    """Measure the rush on one group."""
    taken = {201: LARGE - 1, 409: SHOPPERS - LARGE + 1}
    return [_measure(scene, "hot_group_1000", groups=1, size=LARGE, expected=taken)]


def measure_campaign(scene: Scene) -> list[Figure]:
    """Measure the rush on one campaign: everybody finds a seat."""
    groups = SHOPPERS // (SMALL - 1)
    taken = {201: SHOPPERS}
    return [_measure(scene, "hot_campaign_1000", groups=groups, size=SMALL, expected=taken)]


def _measure(
    scene: Scene, name: str, *, groups: int, size: int, expected: dict[int, int]
) -> Figure:
    api, bare = free_port(), free_port()
    environment = scene.database.environment
    scene.ground.start(serving.served(f"{name}_api", serving.API, api, environment))
    scene.ground.start(serving.served(f"{name}_bare", serving.BARE, bare, environment))
    _warm(scene, api, bare)
    rushes = []
    for number in range(scene.sizes.pairs):
        rush = _rush(scene, api, bare, groups=groups, size=size, bare_first=number % 2 == 0)
        _check(rush.answers, expected)
        rushes.append(rush)
        say(
            f"{name} {number + 1}: {rush.answers.seconds:.2f} s, bare {rush.bare_seconds:.3f} s,"
            f" ratio {rush.ratio:.1f}, retries {rush.answers.retries}"
        )
    return _figure(scene, name, rushes)


def _figure(scene: Scene, name: str, rushes: list[Rush]) -> Figure:
    return Figure(
        name,
        median([rush.ratio for rush in rushes], 2),
        "ratio",
        {
            "what": f"{SHOPPERS} bare Flask POSTs on the same server settings",
            "seconds": median([rush.bare_seconds for rush in rushes]),
        },
        {
            "target": f"<= {SOUGHT:g}",
            "spread": spread([rush.ratio for rush in rushes], 2),
            "pairs": len(rushes),
            "orders": scene.sizes.orders,
            "seconds": median([rush.answers.seconds for rush in rushes]),
            "p99_ms": median([rush.answers.p99_ms for rush in rushes], 0),
            "oversold": sum(rush.oversold for rush in rushes),
            "told_busy": sum(rush.answers.retries for rush in rushes),
            "answers": rushes[-1].answers.statuses,
        },
    )


def _rush(scene: Scene, api: int, bare: int, *, groups: int, size: int, bare_first: bool) -> Rush:
    first, last = scene.open_groups(groups, size=size)
    joins = _joins(scene, first, last, size)
    steps: list[Callable[[], Answers]] = [
        lambda: drive(bare, _bare_requests(), connections=SHOPPERS),
        lambda: drive(api, joins, connections=SHOPPERS),
    ]
    if bare_first:
        plain, answers = steps[0](), steps[1]()
    else:
        answers, plain = steps[1](), steps[0]()
    oversold = scene.count(_OVERSOLD, scene.mall.merchant_id, first, last)
    left = scene.count(_SEATS, scene.mall.merchant_id, first, last)
    if left:
        raise RuntimeError(f"{left} seats were left empty")
    return Rush(answers, plain.seconds, oversold)


def _joins(scene: Scene, first: int, last: int, size: int) -> list[bytes]:
    offer = scene.offer(size)
    body = json.dumps({"variant_id": offer.variant_public_id, **BODY}).encode()
    groups = [
        row[0]
        for row in scene.owner.execute(
            "SELECT public_id FROM groups WHERE merchant_id = %s AND id BETWEEN %s AND %s",
            [offer.merchant_id, first, last],
        )
    ]
    shopper = scene.members(SHOPPERS)
    wanted = (groups * SHOPPERS)[:SHOPPERS]
    random.Random(first).shuffle(wanted)
    return [
        join_request(offer.merchant_id, shopper + n, group, body) for n, group in enumerate(wanted)
    ]


def _bare_requests() -> list[bytes]:
    body = json.dumps(BODY).encode()
    return [post("/bare", body, {"X-Device-Id": "bench"})] * SHOPPERS


def _warm(scene: Scene, api: int, bare: int) -> None:
    first, last = scene.open_groups(SHOPPERS // (SMALL - 1), size=SMALL)
    drive(bare, _bare_requests(), connections=SHOPPERS)
    drive(api, _joins(scene, first, last, SMALL), connections=16)


def _check(answers: Answers, expected: dict[int, int]) -> None:
    full = expected.get(409, 0)
    if answers.statuses != expected or answers.codes != ({"group_full": full} if full else {}):
        raise RuntimeError(f"expected {expected} and no error but group_full: {answers}")
