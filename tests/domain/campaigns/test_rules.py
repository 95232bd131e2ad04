from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.campaigns.errors import TermsInvalid
from domain.campaigns.rules import TermsDraft, check_terms, draw_up, find_failures
from domain.terms import (
    Caps,
    GroupPrice,
    Levers,
    Limits,
    RewardRule,
    SubsidyKind,
    SubsidyRule,
    Terms,
)

START = datetime(2026, 11, 1, tzinfo=UTC)
TERMS = Terms(
    group_size=3,
    life_seconds=86_400,
    prices=(GroupPrice(7, 1990),),
    subsidy=SubsidyRule(SubsidyKind.CASH, 1000),
    starts_at=START,
    ends_at=START + timedelta(days=30),
)


def cash(**values: Any) -> SubsidyRule:
    return SubsidyRule(SubsidyKind.CASH, 1000, **values)


def coupon(**values: Any) -> SubsidyRule:
    return replace(SubsidyRule(SubsidyKind.COUPON, 1000, valid_days=30), **values)


def failures_of(**changes: Any) -> list[tuple[str, str]]:
    with pytest.raises(TermsInvalid) as refused:
        check_terms(replace(TERMS, **changes), variant_ids=[7, 8], point_fen=10)
    return [(failure["field"], failure["code"]) for failure in refused.value.details["errors"]]


def test_sound_terms_pass() -> None:
    check_terms(TERMS, variant_ids=[7])


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"group_size": 1}, "terms.group_size", "out_of_range"),
        ({"group_size": 101}, "terms.group_size", "out_of_range"),
        ({"life_seconds": 599}, "terms.life_seconds", "out_of_range"),
        ({"life_seconds": 7 * 86_400 + 1}, "terms.life_seconds", "out_of_range"),
        ({"ends_at": START}, "ends_at", "before_start"),
        ({"ends_at": START + timedelta(days=367)}, "ends_at", "window_too_long"),
        ({"prices": ()}, "terms.prices", "required"),
        ({"prices": (GroupPrice(7, 5000), GroupPrice(7, 6000))}, "terms.prices", "twice"),
        ({"prices": (GroupPrice(9, 5000),)}, "terms.prices", "not_a_variant"),
        (
            {"subsidy": SubsidyRule(SubsidyKind.CASH, 0)},
            "terms.subsidy.amount_fen",
            "out_of_range",
        ),
        (
            {"subsidy": SubsidyRule(SubsidyKind.CASH, 1990)},
            "terms.subsidy.amount_fen",
            "subsidy_not_below_price",
        ),
        *(
            ({"subsidy": subsidy}, f"terms.subsidy.{name}", code)
            for subsidy, name, code in (
                (cash(least_fen=1001), "least_fen", "least_above_amount"),
                (cash(least_fen=0), "least_fen", "least_above_amount"),
                (cash(new_shopper_fen=-1), "new_shopper_fen", "out_of_range"),
                (cash(new_shopper_fen=990), "amount_fen", "subsidy_not_below_price"),
                (cash(invite_fen=100), "invites_most", "invites_incomplete"),
                (cash(delay_seconds=31 * 86_400), "delay_seconds", "out_of_range"),
                (cash(programme_id=3), "programme_id", "programme_missing"),
                (coupon(valid_days=0), "valid_days", "validity_missing"),
                (coupon(threshold_fen=999), "threshold_fen", "threshold_below_value"),
                (coupon(threshold_fen=-1), "threshold_fen", "out_of_range"),
                (SubsidyRule(SubsidyKind.PASS, 1000), "valid_days", "validity_missing"),
                (
                    SubsidyRule(SubsidyKind.PASS, 1000, least_fen=500, valid_days=9),
                    "kind",
                    "pass_is_fixed",
                ),
                (SubsidyRule(SubsidyKind.POINTS, 1005), "amount_fen", "not_whole_points"),
                (
                    SubsidyRule(SubsidyKind.EXTERNAL_POINTS, 1000),
                    "programme_id",
                    "programme_missing",
                ),
                (
                    SubsidyRule(SubsidyKind.EXTERNAL_POINTS, 1050, programme_id=3, point_fen=100),
                    "amount_fen",
                    "not_whole_points",
                ),
            )
        ),
        ({"caps": Caps(day_fen=999)}, "terms.caps.day_fen", "cap_below_subsidy"),
        ({"caps": Caps(failures=0)}, "terms.caps.failures", "out_of_range"),
        (
            {"subsidy": coupon(new_shopper_fen=100), "caps": Caps(month_fen=1050)},
            "terms.caps.month_fen",
            "cap_below_subsidy",
        ),
        ({"levers": Levers(full_from_seats=3)}, "terms.levers.full_from_seats", "out_of_range"),
        (
            {"levers": Levers(full_from_seats=2, consolation_fen=1000)},
            "terms.levers.consolation_fen",
            "consolation_not_below",
        ),
        (
            {"levers": Levers(least_paid_seconds=86_400)},
            "terms.levers.least_paid_seconds",
            "out_of_range",
        ),
        ({"reward": RewardRule(formed_fen=-1)}, "terms.reward.formed_fen", "out_of_range"),
        (
            {"reward": RewardRule(formed_fen=500, valid_days=0)},
            "terms.reward.valid_days",
            "validity_missing",
        ),
        (
            {"reward": RewardRule(failed_fen=500, threshold_fen=400)},
            "terms.reward.threshold_fen",
            "threshold_below_value",
        ),
        ({"limits": Limits(open_groups=0)}, "terms.limits.open_groups", "out_of_range"),
        (
            {"limits": Limits(expired_holds_per_day=101)},
            "terms.limits.expired_holds_per_day",
            "out_of_range",
        ),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], field: str, code: str) -> None:
    assert failures_of(**changes) == [(field, code)]


