from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.planner.offers import InviteReward, Kind, Levers, Offer, Subsidy
from domain.publishing.arbitrage import PricedVariant, judge_variants, offer_of
from domain.terms import GroupPrice, RewardRule, SubsidyKind, SubsidyRule, Terms
from domain.terms import Levers as TermsLevers

START = datetime(2026, 11, 1, tzinfo=UTC)
CHIPS = PricedVariant("原味", 3000, 1200, 1990)


def terms(*, life_seconds: int = 86_400, days: float = 30, **changes: Any) -> Terms:
    given: dict[str, Any] = {
        "group_size": 3,
        "life_seconds": life_seconds,
        "prices": (GroupPrice(1, 1990),),
        "subsidy": SubsidyRule(SubsidyKind.CASH, 1000),
        "starts_at": START,
        "ends_at": START + timedelta(days=days),
    }
    return Terms(**given | changes)


def test_terms_are_offered_as_they_stand() -> None:
    assert offer_of(terms(), CHIPS) == Offer(
        list_price_fen=3000,
        group_price_fen=1990,
        group_size=3,
        life_seconds=86_400,
        subsidy=Subsidy(Kind.CASH, mean_fen=1000, largest_fen=1000),
        levers=Levers(is_organic_pool_on=True),
    )


def test_every_rule_that_bears_on_sharing_is_offered() -> None:
    rules = terms(
        subsidy=SubsidyRule(
            SubsidyKind.POINTS,
            900,
            least_fen=100,
            new_shopper_fen=200,
            invite_fen=50,
            invites_most=2,
        ),
        levers=TermsLevers(
            full_from_seats=2, consolation_fen=80, least_paid_seconds=1800, is_pool_open=False
        ),
        reward=RewardRule(formed_fen=500, failed_fen=300),
    )

    assert offer_of(rules, CHIPS) == Offer(
        list_price_fen=3000,
        group_price_fen=1990,
        group_size=3,
        life_seconds=86_400,
        subsidy=Subsidy(
            Kind.POINTS, 500, 900, per_invite_fen=50, most_invites=2, new_shopper_fen=200
        ),
        levers=Levers(
            is_full_from_two_seats=True, consolation_fen=80, paid_before_deadline_seconds=1800
        ),
        reward=InviteReward(on_forming_fen=500, on_failing_fen=300),
    )


def test_group_lives_no_longer_than_its_campaign() -> None:
    assert offer_of(terms(days=0.5), CHIPS).life_seconds == 43_200


@pytest.mark.parametrize("kind", list(SubsidyKind))
def test_every_kind_of_subsidy_can_be_tested(kind: SubsidyKind) -> None:
    rule = SubsidyRule.from_json({**terms().subsidy.to_json(), "kind": kind.value})

    assert offer_of(terms(subsidy=rule), CHIPS).subsidy.kind == Kind(kind.value)


def test_variant_with_least_reason_to_share_comes_first() -> None:
    large, small = PricedVariant("大", 9000, None, 1990), PricedVariant("小", 2300, None, 1990)

    judged = judge_variants(terms(), [large, CHIPS, small])

    assert [one.variant.title for one in judged] == ["小", "原味", "大"]
    assert [one.arbitrage.verdict.value for one in judged] == ["red", "red", "green"]
