import threading

import pytest

from api.micro_cache import MicroCache


class Clock:
    """Seconds that pass when told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_answer_is_kept_for_its_life() -> None:
    clock = Clock()
    cache: MicroCache[int] = MicroCache(life_seconds=1, now=clock)
    made = iter(range(10))

    first = cache.get("a", lambda: next(made))
    clock.now = 0.9
    second = cache.get("a", lambda: next(made))
    clock.now = 1.1
    third = cache.get("a", lambda: next(made))

    assert (first, second, third) == (0, 0, 1)


def test_one_renews_and_the_others_get_the_old_answer() -> None:
    clock = Clock()
    cache: MicroCache[str] = MicroCache(life_seconds=1, now=clock)
    cache.get("a", lambda: "old")
    clock.now = 2
    renewing, go_on = threading.Event(), threading.Event()

    def slowly() -> str:
        renewing.set()
        go_on.wait(5)
        return "new"

    renewer = threading.Thread(target=cache.get, args=("a", slowly))
    renewer.start()
    renewing.wait(5)
    meanwhile = cache.get("a", lambda: "mine")
    go_on.set()
    renewer.join()

    assert meanwhile == "old"
    assert cache.get("a", lambda: "mine") == "new"


def test_failure_is_not_kept() -> None:
    cache: MicroCache[int] = MicroCache(life_seconds=1, now=Clock())

    with pytest.raises(ZeroDivisionError):
        cache.get("a", lambda: 1 // 0)

    assert cache.get("a", lambda: 7) == 7


def test_memory_is_bounded() -> None:
    cache: MicroCache[int] = MicroCache(life_seconds=1, most_keys=2, now=Clock())

    for key in range(5):
        cache.get(key, lambda: 0)

    assert len(cache._kept) == 2
