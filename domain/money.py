"""Money: whole fen (1/100 yuan, CNY) in integers, ratios in basis points."""

from math import gcd
from typing import NewType

Fen = NewType("Fen", int)


def split(amount_fen: int, weights: list[int]) -> list[int]:
    """Split an amount by weights into whole fen that add up to it (largest remainders first)."""
    total = sum(weights)
    if total <= 0 or min(weights) < 0:
        raise ValueError("weights must be non-negative with a positive sum")
    shares = [amount_fen * weight // total for weight in weights]
    by_remainder = sorted(
        range(len(weights)), key=lambda i: (-(amount_fen * weights[i] % total), i)
    )
    for i in by_remainder[: amount_fen - sum(shares)]:
        shares[i] += 1
    return shares


def yuan(amount_fen: int) -> str:
    """Write fen as yuan for people: 1990 -> "19.9", 1000 -> "10"."""
    sign = "-" if amount_fen < 0 else ""
    whole, rest = divmod(abs(amount_fen), 100)
    return f"{sign}{whole}" if rest == 0 else f"{sign}{whole}.{rest:02d}".rstrip("0")


def point_fen(points_per_yuan: int) -> int:
    """Return the smallest value, in fen, that is whole points; its multiples are too."""
    return 100 // gcd(100, points_per_yuan)
