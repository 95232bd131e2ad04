"""How groups bring new shoppers."""

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go

from console.charts.style import GOLD, INDIGO, SLATE, TEAL, day_axis, line, scaled, styled

Day = dict[str, Any]


def viral(days: list[Day], t: Callable[[str], str]) -> go.Figure:
    """Draw both viral coefficients (per group) and the K-factor (per shopper)."""
    dates = [day["on"] for day in days]
    figure = go.Figure()
    for key, color, dash in (
        ("viral_registered_milli", INDIGO, "solid"),
        ("viral_paid_milli", TEAL, "solid"),
        ("k_factor_milli", GOLD, "dot"),
    ):
        figure.add_trace(
            line(
                t(f"chart.{key}"),
                dates,
                scaled(days, key, 1000),
                color,
                dash=dash,
                hovertemplate="%{y:.2f}",
            )
        )
    styled(figure)
    figure.update_xaxes(**day_axis(dates))
    figure.update_yaxes(rangemode="tozero", tickformat=".1f")
    return figure


def funnel(total: dict[str, Any], t: Callable[[str], str]) -> go.Figure:
    """Draw the way from a visited share over registering to paying, with the kept share."""
    keys = ("share_visits", "new_shoppers_registered", "new_shoppers_paid")
    figure = go.Figure(
        go.Funnel(
            y=[t(f"chart.{key}") for key in keys],
            x=[total[key] for key in keys],
            marker={"color": [SLATE, INDIGO, TEAL]},
            connector={"visible": False},
            textinfo="value+percent previous",
            texttemplate="%{value:,}  ·  %{percentPrevious:.0%}",
            textposition="auto",
            hoverinfo="skip",
        )
    )
    styled(figure)
    figure.update_layout(margin={"l": 8, "r": 8, "t": 8, "b": 8}, hovermode="closest")
    return figure
