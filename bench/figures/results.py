"""What a figure is, and how it is told: one JSON object a line."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Figure:
    """A measured value, its unit, and the reference it stands against."""

    figure: str
    value: float
    unit: str
    vs: dict[str, Any]
    more: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """Write the figure."""
        told = {
            "figure": self.figure,
            "value": self.value,
            "unit": self.unit,
            "vs": self.vs,
            **self.more,
        }
        return json.dumps(told, ensure_ascii=False)


def median(values: Sequence[float], digits: int = 3) -> float:
    """Return the median, rounded."""
    return round(statistics.median(values), digits)


def spread(values: Sequence[float], digits: int = 3) -> list[float]:
    """Return the smallest and the largest, rounded."""
    return [round(min(values), digits), round(max(values), digits)]
