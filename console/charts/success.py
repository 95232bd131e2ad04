"""Success rate by day against the period before, and groups by outcome."""

from typing import Any

import plotly.graph_objects as go

from console.charts.style import (
    ORANGE,
    SLATE,
    TEAL,
    day_axis,
    day_bars,
    day_lines,
    line,
    percent_axis,
    scaled,
    styled,
)
from console.comparing import FEW, likely_range
from console.texts import Texts

Day = dict[str, Any]


def success_rate(
    days: list[Day], before: list[Day], t: Texts, *, unfinished: str | None = None
) -> go.Figure:
    """Draw the success rate in percent; the days before lie dotted under the same dates.

    A day with few closed groups is a grey point within the bounds that its rate may truly have.
    """
    dates = [day["on"] for day in days]
    figure = go.Figure()
    earlier = scaled(before, "success_rate_bps", 100)[: len(dates)]
    if any(value is not None for value in earlier):
        figure.add_trace(
            line(
                t("chart.before"),
                dates,
                earlier,
                SLATE,
                dash="dot",
                hovertemplate="%{y:.1f}%",
            )
        )
    figure.add_traces(
        day_lines(
            t("chart.now"),
            dates,
            scaled(days, "success_rate_bps", 100),
            TEAL,
            unfinished=unfinished,
            hovertemplate="%{y:.1f}%",
        )
    )
    few = [day for day in days if 0 < _closed(day) < FEW]
    if few:
        figure.add_trace(_uncertain(few, t))
    styled(figure)
    figure.update_xaxes(**day_axis(dates))
    figure.update_yaxes(**percent_axis())
    return figure


def _closed(day: Day) -> int:
    formed, failed = day["groups_formed"] or 0, day["groups_failed"] or 0
    return int(formed + failed)


def _uncertain(days: list[Day], t: Texts) -> go.Scatter:
    """Draw days with few groups: grey points with the bounds of their rate."""
    rates = [100 * day["groups_formed"] / _closed(day) for day in days]
    bounds = [likely_range(day["groups_formed"], _closed(day)) for day in days]
    return go.Scatter(
        name=t("chart.few"),
        x=[day["on"] for day in days],
        y=rates,
        mode="markers",
        marker={"color": SLATE, "size": 8},
        error_y={
            "array": [high / 100 - rate for rate, (_, high) in zip(rates, bounds, strict=True)],
            "arrayminus": [rate - low / 100 for rate, (low, _) in zip(rates, bounds, strict=True)],
            "color": SLATE,
            "thickness": 1,
            "width": 3,
        },
        text=[f"{low / 100:.0f}–{high / 100:.0f}%" for low, high in bounds],
        hovertemplate="%{text}",
    )


def groups_by_outcome(days: list[Day], t: Texts, *, unfinished: str | None = None) -> go.Figure:
    """Stack formed and failed groups by day."""
    dates = [day["on"] for day in days]
    figure = go.Figure()
    for key, color in (("groups_formed", TEAL), ("groups_failed", ORANGE)):
        figure.add_trace(
            go.Bar(
                name=t(f"chart.{key}"),
                x=dates,
                y=[day[key] for day in days],
                marker=day_bars(dates, color, unfinished),
                hovertemplate="%{y:,}",
            )
        )
    styled(figure)
    figure.update_layout(barmode="stack")
    figure.update_xaxes(**day_axis(dates))
    figure.update_yaxes(rangemode="tozero", tickformat=",d")
    if not any(map(_closed, days)):
        figure.update_yaxes(range=[0, 4])
    return figure
