"""Payment callbacks, fifty at once: how long the gateway waits for the answer."""

import json

from bench.figures.join_pay import (
    BODY,
    CLIENTS,
    JOINS_PER_GROUP,
    SIZE,
    callback_requests,
    join_requests,
    prepare_payments,
)
from bench.figures.preload import Scene
from bench.figures.results import Figure, median, spread
from bench.stage import serving
from bench.stage.ground import free_port, say
from bench.stage.load import Answers, drive, post

AT_ONCE = 50
SOUGHT_MS = 500
GATEWAY_SECONDS = 5
WARM_ROUNDS = 3


def measure(scene: Scene) -> list[Figure]:
    """Measure rounds of genuine callbacks of fresh payments; rounds of bare POSTs alternate."""
    api, bare = free_port(), free_port()
    environment = scene.database.environment
    scene.ground.start(serving.served("callback_api", serving.API, api, environment))
    scene.ground.start(serving.served("callback_bare", serving.BARE, bare, environment))
    for _ in range(WARM_ROUNDS):
        _round(scene, api)
        _bare_round(bare)
    ours: list[Answers] = []
    plain: list[Answers] = []
    for number in range(scene.sizes.callback_rounds):
        ours.append(_round(scene, api))
        plain.append(_bare_round(bare))
        if number % 10 == 9:
            say(f"callbacks {number + 1}: slowest {max(_all(ours[-10:])):.0f} ms")
    return [_figure(ours, plain)]


def _figure(ours: list[Answers], plain: list[Answers]) -> Figure:
    slowest = [max(answers.milliseconds) for answers in ours]
    return Figure(
        "callback_p99_ms",
        round(_percentile(_all(ours), 99), 1),
        "ms",
        {
            "what": f"{AT_ONCE} bare Flask POSTs at once on the same server settings",
            "p50_ms": round(_percentile(_all(plain), 50), 1),
            "p99_ms": round(_percentile(_all(plain), 99), 1),
        },
        {
            "target": f"<= {SOUGHT_MS}; the gateway waits {GATEWAY_SECONDS} s",
            "at_once": AT_ONCE,
            "rounds": len(ours),
            "p50_ms": round(_percentile(_all(ours), 50), 1),
            "max_ms": round(max(slowest), 1),
            "slowest_of_round_ms": median(slowest, 1),
            "slowest_of_round_spread": spread(slowest, 1),
        },
    )


def _round(scene: Scene, port: int) -> Answers:
    """Join and prepare payments, then send their callbacks together; all must be applied."""
    first, last = scene.open_groups(AT_ONCE // JOINS_PER_GROUP, size=SIZE)
    joins = join_requests(scene, first, last, JOINS_PER_GROUP)
    _expect(drive(port, joins, connections=CLIENTS), 201)
    told = callback_requests(scene, prepare_payments(scene, first, last))
    return _expect(drive(port, told, connections=AT_ONCE), 204)


def _bare_round(port: int) -> Answers:
    requests = [post("/bare", json.dumps(BODY).encode(), {"X-Device-Id": "bench"})] * AT_ONCE
    return _expect(drive(port, requests, connections=AT_ONCE), 201)


def _expect(answers: Answers, status: int) -> Answers:
    if answers.statuses != {status: AT_ONCE}:
        raise RuntimeError(f"expected {AT_ONCE} times {status}: {answers}")
    return answers


def _all(rounds: list[Answers]) -> list[float]:
    return sorted(one for answers in rounds for one in answers.milliseconds)


def _percentile(ordered: list[float], percent: int) -> float:
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]
