from typing import Any

from bench.playing.case import DASH, Played, build_rows, draw_case
from bench.playing.statements import Statement
from bench.playing.tables import draw_table, width_of

FIGURES: dict[str, Any] = {
    "groups_opened": 500,
    "groups_formed": 300,
    "groups_failed": 200,
    "people_paid": 1234,
    "success_rate_bps": 6000,
    "solo_failure_share_bps": 5123,
    "invitations": 1450,
    "new_shoppers_registered": 805,
    "new_shoppers_paid": 700,
    "viral_registered_milli": 1610,
    "viral_paid_milli": 1400,
    "k_factor_milli": 580,
    "subsidies_issued": 334,
    "subsidies_issued_fen": 334_000,
    "subsidy_share_of_formed_bps": 1865,
    "cost_per_new_shopper_fen": 477,
    "discount_fen": 909_000,
    "total_incentive_fen": 1_243_000,
    "subsidy_use_rate_bps": 7012,
    "repurchase_rate_bps": 8450,
    "credit_seconds_p50": 2,
    "credit_seconds_p99": 5,
    "credit_seconds_max": 6,
}


def played(**changes: Any) -> Played:
    winner = [{"id": "1", "kind": "group", "state": "fulfilling"}]
    again = [*winner, {"id": "2", "kind": "alone", "state": "fulfilling"}]
    statements = [Statement("a", winner, [], 0), Statement("b", again, [], 0)]
    return Played(FIGURES | changes, FIGURES | changes, statements, 500)


def row(name: str, **changes: Any) -> Any:
    return next(row for row in build_rows(played(**changes)) if row.en == name)


def test_the_documents_figures_are_scaled_to_the_size() -> None:
    people = row("people who paid")

    assert (people.document, people.at_this_size, people.played) == ("15,000", "1,500", "1,234")


def test_rates_are_shown_as_percent() -> None:
    assert row("success rate").played == "60.0 %"
    assert row("subsidies against a plain discount").played == "36.7 %"


def test_winners_who_bought_again_are_counted_from_what_shoppers_read() -> None:
    assert row("winners who buy again (input)").played == "50.0 %"


def test_a_dash_stands_where_there_is_nothing_to_divide_by() -> None:
    assert row("success rate", success_rate_bps=None).played == DASH
    assert (
        row("friends invited per group (who opened a link; input)", groups_opened=0).played == DASH
    )
    clocks = row("seconds from deadline to credit, p50/p99/max", credit_seconds_p99=None)
    assert clocks.played == "2 / – / 6"


def test_what_the_product_cannot_know_stays_open() -> None:
    assert row("become followers").played == DASH
    assert row("growth of sales").played == DASH


def test_the_table_is_drawn_in_both_languages() -> None:
    rows = build_rows(played())

    assert "拼中率" in draw_case(rows, "zh")
    assert "success rate" in draw_case(rows, "en")


def test_columns_line_up_with_chinese_characters() -> None:
    drawn = draw_table(("指标", "文档"), [("拼中率", "60 %"), ("K", "1")])

    header, rule, first, second = drawn.splitlines()
    assert width_of(header) == width_of(first) == width_of(second) == len(rule)
