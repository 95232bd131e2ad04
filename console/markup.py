"""Small pieces of HTML that Streamlit has no element for; everything put in is escaped."""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import Any

TONES = {
    "draft": "grey", "upcoming": "blue", "running": "green",
    "published": "green", "paused": "amber", "ended": "grey", "archived": "grey",
    "pending": "grey", "open": "blue", "frozen": "violet", "closing": "amber", "formed": "green",
    "formed_short": "green", "failed": "red", "cancelled": "grey", "closed": "grey",
    "abandoned": "grey", "placed": "grey", "paid": "blue", "fulfilling": "green",
    "fulfilled": "green", "refunding": "amber", "refunded": "grey", "expired": "grey",
    "held": "amber", "taken": "blue", "releasing": "amber", "released": "grey",
    "decided": "blue", "scheduled": "blue", "issued": "green", "zero": "grey", "denied": "red",
    "clawed_back": "red", "requested": "blue", "sending": "blue", "accepted": "blue",
    "arrived": "green", "needs_funds": "red", "unknown": "amber", "rejected": "red",
    "abnormal": "red", "review": "amber", "block": "red", "amber": "amber", "red": "red",
}  # fmt: skip

SPARK_WIDTH = 160
SPARK_HEIGHT = 28
SPARK_INK = "#8b95a7"


def pill(text: str, code: str) -> str:
    """Write a coloured label; the colour says the state, the words say it too."""
    return f'<span class="pb-pill pb-{TONES.get(code, "grey")}">{escape(text)}</span>'


def seats(taken: int, held: int, size: int) -> str:
    """Draw a group's seats: full, half for held, empty; beyond ten as a bar."""
    words = f'<span class="pb-count">{taken}/{size}</span>'
    if size > 10:
        bar = meter([(taken, "teal"), (held, "amber")], size)
        return f'<span class="pb-seats">{bar}{words}</span>'
    dots = "".join(
        f'<i class="{"full" if seat < taken else "held" if seat < taken + held else "free"}"></i>'
        for seat in range(size)
    )
    return f'<span class="pb-seats"><span class="pb-dots">{dots}</span>{words}</span>'


def seats_of(group: Mapping[str, Any]) -> str:
    """Draw a group's seats; of one that ended, those that were paid when it did."""
    if group["paid_seats"] is not None:
        return seats(group["paid_seats"], 0, group["size"])
    return seats(group["taken"], group["held"] + group["releasing"], group["size"])


def meter(parts: Iterable[tuple[int, str]], whole: int) -> str:
    """Draw parts of a whole as a bar."""
    widths = "".join(
        f'<i class="pb-fill-{tone}" style="width:{min(100, 100 * value / whole):.2f}%"></i>'
        for value, tone in parts
        if whole > 0 and value > 0
    )
    return f'<span class="pb-meter">{widths}</span>'


def sparkline(values: Sequence[float | None], *, is_last_open: bool = False) -> str:
    """Draw values as a grey line without scale; days without a value stay gaps.

    The way to a last value that is not final yet is dashed. It is an image, because Streamlit
    takes drawings out of the HTML it is given.
    """
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return '<span class="pb-spark"></span>'
    low, high = min(known), max(known)
    step = SPARK_WIDTH / (len(values) - 1)
    points = [
        None
        if value is None
        else (place * step, SPARK_HEIGHT * (high - value) / ((high - low) or 1))
        for place, value in enumerate(values)
    ]
    lines = "".join(
        f'<polyline points="{_point(one)} {_point(other)}"'
        + (' stroke-dasharray="3 2.5"' if is_last_open and place == len(points) - 1 else "")
        + "/>"
        for place, (one, other) in enumerate(pairwise(points), start=1)
        if one is not None and other is not None
    )
    padded = [None, *points, None]
    dots = "".join(
        f'<polyline stroke-width="4" stroke-linecap="round"'
        f' points="{_point(here)} {_point(here)}"/>'
        for before, here, after in zip(padded, padded[1:], padded[2:], strict=False)
        if here is not None and before is None and after is None
    )
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{SPARK_WIDTH}" height="{SPARK_HEIGHT}"'
        f' viewBox="0 -2 {SPARK_WIDTH} {SPARK_HEIGHT + 4}" preserveAspectRatio="none">'
        f'<g fill="none" stroke="{SPARK_INK}" stroke-width="1.5">{lines}{dots}</g></svg>'
    )
    return (
        '<img class="pb-spark" alt="" src="data:image/svg+xml;base64,'
        f'{b64encode(svg.encode()).decode()}">'
    )


def _point(point: tuple[float, float]) -> str:
    return f"{point[0]:.1f},{point[1]:.1f}"


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Lay out names and values; a value may be markup made here."""
    rows = "".join(f"<div><dt>{escape(name)}</dt><dd>{value}</dd></div>" for name, value in pairs)
    return f'<dl class="pb-facts">{rows}</dl>'


def table(columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[str]]) -> str:
    """Write a table that becomes cards on a phone; a column is (title, "" or "num").

    Cells are markup made here or escaped by the caller.
    """
    head = "".join(f'<th class="{kind}">{escape(title)}</th>' for title, kind in columns)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td class="{kind}" data-label="{escape(title, quote=True)}">{cell}</td>'
            for (title, kind), cell in zip(columns, row, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return f'<table class="pb-table"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def timeline(steps: Iterable[tuple[str, str, str]]) -> str:
    """Write moves one under another: (time, label markup, note)."""
    rows = "".join(
        f"<li><time>{escape(at)}</time><span>{label}</span><em>{escape(note)}</em></li>"
        for at, label, note in steps
    )
    return f'<ol class="pb-timeline">{rows}</ol>'
