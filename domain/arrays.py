"""Arrays for set-based statements, as PostgreSQL literals: `CAST(:ids AS bigint[])` reads them.

Building the literal here is several times faster than the driver's dumper for lists.
"""

from collections.abc import Iterable
from datetime import date


def array(values: Iterable[int | date | str]) -> str:
    """Write numbers, dates or plain words (no commas, quotes, braces) as an array literal."""
    return "{" + ",".join(map(str, values)) + "}"
