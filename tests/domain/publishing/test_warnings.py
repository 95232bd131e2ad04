from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.publishing.arbitrage import PricedVariant
from domain.publishing.warnings import Plan, find_warnings
from domain.terms import Caps, GroupPrice, Levers, SubsidyKind, SubsidyRule, Terms

START = datetime(2026, 11, 1, tzinfo=UTC)


def plan(
    *,
    subsidy_fen: int = 300,
    price_fen: int = 1990,
    list_fen: int = 3000,
    cost_fen: int | None = 1200,
    size: int = 3,
    life_seconds: int = 86_400,
    days: float = 30,
    is_pool_open: bool = False,
    subsidy: SubsidyRule | None = None,
    caps: Caps = Caps(),  # noqa: B008 - frozen
    **changes: Any,
) -> Plan:
    terms = Terms(
        group_size=size,
        life_seconds=life_seconds,
        prices=(GroupPrice(1, price_fen),),
        subsidy=subsidy or SubsidyRule(SubsidyKind.CASH, subsidy_fen),
        caps=caps,
        starts_at=START,
        ends_at=START + timedelta(days=days),
        levers=Levers(is_pool_open=is_pool_open),
    )
    given: dict[str, Any] = {
        "terms": terms,
        "variants": (PricedVariant("原味", list_fen, cost_fen, price_fen),),
        "budget_left_fen": 100_000,
        "stock_left": 100,
        "stock_units": 100,
        "stock_of_variants": 100,
        "merchant_caps": Caps(day_fen=2000),
    }
    return Plan(**given | changes)


def found(plan: Plan) -> list[tuple[str, str]]:
    return [(warning.code, warning.severity.value) for warning in find_warnings(plan)]


def test_sound_plan_has_no_warnings() -> None:
    assert found(plan()) == []


@pytest.mark.parametrize(
    ("subsidy_fen", "warnings"),
    [
        (307, []),
        (308, [("subsidy_near_gap", "amber")]),
        (439, [("subsidy_near_gap", "amber")]),
        (440, [("subsidy_rewards_failing", "red")]),
        (1000, [("subsidy_rewards_failing", "red")]),
        (1010, [("subsidy_rewards_failing", "red")]),
    ],
)
def test_subsidy_is_tested_against_what_a_lukewarm_buyer_gains(
    subsidy_fen: int, warnings: list[tuple[str, str]]
) -> None:
    assert found(plan(subsidy_fen=subsidy_fen)) == warnings


def test_strangers_in_the_pool_make_a_subsidy_a_little_less_safe() -> None:
    assert found(plan(subsidy_fen=423, is_pool_open=True)) == [("subsidy_near_gap", "amber")]
    assert found(plan(subsidy_fen=424, is_pool_open=True)) == [("subsidy_rewards_failing", "red")]


def test_the_founding_documents_first_example_is_sound() -> None:
    assert found(plan(subsidy_fen=1500, price_fen=6000, list_fen=10_000, cost_fen=3800)) == []


def test_founding_documents_own_case_says_what_not_sharing_gains() -> None:
    (warning,) = find_warnings(plan(subsidy_fen=1000))

    assert warning.sentence("en") == (
        "A lukewarm buyer gains 3.96 yuan more by not sharing: the subsidy of 10 yuan is above the "
        "safe limit of 4.39 yuan (variant 原味: list price and group price differ by 10.1 yuan). "
        "Lower the subsidy to 4.39 yuan (3.07 yuan leaves a margin), lower the group price, or "
        "require a second paid seat."
    )
    assert "不分享反而多得 3.96 元" in warning.sentence("zh")


def test_subsidy_near_the_limit_says_how_much_leaves_a_margin() -> None:
    (warning,) = find_warnings(plan(subsidy_fen=400))

    assert "gains only 0.28 yuan more by sharing. 3.07 yuan or less" in warning.sentence("en")
    assert "不超过 3.07 元" in warning.sentence("zh")


def test_the_worst_variant_counts() -> None:
    variants = (
        PricedVariant("大", 9000, None, 1990),
        PricedVariant("小", 2300, None, 1990),
    )

    (warning,) = find_warnings(plan(variants=variants))

    assert (warning.code, warning.severity.value) == ("subsidy_rewards_failing", "red")
    assert "小" in warning.sentence("en")


@pytest.mark.parametrize(
    ("size", "warnings"),
    [
        (3, []),
        (8, [("subsidy_near_gap", "amber")]),
        (20, [("subsidy_rewards_failing", "red")]),
    ],
)
def test_subsidy_of_groups_that_seldom_form_is_less_safe(
    size: int, warnings: list[tuple[str, str]]
) -> None:
    assert found(plan(size=size)) == warnings


