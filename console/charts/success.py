"""Success rate by day against the period before, and groups by outcome."""

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go

from console.charts.style import ORANGE, SLATE, TEAL, day_axis, line, scaled, styled

Day = dict[str, Any]


def success_rate(days: list[Day], before: list[Day], t: Callable[[str], str]) -> go.Figure:
    """Draw the success rate in percent; the days before lie dotted under the same dates."""
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
    figure.add_trace(
        line(
            t("chart.now"),
            dates,
            scaled(days, "success_rate_bps", 100),
            TEAL,
            hovertemplate="%{y:.1f}%",
        )
    )
    styled(figure)
    figure.update_xaxes(**day_axis(dates))
    figure.update_yaxes(ticksuffix="%", tickformat=".3~f")
    return figure


def groups_by_outcome(days: list[Day], t: Callable[[str], str]) -> go.Figure:
    """Stack formed and failed groups by day."""
    dates = [day["on"] for day in days]
    figure = go.Figure()
    for key, color in (("groups_formed", TEAL), ("groups_failed", ORANGE)):
        figure.add_trace(
            go.Bar(
                name=t(f"chart.{key}"),
                x=dates,
                y=[day[key] for day in days],
                marker_color=color,
                hovertemplate="%{y:,}",
            )
        )
    styled(figure)
    figure.update_layout(barmode="stack")
    figure.update_xaxes(**day_axis(dates))
    return figure
