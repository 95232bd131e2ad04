import pytest

from console.comparing import Change, Kind, compare, likely_range


@pytest.mark.parametrize(
    ("kind", "now", "before", "change"),
    [
        ("bps", 6160, 6060, Change("+1.0 pp", is_flat=False)),
        ("bps", 6060, 6160, Change("-1.0 pp", is_flat=False)),
        ("bps", 6065, 6060, Change("+0.1 pp", is_flat=True)),
        ("milli", 1490, 1450, Change("+0.04", is_flat=False)),
        ("milli", 1450, 1451, Change("-0.00", is_flat=True)),
        ("count", 987, 1000, Change("-1.3%", is_flat=False)),
        ("count", 1004, 1000, Change("+0.4%", is_flat=True)),
        ("fen", 3000, 1500, Change("+100.0%", is_flat=False)),
    ],
)
def test_each_unit_moves_in_its_own_way(kind: Kind, now: int, before: int, change: Change) -> None:
    assert compare(now, before, kind) == change


@pytest.mark.parametrize(("now", "before"), [(None, 5), (5, None), (None, None), (5, 0)])
def test_nothing_is_said_where_there_is_nothing_to_compare(
    now: int | None, before: int | None
) -> None:
    assert compare(now, before, "count") is None


def test_a_rate_may_be_compared_with_zero() -> None:
    assert compare(200, 0, "bps") == Change("+2.0 pp", is_flat=False)


@pytest.mark.parametrize(
    ("part", "whole", "bounds"),
    [
        (0, 1, (0, 7935)),
        (1, 1, (2065, 10_000)),
        (2, 3, (2077, 9385)),
        (5, 10, (2366, 7634)),
        (600, 1000, (5693, 6299)),
    ],
)
def test_likely_range_is_wilsons(part: int, whole: int, bounds: tuple[int, int]) -> None:
    assert likely_range(part, whole) == bounds
