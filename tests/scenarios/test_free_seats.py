"""A pass worth the group price itself: the loser's next seat is free (免单资格)."""

import pytest
from sqlalchemy import text

from domain.auditing.running import audit
from domain.checkout.errors import BudgetExhausted
from domain.checkout.settling import fold_campaigns
from domain.database import transaction
from domain.planner.arbitrage import Verdict
from domain.publishing.arbitrage import PricedVariant, judge_variants
from domain.settlement.refunding import WORK
from domain.terms import SubsidyKind, SubsidyRule, Terms
from launcher.addresses import DatabaseUrls
from tests.concurrency.arena import DAY, MINUTE
from tests.scenarios.stage import Stage, make_stage

pytestmark = pytest.mark.transactional

PRICE = 1990
FREE = SubsidyRule(SubsidyKind.PASS, PRICE, valid_days=30)
PASS = "SELECT kind, state, value_fen FROM instruments"
BUDGET = "SELECT committed_fen, spent_fen FROM campaigns"


@pytest.fixture
def stage(fresh_database: DatabaseUrls) -> Stage:
    return make_stage(subsidy=FREE, budget_fen=3 * PRICE + 1)


def sound(stage: Stage) -> bool:
    at = stage.start + 3 * DAY
    fold_campaigns(at=at)
    report = audit(at=at)
    return report.is_ok or pytest.fail(report.to_text())


def test_loser_gets_a_free_seat_and_takes_it(stage: Stage) -> None:
    shopper = stage.shopper()
    order = stage.open(shopper, stage.start)
    assert (order["quote"]["most_fen"], order["payable_fen"]) == (PRICE, PRICE)
    assert stage.rows(BUDGET) == [(3 * PRICE, 0)]
    stage.pay(order, stage.start)
    lost_at = stage.start + DAY

    stage.settle(order["group_id"], lost_at)

    assert stage.rows(PASS) == [("pass", "issued", PRICE)]
    fold_campaigns(at=lost_at)
    assert stage.rows(BUDGET) == [(0, PRICE)]
    with transaction() as session:
        session.execute(text("UPDATE campaigns SET budget_fen = 9 * budget_fen"))
    pass_id = stage.one("SELECT public_id FROM instruments")
    free = stage.open(shopper, lost_at + MINUTE, pass_id=pass_id)
    assert (free["payable_fen"], free["state"], free["quote"]["most_fen"]) == (0, "paid", 0)
    for _ in range(2):
        stage.joined(free["group_id"], lost_at + MINUTE)
    assert stage.group(free["group_id"])["state"] == "formed"
    assert stage.rows(PASS) == [("pass", "spent", PRICE)]
    assert stage.rows("SELECT count(*) FROM work_rows WHERE kind = :v", WORK) == [(1,)]
    assert sound(stage)


def test_budget_below_three_free_seats_opens_no_group(fresh_database: DatabaseUrls) -> None:
    stage = make_stage(subsidy=FREE, budget_fen=3 * PRICE - 1)

    with pytest.raises(BudgetExhausted):
        stage.open(stage.shopper(), stage.start)


def test_verdict_of_a_free_seat_is_none_that_says_share(stage: Stage) -> None:
    """Half of what a pass is worth, to a buyer, still beats a formed group."""
    terms = Terms.from_json(stage.one("SELECT terms FROM rule_versions"))

    [judged] = judge_variants(terms, [PricedVariant("小包", 3000, None, PRICE)])

    assert judged.arbitrage.verdict is Verdict.RED
