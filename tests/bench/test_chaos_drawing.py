from collections import Counter

from bench.chaos.drawing import OF_WORKERS, WEIGHTS, WORKERS, Kind, draw_faults
from domain.work import LEASE_SECONDS


def test_same_seed_draws_the_same_faults() -> None:
    assert draw_faults(50, 7) == draw_faults(50, 7)
    assert draw_faults(50, 7) != draw_faults(50, 8)


def test_two_hundred_faults_are_of_every_kind() -> None:
    for seed in range(20):
        assert {fault.kind for fault in draw_faults(200, seed)} == set(WEIGHTS)


def test_ten_faults_are_of_ten_kinds() -> None:
    for seed in range(20):
        counts = Counter(fault.kind for fault in draw_faults(10, seed))
        assert (len(counts), max(counts.values())) == (10, 1)


def test_weighty_kinds_come_more_often() -> None:
    counts = Counter(fault.kind for fault in draw_faults(5000, 1))

    assert counts[Kind.WORKER_CHILD] > 2 * counts[Kind.RESTART]


def test_faults_have_what_they_need() -> None:
    for fault in draw_faults(500, 3):
        if fault.kind in OF_WORKERS:
            assert fault.target in WORKERS
        if fault.kind is Kind.PAUSE:
            assert fault.seconds > LEASE_SECONDS
        if fault.kind in (Kind.DELAY, Kind.CUT, Kind.DOWN, Kind.GATEWAY):
            assert fault.seconds > 0
            assert fault.target
