"""A random amount is what the keyed hash of its order gives: the same again, uniform, secret."""

import pytest

from domain.config import settings
from domain.subsidies.drawing import draw

ORDERS = [f"order{number}" for number in range(12_000)]


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINBU_SEALING_KEY", "a" * 43 + "=")
    settings.cache_clear()


def test_draw_is_repeated_alike() -> None:
    assert [draw("order7", least=100, most=900) for _ in range(3)] == [
        draw("order7", least=100, most=900)
    ] * 3


def test_draws_stay_in_range_and_in_steps() -> None:
    drawn = {draw(order, least=200, most=260, step=20) for order in ORDERS[:500]}

    assert drawn == {200, 220, 240, 260}


def test_draws_are_uniform() -> None:
    """Chi-squared with 11 degrees of freedom: 31.3 is passed once in a thousand keys."""
    counts = [0] * 12
    for order in ORDERS:
        counts[draw(order, least=0, most=11)] += 1

    assert sum((count - 1000) ** 2 / 1000 for count in counts) < 31.3


def test_another_key_draws_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    first = [draw(order, least=0, most=10_000) for order in ORDERS[:20]]
    monkeypatch.setenv("PINBU_SEALING_KEY", "b" * 43 + "=")
    settings.cache_clear()

    assert [draw(order, least=0, most=10_000) for order in ORDERS[:20]] != first


@pytest.mark.parametrize(("least", "most", "step"), [(2, 1, 1), (0, 5, 0), (0, 5, 2)])
def test_range_that_cannot_be_drawn_from_is_refused(least: int, most: int, step: int) -> None:
    with pytest.raises(ValueError, match="range"):
        draw("order", least=least, most=most, step=step)
