"""How groups bring new shoppers."""

from itertools import pairwise
from typing import Any

import plotly.graph_objects as go

from console.charts.style import GOLD, INDIGO, SLATE, TEAL, day_axis, day_lines, scaled, styled
from console.texts import Texts

Day = dict[str, Any]
RATIOS = ("viral_registered_milli", "viral_paid_milli", "k_factor_milli")


def viral(days: list[Day], t: Texts, *, unfinished: str | None = None) -> go.Figure:
    """Draw both viral coefficients (per group) and the K-factor (per shopper)."""
    dates = [day["on"] for day in days]
    figure = go.Figure()
    for key, color, dash in (
        ("viral_registered_milli", INDIGO, "solid"),
        ("viral_paid_milli", TEAL, "solid"),
        ("k_factor_milli", GOLD, "dot"),
    ):
        figure.add_traces(
            day_lines(
                t(f"chart.{key}"),
                dates,
                scaled(days, key, 1000),
                color,
                unfinished=unfinished,
                dash=dash,
                hovertemplate="%{y:.2f}",
            )
        )
    styled(figure)
    figure.update_xaxes(**day_axis(dates))
    figure.update_yaxes(rangemode="tozero", tickformat=".1f")
    if not any(day.get(key) for day in days for key in RATIOS):
        figure.update_yaxes(range=[0, 1])
    return figure


def funnel(total: dict[str, Any], t: Texts) -> go.Figure:
    """Draw the way from an opened share over registering to paying, each with the kept share."""
    keys = ("share_visits", "new_shoppers_registered", "new_shoppers_paid")
    values = [total[key] for key in keys]
    figure = go.Figure(
        go.Bar(
            y=[t(f"chart.{key}") for key in keys],
            x=values,
            orientation="h",
            marker_color=[SLATE, INDIGO, TEAL],
            text=[f"{value:,}{kept}" for value, kept in zip(values, _kept(values), strict=True)],
            textposition="auto",
            insidetextanchor="end",
            insidetextfont={"color": "#ffffff"},
            cliponaxis=False,
            hoverinfo="skip",
        )
    )
    styled(figure)
    figure.update_layout(hovermode=False, bargap=0.45)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return figure


def _kept(values: list[int]) -> list[str]:
    """Say what share of the step before each step kept."""
    steps = pairwise(values)
    return ["", *(f" · {after / before:.0%}" if before else "" for before, after in steps)]