def test_short_window_leaves_less_time_to_form() -> None:
    codes = [code for code, _ in found(plan(days=0.04))]

    assert codes == ["subsidy_rewards_failing", "window_below_one_life"]


def test_having_no_cap_at_all_is_amber() -> None:
    assert found(plan(merchant_caps=Caps())) == [("no_subsidy_cap", "amber")]


@pytest.mark.parametrize("name", ["day_fen", "month_fen", "day_failures", "month_failures"])
@pytest.mark.parametrize("of", ["merchant_caps", "caps"])
def test_any_cap_of_merchant_or_campaign_will_do(name: str, of: str) -> None:
    given = plan(**({"merchant_caps": Caps()} | {of: Caps(**{name: 1000})}))

    assert found(given) == []


@pytest.mark.parametrize(
    ("rule", "is_warned"),
    [
        (SubsidyRule(SubsidyKind.CASH, 300, least_fen=299), True),
        (SubsidyRule(SubsidyKind.CASH, 300, least_fen=300), False),
        (SubsidyRule(SubsidyKind.COUPON, 300, least_fen=100, valid_days=30), False),
        (SubsidyRule(SubsidyKind.POINTS, 300, least_fen=100), False),
    ],
)
def test_cash_at_random_is_amber(rule: SubsidyRule, is_warned: bool) -> None:
    assert found(plan(subsidy=rule)) == [("random_cash", "amber")] * is_warned


@pytest.mark.parametrize(("left", "warnings"), [(900, 0), (899, 1)])
def test_budget_must_hold_one_groups_worst_case(left: int, warnings: int) -> None:
    expected = [("budget_below_one_group", "red")] * warnings

    assert found(plan(budget_left_fen=left)) == expected


@pytest.mark.parametrize(("left", "warnings"), [(3, 0), (2, 1)])
def test_stock_must_hold_one_group(left: int, warnings: int) -> None:
    assert found(plan(stock_left=left)) == [("stock_below_one_group", "red")] * warnings


@pytest.mark.parametrize(("held", "warnings"), [(100, 0), (99, 1)])
def test_promising_more_than_there_is_is_amber(held: int, warnings: int) -> None:
    expected = [("stock_above_variants", "amber")] * warnings

    assert found(plan(stock_of_variants=held)) == expected


def test_group_price_at_list_price_looks_like_a_slip() -> None:
    assert found(plan(price_fen=3000, subsidy_fen=1)) == [
        ("subsidy_rewards_failing", "red"),
        ("price_not_below_list", "amber"),
    ]


@pytest.mark.parametrize(("alone_fen", "is_slip"), [(1991, False), (1990, True), (1, True)])
def test_group_price_at_the_price_alone_looks_like_a_slip(alone_fen: int, is_slip: bool) -> None:
    variants = (PricedVariant("原味", 3000, None, 1990, alone_fen),)

    expected = [("price_not_below_alone", "amber")] * is_slip
    assert found(plan(variants=variants)) == expected


@pytest.mark.parametrize(("price_fen", "is_slip"), [(600, False), (599, True)])
def test_very_deep_discount_looks_like_a_slip(price_fen: int, is_slip: bool) -> None:
    codes = [code for code, _ in found(plan(price_fen=price_fen, cost_fen=None))]

    assert codes == (["discount_very_deep"] if is_slip else [])


@pytest.mark.parametrize(("cost_fen", "is_loss"), [(1990, False), (1991, True), (None, False)])
def test_price_below_cost_is_amber(cost_fen: int | None, is_loss: bool) -> None:
    assert found(plan(cost_fen=cost_fen)) == ([("price_below_cost", "amber")] if is_loss else [])


def test_slip_is_told_once_with_all_its_variants() -> None:
    variants = (
        PricedVariant("大", 3000, 2500, 1990),
        PricedVariant("小", 3000, 2600, 1990),
    )

    (warning,) = find_warnings(plan(variants=variants))

    assert warning.sentence("zh") == "拼团价低于成本：大, 小。每成一单都会亏损。"


def test_window_shorter_than_a_groups_life_is_amber() -> None:
    assert found(plan(days=1)) == [("window_below_one_life", "amber")]
    assert found(plan(days=1.03)) == []


def test_sentences_exist_in_both_languages() -> None:
    worst = plan(
        subsidy=SubsidyRule(SubsidyKind.CASH, 1200, least_fen=800),
        price_fen=3000,
        cost_fen=4000,
        days=0.5,
        budget_left_fen=0,
        stock_left=0,
        stock_of_variants=0,
        merchant_caps=Caps(),
    )

    for warning in find_warnings(worst):
        for language in ("zh", "en"):
            assert "{" not in warning.sentence(language)  # type: ignore[arg-type]
