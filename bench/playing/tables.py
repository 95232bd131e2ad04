"""Plain-text tables whose columns line up, Chinese characters counted as two."""

import unicodedata
from collections.abc import Sequence

GAP = "  "


def width_of(text: str) -> int:
    """Return how many columns a terminal uses for a text."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def draw_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Draw a table; the first column to the left, the others to the right."""
    widths = [max(map(width_of, column)) for column in zip(header, *rows, strict=True)]
    rule = "-" * (sum(widths) + len(GAP) * (len(widths) - 1))
    lines = [_line(header, widths), rule, *(_line(row, widths) for row in rows)]
    return "\n".join(lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cell + " " * (width - width_of(cell))
        if column == 0
        else " " * (width - width_of(cell)) + cell
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return GAP.join(padded).rstrip()
