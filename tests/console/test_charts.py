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
    issued, credited, share = subsidies.subsidy_cost(DAYS, T).data

    assert issued.y[0] == DAYS[0]["subsidies_issued_fen"] / 100
    assert credited.y[0] == DAYS[0]["subsidies_credited_fen"] / 100
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


def few(formed: int, failed: int, on: str = "2026-11-20") -> dict[str, Any]:
    counts = {**fake_data.figures_of(date(2026, 11, 20), None)}
    counts |= {"groups_formed": formed, "groups_failed": failed}
    return {"on": on, **fake_data.with_ratios(counts)}


def money(*yuan: float | None) -> list[dict[str, Any]]:
    return [
        {
            **DAYS[place],
            "subsidies_issued_fen": None if value is None else round(100 * value),
            "subsidies_credited_fen": 0,
            "subsidy_share_of_formed_bps": None,
        }
        for place, value in enumerate(yuan)
    ]


@pytest.mark.parametrize(
    ("yuan", "ticks"),
    [
        ([0.0, 0.0], ["¥0", "¥2.5", "¥5", "¥7.5", "¥10"]),
        ([None, None], ["¥0", "¥2.5", "¥5", "¥7.5", "¥10"]),
        ([0.5, 0.02], ["¥0", "¥2.5", "¥5", "¥7.5", "¥10"]),
        ([11.0, 3.0], ["¥0", "¥5", "¥10", "¥15", "¥20"]),
        ([130.0, 3.0], ["¥0", "¥50", "¥100", "¥150", "¥200"]),
        ([35_000.0, 3.0], ["¥0", "¥1 万", "¥2 万", "¥3 万", "¥4 万"]),
        ([3_000_000.0], ["¥0", "¥100 万", "¥200 万", "¥300 万", "¥400 万"]),
    ],
)
def test_money_begins_at_zero_and_is_never_less_than_a_coin(
    yuan: list[float | None], ticks: list[str]
) -> None:
    axis = subsidies.subsidy_cost(money(*yuan), T).layout.yaxis

    assert list(axis.ticktext) == ticks
    assert axis.range[0] == 0
    assert axis.range[1] > max([0, *(value for value in yuan if value)])


def test_english_money_is_in_thousands() -> None:
    axis = subsidies.subsidy_cost(money(35_000.0), Texts("en")).layout.yaxis

    assert list(axis.ticktext) == ["¥0", "¥10K", "¥20K", "¥30K", "¥40K"]


@pytest.mark.parametrize("days", [[few(0, 1)], [few(40, 60)], [few(99, 1)], EMPTY])
def test_success_is_drawn_between_nothing_and_everything(days: list[dict[str, Any]]) -> None:
    axis = success.success_rate(days, [], T).layout.yaxis

    assert list(axis.ticktext) == ["0%", "25%", "50%", "75%", "100%"]
    assert axis.range[0] == 0
    assert 100 <= axis.range[1] < 110


@pytest.mark.parametrize(
    ("bps", "top"), [(None, 20), (0, 20), (150, 20), (3000, 40), (4100, 100), (26_200, 400)]
)
def test_share_of_subsidies_has_round_ticks_from_zero(bps: int | None, top: int) -> None:
    days = [{**DAYS[0], "subsidy_share_of_formed_bps": bps}]

    axis = subsidies.subsidy_cost(days, T).layout.yaxis2

    assert list(axis.tickvals) == [0, top / 4, top / 2, 3 * top / 4, top]


def test_axes_of_nothing_do_not_make_halves_of_groups() -> None:
    nothing = [{**DAYS[0], "groups_formed": 0, "groups_failed": 0}]

    assert list(success.groups_by_outcome(nothing, T).layout.yaxis.range) == [0, 4]


@pytest.mark.parametrize("name", ["success_rate", "subsidy_cost", "credit_clock", "viral"])
def test_day_that_has_not_ended_is_dashed_and_hollow(name: str) -> None:
    draw: dict[str, Callable[..., go.Figure]] = {
        "success_rate": lambda days, **rest: success.success_rate(days, [], T, **rest),
        "subsidy_cost": lambda days, **rest: subsidies.subsidy_cost(days, T, **rest),
        "credit_clock": lambda days, **rest: subsidies.credit_clock(days, T, **rest),
        "viral": lambda days, **rest: growth.viral(days, T, **rest),
    }
    today = DAYS[-1]["on"]

    whole = [one for one in draw[name](DAYS).data if one.type == "scatter"]
    begun = [one for one in draw[name](DAYS, unfinished=today).data if one.type == "scatter"]

    assert len(begun) == 2 * len(whole)
    for done, rest, line in zip(begun[::2], begun[1::2], whole, strict=True):
        assert done.y == (*line.y[:-1], None)
        assert rest.y == (*[None] * (len(DAYS) - 2), *line.y[-2:])
        assert (rest.line.dash, rest.marker.symbol) == ("dash", "circle-open")
        assert rest.hoverinfo[-2:] == ("skip", "all")
        assert (rest.showlegend, done.line.color) == (False, rest.line.color)


def test_bar_of_a_day_that_has_not_ended_is_hatched() -> None:
    figure = success.groups_by_outcome(DAYS, T, unfinished=DAYS[-1]["on"])

    shapes = figure.data[0].marker.pattern.shape
    assert (shapes[-2], shapes[-1]) == ("", "/")


def test_today_alone_is_one_hollow_point_with_a_legend() -> None:
    done, rest = success.success_rate(DAYS[:1], [], T, unfinished=DAYS[0]["on"]).data

    assert (list(done.y), list(rest.y)) == ([None], [DAYS[0]["success_rate_bps"] / 100])
    assert (done.showlegend, rest.showlegend) == (False, True)


def test_day_of_few_groups_is_grey_with_its_likely_range() -> None:
    days = [DAYS[0], few(2, 1, DAYS[1]["on"])]

    uncertain = success.success_rate(days, [], T).data[-1]

    assert list(uncertain.x) == [DAYS[1]["on"]]
    assert uncertain.marker.color == style.SLATE
    assert list(uncertain.text) == ["21–94%"]
    assert uncertain.error_y.array[0] == pytest.approx(93.85 - 66.67, abs=0.01)
    assert uncertain.error_y.arrayminus[0] == pytest.approx(66.67 - 20.77, abs=0.01)
    assert len(success.success_rate([few(18, 12)], [], T).data) == 1
