"""Large histories by set-based SQL: the one builder.

What it writes is what the product would have written: all constraints hold, and so does the audit.
It connects as the tables' owner, because triggers that start and record each move must stay silent
while whole histories are written; it writes the moves itself.
"""

from bench.history.building import build_past, build_running, build_shoppers
from bench.history.plans import Herd, Past, Place

__all__ = ["Herd", "Past", "Place", "build_past", "build_running", "build_shoppers"]