def test_subsidy_is_below_the_cheapest_price() -> None:
    prices = (GroupPrice(7, 1990), GroupPrice(8, 1000))

    assert failures_of(prices=prices) == [("terms.subsidy.amount_fen", "subsidy_not_below_price")]


def test_pass_may_be_worth_the_cheapest_price_itself_and_no_more() -> None:
    prices = (GroupPrice(7, 1990), GroupPrice(8, 2990))

    for amount_fen, is_refused in ((1990, False), (1991, True)):
        free = SubsidyRule(SubsidyKind.PASS, amount_fen, valid_days=30)
        terms = replace(TERMS, prices=prices, subsidy=free)
        codes = [failure.code for failure in find_failures(terms, variant_ids=[7, 8])]
        assert codes == ["subsidy_not_below_price"] * is_refused


def test_everything_wrong_is_told_at_once() -> None:
    assert len(failures_of(group_size=0, life_seconds=0, prices=())) == 3


def test_draft_changes_what_it_names() -> None:
    drawn = draw_up(TermsDraft(group_size=5, limits={"open_groups": 2}), base=TERMS, variant_ids={})

    assert drawn == replace(TERMS, group_size=5, limits=Limits(open_groups=2))


def test_first_draft_must_be_whole() -> None:
    with pytest.raises(TermsInvalid) as refused:
        draw_up(TermsDraft(group_size=5), base=None, variant_ids={})

    assert [failure["field"] for failure in refused.value.details["errors"]] == [
        "terms.life_seconds",
        "terms.prices",
        "terms.subsidy",
        "terms.starts_at",
        "terms.ends_at",
    ]


def test_prices_name_variants_by_public_id() -> None:
    draft = TermsDraft(prices=[("a", 5000)])

    assert draw_up(draft, base=TERMS, variant_ids={"a": 8}).prices == (GroupPrice(8, 5000),)
    with pytest.raises(TermsInvalid):
        draw_up(draft, base=TERMS, variant_ids={"b": 8})
