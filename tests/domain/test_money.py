"""Money, and the points that stand for it."""

import pytest

from domain.money import point_fen


@pytest.mark.parametrize(
    ("per_yuan", "fen"), [(1, 100), (2, 50), (3, 100), (30, 10), (100, 1), (150, 2), (1000, 1)]
)
def test_points_are_whole_in_multiples_of_the_smallest_such_value(per_yuan: int, fen: int) -> None:
    assert point_fen(per_yuan) == fen
    assert all(n * fen * per_yuan % 100 == 0 for n in range(1, 20))
    assert not any(value * per_yuan % 100 == 0 for value in range(1, fen))
