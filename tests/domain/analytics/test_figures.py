"""The figures of a small story, to the last fen."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from domain.analytics.counting import Period
from domain.analytics.definitions import DEFINITIONS, ratio
from domain.analytics.figures import PeriodFigures, measure_period
from domain.campaigns.errors import CampaignNotFound
from domain.checkout.buying_alone import buy_alone
from domain.checkout.commands import BuyAlone
from domain.database import merchant_transaction, transaction
from domain.idempotency import RequestKey
from domain.interventions.deciding_grants import DecideGrant, release_grant
from domain.merchants.auditing import StaffActor
from domain.merchants.rules import Role
from domain.referrals.sharing import share_group
from domain.referrals.visiting import Visitor, visit_share
from tests.factories.staff import make_staff
from tests.scenarios.stage import Stage, make_stage

pytestmark = pytest.mark.transactional

FIRST = date(2026, 5, 11)
THIRD = date(2026, 5, 13)
STORY = Period(FIRST, THIRD)
LATER = datetime(2026, 6, 1, tzinfo=UTC)


def noon_minus(hours: float, *, day: int = 1) -> datetime:
    """Return an instant of the story's first days: noon in Shanghai is 4:00 UTC."""
    return datetime(2026, 5, 10 + day, 4, tzinfo=UTC) - timedelta(hours=hours)


@pytest.fixture
def stage(database: object) -> Stage:
    return make_stage(
        starts_at=datetime(2026, 5, 1, tzinfo=UTC), ends_at=datetime(2026, 6, 1, tzinfo=UTC)
    )


def measure(
    stage: Stage, period: Period = STORY, *, at: datetime = LATER, **values: Any
) -> PeriodFigures:
    with merchant_transaction(stage.merchant_id) as session:
        return measure_period(session, stage.merchant_id, period, at=at, **values)


def share(stage: Stage, shopper: tuple[int, int], group_id: str, at: datetime) -> str:
    with transaction() as session:
        return share_group(session, shopper, group_id, at=at).token


def visit(token: str, at: datetime, *, device: str, shopper: Any = None) -> None:
    with transaction() as session:
        visit_share(session, token, Visitor(shopper, "10.0.0.1", device), at=at)


def newcomer(stage: Stage, token: str, at: datetime) -> tuple[int, int]:
    share_id = stage.one("SELECT id FROM shares WHERE token = :v", token)
    shopper = stage.shopper(came_by_share_id=share_id)
    with transaction() as session:
        session.execute(
            text("UPDATE shoppers SET created_at = :at WHERE id = :id"),
            {"at": at, "id": shopper[1]},
        )
    return shopper


def settle(stage: Stage, group_id: str, *, seconds_late: int) -> None:
    deadline = stage.group(group_id)["deadline_at"]
    stage.settle(group_id, deadline + timedelta(seconds=seconds_late))


def play(stage: Stage) -> None:
    """One group forms, one fails with its opener alone, one with two; the loser comes back."""
    leader, solo = stage.shopper(), stage.shopper()
    order = stage.open(leader, noon_minus(2))
    stage.pay(order, noon_minus(2))
    formed = order["group_id"]
    token = share(stage, leader, formed, noon_minus(1.9))
    visit(token, noon_minus(1.8), device="own", shopper=leader)
    visit(token, noon_minus(1.7), device="d1")
    visit(token, noon_minus(1.6), device="d1")
    visit(token, noon_minus(1.5), device="d2")
    invited = newcomer(stage, token, noon_minus(1.6))
    stage.pay(stage.join(invited, formed, noon_minus(1.4), share_token=token), noon_minus(1.4))
    stage.joined(formed, noon_minus(1.3))
    order = stage.open(solo, noon_minus(1))
    stage.pay(order, noon_minus(1))
    alone = order["group_id"]
    two = stage.opened(noon_minus(0))
    held = stage.shopper(flag="review")
    stage.pay(stage.join(held, two, noon_minus(-0.1)), noon_minus(-0.1))
    settle(stage, alone, seconds_late=7)
    settle(stage, two, seconds_late=3)
    buyer = stage.shopper()
    buy_alone(BuyAlone(stage.basket(buyer)), at=noon_minus(3, day=2))
    alone_id = stage.one("SELECT public_id FROM orders WHERE shopper_id = :v", buyer[1])
    stage.pay({"id": alone_id, "payable_fen": 3000}, noon_minus(3, day=2))
    again = stage.open(solo, noon_minus(3, day=3), use_wallet=True)
    stage.pay(again, noon_minus(3, day=3))
    stage.open(stage.shopper(), noon_minus(2, day=3))
    stage.expire(noon_minus(1, day=3))


