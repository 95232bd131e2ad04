"""Subsidies: how fast a failed herd's are decided and issued, and a budget that thousands rush for.

The grants' figure takes the set-based half of settling alone: members are locked, their subsidies
decided under caps, issued and posted; refunds and notices are others' time. What half a settling
wrote is rolled back, and the herd is then settled for good: the books stay whole.
"""

import json
import time

from bench.figures.hot import SMALL
from bench.figures.join_pay import BODY
from bench.figures.preload import Scene
from bench.figures.results import Figure, median, spread
from bench.stage import mall, serving
from bench.stage.ground import free_port, say
from bench.stage.load import Answers, drive, post
from domain.checkout.settling import settle_due_groups
from domain.clock import real_now
from domain.database import transaction
from domain.ledger import posting
from domain.settlement.failing import ACTOR
from domain.settlement.granting import Failed, grant_subsidies, terms_of
from domain.settlement.locking import lock_groups, lock_members
from domain.settlement.moving import move_orders_and_seats
from domain.states import OrderState, SeatState

CHUNK = 500
SOUGHT_PER_SECOND = 3_000
PLAIN_SECONDS = 5
RUSH = 10_000
ROOM = 3_000
CONNECTIONS = 1_000
DAILY_CAP_FEN = 5_000
_COUNTS = """
    SELECT count(*) FILTER (WHERE state = 'pending'), count(*), (
        SELECT committed_fen + spent_fen - budget_fen FROM campaigns c
        WHERE c.merchant_id = %(m)s AND c.id = %(campaign)s)
    FROM groups WHERE merchant_id = %(m)s AND campaign_id = %(campaign)s
"""
_NARROW = "UPDATE campaigns SET budget_fen = %s WHERE merchant_id = %s AND id = %s"
_CAP = "UPDATE merchant_settings SET daily_subsidy_cap_fen = %s WHERE merchant_id = %s"


def measure_grants(scene: Scene) -> list[Figure]:
    """Measure how many subsidies are decided and issued per second, by one worker."""
    scene.owner.execute(_CAP, [DAILY_CAP_FEN, scene.mall.merchant_id])
    rates, plain = [], []
    _grant_herd(scene, scene.sizes.herd // 5)
    for number in range(scene.sizes.pairs):
        plain.append(scene.pgbench.plain_rate(PLAIN_SECONDS))
        rates.append(_grant_herd(scene, scene.sizes.herd))
        say(f"grants {number + 1}: {rates[-1]:.0f}/s, plain {plain[-1]:.0f}/s")
    scene.owner.execute(_CAP, [None, scene.mall.merchant_id])
    return [
        Figure(
            "grants_per_s",
            median(rates, 0),
            "grants/s",
            {
                "what": "plain pgbench -N -M prepared in the same minute",
                "plain_pgbench_tps": median(plain, 0),
            },
            {
                "target": f">= {SOUGHT_PER_SECOND}",
                "spread": spread(rates, 0),
                "runs": len(rates),
                "orders": scene.sizes.orders,
                "grants_each": 2 * scene.sizes.herd,
                "chunk": CHUNK,
            },
        )
    ]


def _grant_herd(scene: Scene, groups: int) -> float:
    """Grant the members of a new herd, in chunks of groups; returns grants per second."""
    first, last = scene.due_groups(groups, unpaid_every=groups + 1)
    granted, began = 0, time.perf_counter()
    for start in range(first, last + 1, CHUNK):
        keys = [(scene.mall.merchant_id, i) for i in range(start, min(start + CHUNK, last + 1))]
        granted += _grant(keys)
    seconds = time.perf_counter() - began
    while settle_due_groups(at=real_now()):
        pass
    return granted / seconds


def _grant(keys: list[tuple[int, int]]) -> int:
    at = real_now()
    with transaction() as session:
        groups = lock_groups(session, keys)
        members = [m for m in lock_members(session, keys) if m.state == OrderState.PAID]
        terms = terms_of(session, list(groups.values()))
        failed = {key: Failed(group, terms[key], group.taken) for key, group in groups.items()}
        granted = grant_subsidies(session, members, failed, at=at, actor=ACTOR)
        move_orders_and_seats(
            session,
            [m.key for m in members],
            OrderState.REFUNDING,
            SeatState.RELEASED,
            at=at,
            actor=ACTOR,
            granted=granted.amounts(),
        )
        posting.post(session, granted.postings, at=at)
        session.rollback()
    return len(granted.postings)


def measure_budget(scene: Scene) -> list[Figure]:
    """Let thousands open a group at once, with a budget for a part of them."""
    rush, room = scene.sizes.budget_rush, scene.sizes.budget_rush * ROOM // RUSH
    api = free_port()
    scene.ground.start(serving.served("budget_api", serving.API, api, scene.database.environment))
    offer = mall.offer(scene.mall, size=SMALL, title=f"budget {time.monotonic_ns()}")
    budget_fen = room * SMALL * mall.SUBSIDY_FEN
    scene.owner.execute(_NARROW, [budget_fen, offer.merchant_id, offer.campaign_id])
    answers = drive(api, _openings(scene, offer, rush), connections=min(rush, CONNECTIONS))
    values = {"m": offer.merchant_id, "campaign": offer.campaign_id}
    row = scene.owner.execute(_COUNTS, values).fetchone()
    if row is None:
        raise RuntimeError("a count is a row")
    pending, groups, over_fen = row
    _check(answers, rush=rush, room=room, pending=pending, groups=groups)
    say(f"budget: {rush} openings in {answers.seconds:.1f} s, {pending} open, {over_fen} fen over")
    return [
        Figure(
            "hot_budget_overspend_fen",
            max(0, over_fen),
            "fen",
            {"what": "the campaign's budget", "fen": budget_fen},
            {
                "target": "0",
                "openings": rush,
                "room_for": room,
                "opened": pending,
                "refused": answers.codes,
                "seconds": round(answers.seconds, 2),
                "per_second": round(rush / answers.seconds),
                "p99_ms": round(answers.p99_ms),
                "told_busy": answers.retries,
            },
        )
    ]


def _openings(scene: Scene, offer: mall.Offer, count: int) -> list[bytes]:
    body = json.dumps({"variant_id": offer.variant_public_id, **BODY}).encode()
    found = scene.owner.execute(
        "SELECT public_id FROM campaigns WHERE merchant_id = %s AND id = %s",
        [offer.merchant_id, offer.campaign_id],
    ).fetchone()
    if found is None:
        raise RuntimeError("the campaign is there")
    shopper = scene.new_shoppers(count)
    return [
        post(
            f"/v1/campaigns/{found[0]}/groups",
            body,
            {
                "Authorization": f"Bearer {mall.access_token(offer.merchant_id, shopper + n)}",
                "Idempotency-Key": f"open-{shopper + n}",
                "X-Device-Id": "bench",
                "X-Channel": "bench",
            },
        )
        for n in range(count)
    ]


def _check(answers: Answers, *, rush: int, room: int, pending: int, groups: int) -> None:
    if answers.statuses.get(201) != room or pending != room or groups != room:
        raise RuntimeError(
            f"{room} groups should have opened, {pending} of {groups} did: {answers}"
        )
    if sum(answers.statuses.values()) != rush or set(answers.codes) != {"budget_exhausted"}:
        raise RuntimeError(f"the rest should hear that the budget is used up: {answers}")
