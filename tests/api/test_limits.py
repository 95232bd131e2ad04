import pytest

from api.limits import Limiter
from domain.errors import TooManyAttempts


class Clock:
    """Seconds that pass when told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def limiter(clock: Clock, **changes: int) -> Limiter:
    return Limiter(**{"burst": 3, "window_seconds": 60, **changes}, now=clock)


def test_burst_passes_and_then_it_stops() -> None:
    limit = limiter(Clock())
    for _ in range(3):
        limit.spend("a")

    with pytest.raises(TooManyAttempts) as stopped:
        limit.spend("a")

    assert stopped.value.details == {"retry_after_seconds": 20}


def test_attempts_come_back_with_time() -> None:
    clock = Clock()
    limit = limiter(clock)
    for _ in range(3):
        limit.spend("a")

    clock.now = 20.0
    limit.spend("a")

    with pytest.raises(TooManyAttempts):
        limit.spend("a")


def test_refused_attempts_cost_nothing() -> None:
    clock = Clock()
    limit = limiter(clock)
    for _ in range(3):
        limit.spend("a")
    for _ in range(50):
        with pytest.raises(TooManyAttempts):
            limit.spend("a")

    clock.now = 20.0

    limit.spend("a")


def test_keys_do_not_share() -> None:
    limit = limiter(Clock())
    for _ in range(3):
        limit.spend("a")

    limit.spend("b")


def test_forgotten_key_starts_anew() -> None:
    limit = limiter(Clock())
    for _ in range(3):
        limit.spend("a")

    limit.forget("a")

    limit.spend("a")


def test_memory_is_bounded_and_drops_the_oldest() -> None:
    limit = limiter(Clock(), most_keys=2)
    for _ in range(3):
        limit.spend("a")
    for key in ("b", "c"):
        limit.spend(key)

    limit.spend("a")

    assert len(limit._buckets) == 2
