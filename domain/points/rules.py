"""What points are worth, and out of which lots they are spent. Pure."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple


class Lot(NamedTuple):
    """What is left of a lot, in fen."""

    id: int
    left_fen: int


def points_of(value_fen: int, points_per_yuan: int) -> int:
    """Return how many points a value in fen is."""
    return value_fen * points_per_yuan // 100


def take(lots: Sequence[Lot], amount_fen: int) -> Iterator[tuple[int, int]]:
    """Take an amount out of lots in their order; yields (lot id, fen).

    Raises ValueError if the lots hold less.
    """
    for lot in lots:
        if amount_fen == 0:
            return
        part = min(lot.left_fen, amount_fen)
        if part:
            yield lot.id, part
            amount_fen -= part
    if amount_fen:
        raise ValueError("the lots hold less than that")
