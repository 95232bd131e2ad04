"""What a check is: a name, the sentence that must be true, and the statement that finds breaches.

Statements are set-based and read one snapshot; each returns a row for every breach. Those of one
probe share the scan of a large table.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row


@dataclass(frozen=True, slots=True)
class Check:
    """One sentence that must be true; `invariant` is its number in the product rules, section 9.

    One that `is_clock` says that people were served in time: what breaks it is late for ever, and
    no fault of the books.
    """

    name: str
    invariant: int
    sentence: str
    is_clock: bool = False


@dataclass(frozen=True, slots=True)
class Probe:
    """Checks that one statement decides: it returns (name, key) for each breach.

    `key` tells a person which row is meant. Where SQL cannot judge, `is_so` does: the statement
    then returns every row that the one check is about, and those that are not so are breaches. A
    probe that `needs_rest` may only be asked once all
    queues are drained; its statement may use `:at`, the business instant.
    """

    checks: tuple[Check, ...]
    statement: str
    needs_rest: bool = False
    is_so: Callable[[Row[Any]], bool] | None = None


def probe(check: Check, finds: str, *, needs_rest: bool = False) -> Probe:
    """Build the probe of one check from a statement that returns a column `key`."""
    statement = f"SELECT '{check.name}' AS name, key FROM ({finds}) AS breaches"  # noqa: S608
    return Probe((check,), statement, needs_rest)


def listed(values: Iterable[str]) -> str:
    """Write constants as an SQL list: `'paid', 'fulfilling'`."""
    return ", ".join(f"'{value}'" for value in values)


def rows_of(tuples: Iterable[tuple[str, ...]]) -> str:
    """Write tuples of constants as the rows of VALUES."""
    return ", ".join(f"({listed(values)})" for values in tuples)
