"""The house style of every chart: colours, fonts, grid, hover and sizes.

Text and grid are half-transparent greys, so that one figure reads well on a light and a dark page.
"""

from typing import Any

import plotly.graph_objects as go

TEAL = "#12908e"
ORANGE = "#f0883e"
INDIGO = "#6b7ae8"
GOLD = "#d9a520"
SLATE = "#8b95a7"
COLORWAY = (TEAL, ORANGE, INDIGO, GOLD, "#d6527e", SLATE)
FONTS = (
    '"PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC",'
    ' "WenQuanYi Micro Hei", sans-serif'
)
INK = "#7b8494"
GRID = "rgba(128, 138, 154, 0.18)"
CLEAR = "rgba(0, 0, 0, 0)"
HEIGHT = 270
CONFIG = {"displayModeBar": False, "scrollZoom": False, "doubleClick": False}
TICKS = {"ticks": "outside", "ticklen": 5, "tickcolor": CLEAR}
EDGE = 0.35


def styled(figure: go.Figure, *, height: int = HEIGHT) -> go.Figure:
    """Give a figure the house style; axes it has already keep what they say themselves."""
    figure.update_layout(
        colorway=COLORWAY,
        font={"family": FONTS, "size": 12, "color": INK},
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        height=height,
        margin={"l": 8, "r": 8, "t": 34, "b": 8},
        hovermode="x unified",
        showlegend=len(figure.data) > 1 or None,
        hoverlabel={
            "bgcolor": "rgba(24, 30, 40, 0.94)",
            "bordercolor": CLEAR,
            "font": {"color": "#f2f4f7", "family": FONTS, "size": 12},
        },
        legend={
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1.02,
            "yanchor": "bottom",
            "traceorder": "normal",
        },
        bargap=0.32,
        dragmode=False,
        barcornerradius=3,
    )
    figure.update_xaxes(
        showgrid=False, zeroline=False, linecolor=GRID, automargin=True, fixedrange=True, **TICKS
    )
    figure.update_yaxes(
        gridcolor=GRID, zeroline=False, automargin=True, nticks=5, fixedrange=True, **TICKS
    )
    return figure


def day_axis(days: list[str]) -> dict[str, Any]:
    """Describe a category axis of ISO days that shows about six labels as month-day."""
    step = max(1, -(-len(days) // 6))
    shown = days[::step]
    return {
        "type": "category",
        "tickvals": shown,
        "ticktext": [day[5:] for day in shown],
        "range": [-EDGE - 0.15, len(days) - 1 + EDGE + 0.15],
    }


def line(
    name: str, days: list[str], values: list[float | None], color: str, **options: Any
) -> go.Scatter:
    """Draw a straight line; gaps stay gaps, and a point between two gaps stays visible."""
    dash = options.pop("dash", "solid")
    return go.Scatter(
        name=name,
        x=days,
        y=values,
        mode="lines+markers" if _has_lone_point(values) else "lines",
        line={"color": color, "width": 2 if dash == "solid" else 1.6, "dash": dash},
        marker={"color": color, "size": 6},
        connectgaps=False,
        **options,
    )


def scaled(days: list[dict[str, Any]], key: str, divisor: int) -> list[float | None]:
    """Return a figure of each day in its shown unit; null stays null."""
    return [None if day.get(key) is None else day[key] / divisor for day in days]


def _has_lone_point(values: list[float | None]) -> bool:
    """Tell whether a line alone would hide a value, because both its neighbours are missing."""
    padded = [None, *values, None]
    return any(
        here is not None and before is None and after is None
        for before, here, after in zip(padded, padded[1:], padded[2:], strict=False)
    )
