"""How a figure moved against the period before, and when that is noise."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["count", "fen", "bps", "milli"]
FLAT_BPS = 10
FLAT_MILLI = 10
FLAT_SHARE = 0.005


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
