"""The house style of every chart: colours, fonts, grid, hover and sizes.

Text and grid are half-transparent greys, so that one figure reads well on a light and a dark page.
"""

import math
from typing import Any

import plotly.graph_objects as go

from console.formats import tick_yuan

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
TICK_STEPS = 4
ROOM = 1.04


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


def day_lines(
    name: str,
    days: list[str],
    values: list[float | None],
    color: str,
    *,
    unfinished: str | None = None,
    **options: Any,
) -> list[go.Scatter]:
    """Draw a line by day; the way to a last day that has not ended is dashed, its point hollow."""
    if not days or days[-1] != unfinished or values[-1] is None:
        return [line(name, days, values, color, **options)]
    done = line(name, days, [*values[:-1], None], color, **options)
    rest = line(name, days, [None] * (len(days) - 1) + values[-1:], color, **options)
    if len(days) > 1 and values[-2] is not None:
        rest.y = [None] * (len(days) - 2) + values[-2:]
        rest.hoverinfo = ["skip"] * (len(days) - 1) + ["all"]
    is_alone = all(value is None for value in values[:-1])
    rest.update(
        mode="lines+markers",
        line={"dash": "dash", "width": 1.8},
        marker={"symbol": "circle-open", "size": [0] * (len(days) - 1) + [7]},
        showlegend=is_alone,
        legendgroup=name,
    )
    done.update(legendgroup=name, showlegend=None if not is_alone else False)
    return [done, rest]


def day_bars(days: list[str], color: str, unfinished: str | None) -> dict[str, Any]:
    """Describe the bars of days: that of a day which has not ended is hatched."""
    shapes = ["/" if day == unfinished else "" for day in days]
    return {"color": color, "pattern": {"shape": shapes, "fillmode": "overlay", "size": 6}}


def money_axis(values_yuan: list[float | None], language: str) -> dict[str, Any]:
    """Describe an axis of yuan from 0 to at least 10, with five round ticks."""
    top = _round_top(max([10.0, *(value for value in values_yuan if value is not None)]))
    ticks = [top * step / TICK_STEPS for step in range(TICK_STEPS + 1)]
    return {
        "range": [0, top * ROOM],
        "tickvals": ticks,
        "ticktext": [tick_yuan(value, language) for value in ticks],
    }


def percent_axis(values: list[float | None] | None = None) -> dict[str, Any]:
    """Describe an axis of percent from 0 to 100.

    Given the values of a share that is small by nature, it ends at 20 or 40 where they fit.
    """
    largest = max((value for value in values or [] if value is not None), default=0.0)
    tops = (100.0,) if values is None else (20.0, 40.0, 100.0)
    top = next((one for one in tops if largest <= one), None) or _round_top(largest)
    ticks = [top * step / TICK_STEPS for step in range(TICK_STEPS + 1)]
    return {
        "range": [0, top * ROOM],
        "tickvals": ticks,
        "ticktext": [f"{value:g}%" for value in ticks],
    }


def _round_top(value: float) -> float:
    """Return the least 4 × (1, 2, 2.5 or 5) × a power of ten that is not below a value."""
    power = 10.0 ** math.floor(math.log10(value / TICK_STEPS))
    steps = (power * step for step in (1, 2, 2.5, 5, 10))
    return next(TICK_STEPS * step for step in steps if TICK_STEPS * step >= value)


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
