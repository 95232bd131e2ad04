"""How a figure moved against the period before, and when that is noise."""

from dataclasses import dataclass
from math import sqrt
from typing import Literal

Kind = Literal["count", "fen", "bps", "milli"]
FLAT_BPS = 10
FLAT_MILLI = 10
FLAT_SHARE = 0.005


FEW = 30
"""Closed groups below which a success rate is shown as uncertain."""
Z_OF_95_PERCENT = 1.959964


@dataclass(frozen=True)
class Change:
    """A movement: its size in its own unit, and whether it is more than noise."""

    text: str
    is_flat: bool


def compare(now: int | None, before: int | None, kind: Kind) -> Change | None:
    """Compare two values of one unit; None where either is missing or nothing can be said.

    Ratios move by percentage points or by their own unit, amounts by percent.
    """
    if now is None or before is None:
        return None
    moved = now - before
    if kind == "bps":
        return Change(f"{moved / 100:+.1f} pp", abs(moved) < FLAT_BPS)
    if kind == "milli":
        return Change(f"{moved / 1000:+.2f}", abs(moved) < FLAT_MILLI)
    if before == 0:
        return None
    return Change(f"{moved / before:+.1%}", abs(moved) < FLAT_SHARE * abs(before))


def likely_range(part: int, whole: int) -> tuple[int, int]:
    """Return the bounds, in basis points, that a rate seen as part of whole has with 95 %.

    Wilson's score interval (E. B. Wilson, 1927): sound for few trials, and never beyond 0 or 1.
    """
    share, z2 = part / whole, Z_OF_95_PERCENT**2
    center = share + z2 / (2 * whole)
    spread = Z_OF_95_PERCENT * sqrt(share * (1 - share) / whole + z2 / (4 * whole**2))
    scale = 1 + z2 / whole
    return round(10_000 * (center - spread) / scale), round(10_000 * (center + spread) / scale)
