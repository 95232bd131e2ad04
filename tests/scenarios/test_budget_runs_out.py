"""A budget that runs out in the middle of a day stops openings, and nothing else."""

from datetime import timedelta

import pytest

from domain.auditing.running import audit
from domain.checkout.errors import BudgetExhausted
from domain.checkout.settling import fold_campaigns
from launcher.addresses import DatabaseUrls
from tests.concurrency.arena import Arena, make_arena
from tests.scenarios.stage import MINUTE

pytestmark = pytest.mark.transactional

GROUP_FEN = 3000
"""What a group of three commits at most: 10 yuan for each member."""
DAY = timedelta(days=1)


def refused(arena: Arena, minutes: int) -> None:
    with pytest.raises(BudgetExhausted):
        arena.open(arena.shopper(), arena.start + minutes * MINUTE)


def test_only_openings_stop(fresh_database: DatabaseUrls) -> None:
    arena = make_arena(budget_fen=2 * GROUP_FEN)
    start = arena.start
    forming, failing = arena.opened(start), arena.opened(start)
    refused(arena, 1)

    for minutes in (2, 3):
        arena.joined(forming, start + minutes * MINUTE)
    leaver, alone = arena.shopper(), arena.shopper()
    left = arena.join(leaver, failing, start + 4 * MINUTE)
    arena.pay(left, start + 4 * MINUTE)
    arena.pay(arena.buy_alone(alone, start + 5 * MINUTE), start + 5 * MINUTE)
    arena.leave(leaver, left, start + 6 * MINUTE)
    stayer = arena.shopper()
    arena.pay(arena.join(stayer, failing, start + 7 * MINUTE), start + 7 * MINUTE)
    arena.settle(failing, start + DAY)

    assert arena.group(forming)["state"] == "formed"
    assert arena.group(failing)["state"] == "failed"
    assert [arena.wallet(shopper[1]) for shopper in (stayer, leaver)] == [1000, 0]
    refunds = arena.rows("SELECT purpose, count(*) FROM refunds GROUP BY 1 ORDER BY 1")
    assert refunds == [("failed", 2), ("left", 1)]
    assert audit(at=start + DAY).violated == ()


def test_what_groups_give_back_lets_others_open(fresh_database: DatabaseUrls) -> None:
    """A formed group gives back all it committed, a failed one what its members did not get."""
    arena = make_arena(budget_fen=2 * GROUP_FEN)
    forming, failing = arena.opened(arena.start), arena.opened(arena.start)
    for minutes in (1, 2):
        arena.joined(forming, arena.start + minutes * MINUTE)
    refused(arena, 3)
    fold_campaigns(at=arena.start + 3 * MINUTE)

    arena.opened(arena.start + 4 * MINUTE)
    refused(arena, 5)
    arena.settle(failing, arena.start + DAY)
    fold_campaigns(at=arena.start + DAY)

    [(committed, spent)] = arena.rows("SELECT committed_fen, spent_fen FROM campaigns")
    assert (committed, spent) == (GROUP_FEN, 1000)
    refused(arena, 6)