EXPECTED = {
    "groups_opened": 4,
    "groups_formed": 1,
    "groups_failed": 2,
    "success_rate_bps": 3333,
    "people_paid": 7,
    "seats_formed": 3,
    "paid_formed_fen": 5970,
    "paid_all_fen": 16930,
    "subsidies_issued": 2,
    "subsidies_issued_fen": 2000,
    "subsidies_credited": 2,
    "subsidies_credited_fen": 2000,
    "subsidy_share_of_formed_bps": 3350,
    "credited_share_of_formed_bps": 3350,
    "subsidy_share_of_paid_bps": 1181,
    "discount_fen": 3030,
    "total_incentive_fen": 5030,
    "shoppers_registered": 1,
    "new_shoppers_registered": 1,
    "new_shoppers_paid": 1,
    "viral_registered_milli": 250,
    "viral_paid_milli": 250,
    "share_visits": 2,
    "invitations": 2,
    "k_factor_milli": 143,
    "solo_failures": 1,
    "solo_failure_share_bps": 5000,
    "cost_per_new_shopper_fen": 2000,
    "repurchase_shoppers": 1,
    "repurchase_rate_bps": 1667,
    "subsidy_spenders": 1,
    "subsidy_use_rate_bps": 5000,
    "credit_seconds_p50": 3,
    "credit_seconds_p99": 7,
    "credit_seconds_max": 7,
}


def test_story_is_measured_to_the_last_fen(stage: Stage) -> None:
    play(stage)

    assert measure(stage).total == EXPECTED


def test_every_figure_has_one_definition_in_both_languages() -> None:
    assert [d.key for d in DEFINITIONS] == list(dict.fromkeys(d.key for d in DEFINITIONS))
    assert {d.key for d in DEFINITIONS} == set(EXPECTED)
    assert all(words.zh and words.en for d in DEFINITIONS for words in (d.name, d.sentence))


def test_groups_count_on_the_day_they_formed_or_on_their_deadlines(stage: Stage) -> None:
    play(stage)

    days = dict(measure(stage).days)

    assert [
        (figures["groups_opened"], figures["groups_formed"], figures["groups_failed"])
        for figures in days.values()
    ] == [(3, 1, 0), (0, 0, 2), (1, 0, 0)]
    assert [figures["success_rate_bps"] for figures in days.values()] == [10_000, 0, None]
    assert list(days) == [FIRST, date(2026, 5, 12), THIRD]


def test_period_before_has_the_same_length(stage: Stage) -> None:
    play(stage)

    later = measure(stage, Period(date(2026, 5, 14), date(2026, 5, 16)))

    assert later.previous == EXPECTED
    assert later.total["groups_opened"] == 0
    assert later.total["success_rate_bps"] is None
    assert later.total["credit_seconds_p50"] is None


def test_unfinished_day_is_compared_with_as_many_hours_of_the_day_before(stage: Stage) -> None:
    """The first day's groups were opened at 10, 11 and 12 o'clock in Shanghai, one at 9 on the
    third; people paid within minutes of that."""
    play(stage)
    second = Period(date(2026, 5, 12), date(2026, 5, 12))

    by_hour = {
        at.hour + 8: measure(stage, second, at=at)
        for at in (noon_minus(1.5, day=2), noon_minus(0.5, day=2), noon_minus(-2, day=2))
    }

    opened = {hour: found.previous["groups_opened"] for hour, found in by_hour.items()}
    formed = {hour: found.previous["groups_formed"] for hour, found in by_hour.items()}
    assert opened == {10: 1, 11: 2, 14: 3}
    assert formed == {10: 0, 11: 1, 14: 1}
    assert by_hour[10].previous_until == noon_minus(1.5)
    assert measure(stage, second).previous["people_paid"] == 6
    assert by_hour[10].previous["people_paid"] == 1
    assert {found.total["groups_failed"] for found in by_hour.values()} == {2}


@pytest.mark.parametrize(
    ("at", "until"),
    [
        (datetime(2026, 5, 10, 15, tzinfo=UTC), datetime(2026, 5, 7, 16, tzinfo=UTC)),
        (datetime(2026, 5, 12, 4, tzinfo=UTC), datetime(2026, 5, 9, 4, tzinfo=UTC)),
        (datetime(2026, 5, 13, 16, tzinfo=UTC), datetime(2026, 5, 10, 16, tzinfo=UTC)),
        (LATER, datetime(2026, 5, 10, 16, tzinfo=UTC)),
    ],
)
def test_period_before_reaches_as_far_as_this_one_has_come(at: datetime, until: datetime) -> None:
    assert STORY.previous_until(at) == until


