"""How many chunks of a herd are settled at once is limited, for the shoppers' comfort."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from domain.config import settings
from domain.database import transaction
from domain.settlement import turns
from domain.settlement.turns import take_turn
from launcher.addresses import DatabaseUrls
from tests.concurrency.racing import race

pytestmark = pytest.mark.transactional


@pytest.fixture
def at_once(crowd: DatabaseUrls, monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], int]:
    """Return a function that says how many of so many had a turn at the same time."""

    def measure(most: int, takers: int) -> int:
        limited = replace(settings(), settle_at_once=most)
        monkeypatch.setattr(turns, "settings", lambda: limited)
        working, peak, lock = 0, 0, threading.Lock()

        def work() -> None:
            nonlocal working, peak
            with transaction() as session:
                take_turn(session)
                with lock:
                    working += 1
                    peak = max(peak, working)
                time.sleep(0.1)
                with lock:
                    working -= 1

        race([work] * takers)
        return peak

    return measure


def test_no_more_work_at_once_than_there_are_turns(at_once: Callable[[int, int], int]) -> None:
    assert at_once(1, 3) == 1
    assert at_once(2, 4) == 2


def test_without_a_limit_all_work_at_once(at_once: Callable[[int, int], int]) -> None:
    assert at_once(0, 3) == 3


def test_who_waited_for_long_goes_on(
    at_once: Callable[[int, int], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "PATIENCE_SECONDS", 0.02)

    assert at_once(1, 3) == 3
