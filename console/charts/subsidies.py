"""What subsidies cost, and how fast they arrive."""

import math
from typing import Any

import plotly.graph_objects as go

from console.charts.style import (
    GOLD,
    INDIGO,
    ORANGE,
    SLATE,
    TEAL,
    day_axis,
    day_bars,
    day_lines,
    money_axis,
    percent_axis,
    scaled,
    styled,
)
from console.texts import Texts

Day = dict[str, Any]
PROMISE_SECONDS = 600


def subsidy_cost(days: list[Day], t: Texts, *, unfinished: str | None = None) -> go.Figure:
    """Draw issued yuan as bars, and their share of formed groups' paid value on a second axis.

    Beside each bar, by the day of the deadline, stands what was credited on that day: in cash.
    """
    dates = [day["on"] for day in days]
    issued = scaled(days, "subsidies_issued_fen", 100)
    credited = scaled(days, "subsidies_credited_fen", 100)
    share = scaled(days, "subsidy_share_of_formed_bps", 100)
    figure = go.Figure()
    figure.add_trace(
        go.Bar(
            name=t("chart.issued"),
            x=dates,
            y=issued,
            marker=day_bars(dates, ORANGE, unfinished),
            opacity=0.85,
            hovertemplate="¥%{y:,.2f}",
        )
    )
    figure.add_trace(
        go.Bar(
            name=t("chart.credited"),
            x=dates,
            y=credited,
            marker=day_bars(dates, SLATE, unfinished),
            opacity=0.45,
            hovertemplate="¥%{y:,.2f}",
        )
    )
    figure.add_traces(
        day_lines(
            t("chart.share_of_formed"),
            dates,
            share,
            INDIGO,
            unfinished=unfinished,
            yaxis="y2",
            hovertemplate="%{y:.1f}%",
        )
    )
    figure.update_layout(yaxis2={"overlaying": "y", "side": "right"})
    styled(figure)
    figure.update_layout(
        yaxis=money_axis(issued + credited, t.language),
        yaxis2={**percent_axis(share), "showgrid": False},
    )
    figure.update_xaxes(**day_axis(dates))
    return figure


def credit_clock(days: list[Day], t: Texts, *, unfinished: str | None = None) -> go.Figure:
    """Draw seconds from deadline to credit on a log scale, under the promise of ten minutes."""
    dates = [day["on"] for day in days]
    figure = go.Figure()
    for key, color, dash in (
        ("credit_seconds_p50", TEAL, "solid"),
        ("credit_seconds_p99", INDIGO, "solid"),
        ("credit_seconds_max", GOLD, "dot"),
    ):
        figure.add_traces(
            day_lines(
                t(f"chart.{key}"),
                dates,
                scaled(days, key, 1),
                color,
                unfinished=unfinished,
                dash=dash,
                hovertemplate="%{y:,.0f} s",
            )
        )
    styled(figure)
    figure.add_hline(y=PROMISE_SECONDS, line={"color": ORANGE, "width": 1.2, "dash": "dash"})
    figure.add_annotation(
        text=t("chart.promise"),
        x=1,
        xref="paper",
        xanchor="right",
        y=math.log10(PROMISE_SECONDS),
        yanchor="bottom",
        showarrow=False,
        font={"color": SLATE, "size": 11},
    )
    figure.update_xaxes(**day_axis(dates))
    figure.update_yaxes(
        type="log",
        range=[-0.15, 3.2],
        tickvals=[1, 10, 60, PROMISE_SECONDS],
        ticktext=["1 s", "10 s", "1 min", "10 min"],
    )
    return figure
