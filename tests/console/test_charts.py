from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import plotly.graph_objects as go
import pytest

from console.charts import growth, style, subsidies, success
from console.texts import Texts
from tests.console import fake_data

T = Texts("zh")
DAYS = [
    {
        "on": (date(2026, 11, 1) + timedelta(days=n)).isoformat(),
        **fake_data.with_ratios(fake_data.figures_of(date(2026, 11, 1) + timedelta(days=n), None)),
    }
    for n in range(14)
]
EMPTY = [{**dict.fromkeys(day), "on": day["on"]} for day in DAYS]
DAILY_CHARTS: dict[str, Callable[[list[dict[str, Any]]], go.Figure]] = {
    "success_rate": lambda days: success.success_rate(days, DAYS, T),
    "groups_by_outcome": lambda days: success.groups_by_outcome(days, T),
    "subsidy_cost": lambda days: subsidies.subsidy_cost(days, T),
    "credit_clock": lambda days: subsidies.credit_clock(days, T),
    "viral": lambda days: growth.viral(days, T),
}


@pytest.mark.parametrize("name", DAILY_CHARTS)
def test_each_chart_has_the_house_style(name: str) -> None:
    figure = DAILY_CHARTS[name](DAYS)

    assert tuple(figure.layout.colorway) == style.COLORWAY
    assert "Noto Sans CJK SC" in figure.layout.font.family
    assert figure.layout.paper_bgcolor == style.CLEAR
    assert figure.layout.height == style.HEIGHT
    assert figure.layout.xaxis.type == "category"
    assert {trace.type for trace in figure.data} <= {"scatter", "bar"}


@pytest.mark.parametrize("name", DAILY_CHARTS)
def test_lines_are_straight_and_gaps_stay_gaps(name: str) -> None:
    lines = [trace for trace in DAILY_CHARTS[name](DAYS).data if trace.type == "scatter"]

    assert all(line.line.shape is None and line.connectgaps is False for line in lines)


@pytest.mark.parametrize("name", DAILY_CHARTS)
def test_days_without_anything_to_divide_by_can_be_drawn(name: str) -> None:
    figure = DAILY_CHARTS[name](EMPTY)

    assert all(value is None for value in figure.data[-1].y)


def test_success_rate_is_in_percent_with_the_days_before_dotted() -> None:
    before, now = success.success_rate(DAYS[7:], DAYS[:7], T).data

    assert now.y[0] == DAYS[7]["success_rate_bps"] / 100
    assert before.y[0] == DAYS[0]["success_rate_bps"] / 100
    assert before.x == now.x
    assert (before.line.dash, now.line.dash) == ("dot", "solid")


def test_without_a_period_before_there_is_one_line() -> None:
    assert len(success.success_rate(DAYS, EMPTY, T).data) == 1


def test_formed_and_failed_are_stacked() -> None:
    figure = success.groups_by_outcome(DAYS, T)

    assert figure.layout.barmode == "stack"
    assert [trace.name for trace in figure.data] == ["成团", "未成团"]
    assert figure.data[1].y[0] == DAYS[0]["groups_failed"]


def test_subsidies_are_in_yuan_and_their_share_on_a_second_axis() -> None:
    issued, share = subsidies.subsidy_cost(DAYS, T).data

    assert issued.y[0] == DAYS[0]["subsidies_issued_fen"] / 100
    assert share.y[0] == DAYS[0]["subsidy_share_of_formed_bps"] / 100
    assert share.yaxis == "y2"


def test_the_promise_of_ten_minutes_is_drawn() -> None:
    figure = subsidies.credit_clock(DAYS, T)

    assert figure.layout.shapes[0].y0 == 600
    assert figure.layout.yaxis.type == "log"
    assert figure.layout.annotations[0].text == "承诺 10 分钟"


def test_viral_coefficients_are_ratios() -> None:
    registered, paid, k_factor = growth.viral(DAYS, T).data

    assert registered.y[0] == DAYS[0]["viral_registered_milli"] / 1000
    assert paid.y[0] == DAYS[0]["viral_paid_milli"] / 1000
    assert k_factor.y[0] == DAYS[0]["k_factor_milli"] / 1000


def test_the_funnel_says_what_each_step_kept() -> None:
    total = {"share_visits": 1000, "new_shoppers_registered": 240, "new_shoppers_paid": 60}

    texts = growth.funnel(total, T).data[0].text

    assert list(texts) == ["1,000", "240 · 24%", "60 · 25%"]


def test_an_empty_funnel_divides_by_nothing() -> None:
    total = {"share_visits": 0, "new_shoppers_registered": 0, "new_shoppers_paid": 0}

    assert list(growth.funnel(total, T).data[0].text) == ["0", "0", "0"]


def test_single_days_stay_visible() -> None:
    assert success.success_rate(DAYS[:1], [], T).data[0].mode == "lines+markers"


def test_a_day_between_two_empty_ones_stays_visible() -> None:
    days = [EMPTY[0], DAYS[1], EMPTY[2], DAYS[3], DAYS[4]]

    assert all(trace.mode == "lines+markers" for trace in growth.viral(days, T).data)
    assert all(trace.mode == "lines" for trace in growth.viral(DAYS, T).data)


def test_long_periods_have_few_labels() -> None:
    days = [f"2026-{month:02d}-{day:02d}" for month in range(1, 4) for day in range(1, 29)]

    assert len(style.day_axis(days)["tickvals"]) <= 6