def test_shopper_of_a_campaign_is_whose_first_payment_was_in_it(stage: Stage) -> None:
    opener = stage.shopper()
    with transaction() as session:
        session.execute(
            text("UPDATE shoppers SET created_at = :at WHERE id = :id"),
            {"at": noon_minus(2), "id": opener[1]},
        )
    before = measure(stage, campaign=stage.campaign.public_id).total["shoppers_registered"]

    stage.pay(stage.open(opener, noon_minus(1)), noon_minus(1))

    after = measure(stage, campaign=stage.campaign.public_id).total["shoppers_registered"]
    assert (before, after) == (0, 1)
    assert measure(stage).total["shoppers_registered"] == 1
    assert measure(stage).total["new_shoppers_registered"] == 0


def test_deadline_at_midnight_belongs_to_the_day_that_ends(database: object) -> None:
    midnight = datetime(2026, 5, 11, 16, tzinfo=UTC)
    stage = make_stage(starts_at=midnight - timedelta(days=1), ends_at=midnight)
    group_id = stage.opened(midnight - timedelta(hours=2))
    settle(stage, group_id, seconds_late=2)

    days = dict(measure(stage, Period(FIRST, date(2026, 5, 12))).days)

    assert [figures["groups_failed"] for figures in days.values()] == [1, 0]
    assert [figures["subsidies_issued"] for figures in days.values()] == [1, 0]
    assert [figures["subsidies_credited"] for figures in days.values()] == [0, 1]


def test_other_merchants_do_not_count(stage: Stage) -> None:
    play(stage)
    other = make_stage()

    with merchant_transaction(other.merchant_id) as session:
        seen = measure_period(session, other.merchant_id, STORY, at=LATER)
    with merchant_transaction(other.merchant_id) as session:
        stolen = measure_period(session, stage.merchant_id, STORY, at=LATER)

    assert seen.total["groups_opened"] == 0
    assert stolen.total["groups_opened"] == 0


def test_figures_of_one_campaign(stage: Stage) -> None:
    play(stage)

    found = measure(stage, campaign=stage.campaign.public_id).total

    without_alone = {"people_paid": 6, "paid_all_fen": 13930, "subsidy_share_of_paid_bps": 1436}
    assert found == {**EXPECTED, **without_alone, "k_factor_milli": 167}


def test_unknown_campaign_is_refused(stage: Stage) -> None:
    other = make_stage()

    with pytest.raises(CampaignNotFound):
        measure(stage, campaign=other.campaign.public_id)


def test_refund_after_forming_changes_nothing(stage: Stage) -> None:
    play(stage)
    order = stage.one(
        "SELECT max(id) FROM orders WHERE merchant_id = :v AND state = 'fulfilling'"
        " AND group_id IS NOT NULL",
        stage.merchant_id,
    )
    with transaction() as session:
        session.execute(
            text(
                "UPDATE orders SET state = 'refunding', seat_state = 'released',"
                " moved_by = 'test' WHERE id = :id"
            ),
            {"id": order},
        )

    assert measure(stage).total == EXPECTED


def test_released_subsidy_counts_once_but_not_for_the_clock(stage: Stage) -> None:
    play(stage)
    grant = stage.one(
        "SELECT public_id FROM grants WHERE merchant_id = :v AND state = 'held'", stage.merchant_id
    )
    with transaction() as session:
        staff = make_staff(session, stage.merchant_id)
    actor = StaffActor(stage.merchant_id, staff.id, Role.OPERATOR)
    key = RequestKey.of(stage.merchant_id, f"staff:{staff.id}", "k", grant)

    release_grant(DecideGrant(actor, key, grant, "called the shopper"), at=noon_minus(0, day=3))

    found = measure(stage).total
    assert (found["subsidies_issued"], found["subsidies_issued_fen"]) == (3, 3000)
    assert found["credit_seconds_max"] == 7


def test_ratios_round_half_up_and_know_no_division_by_zero() -> None:
    assert [ratio(1, 3, 1000), ratio(1, 2), ratio(1, 8, 100), ratio(0, 5), ratio(3, 0)] == [
        333,
        1,
        13,
        0,
        None,
    ]
