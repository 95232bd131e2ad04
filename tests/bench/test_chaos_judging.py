from bench.chaos.drawing import Fault, Kind
from bench.chaos.injecting import Struck
from bench.chaos.judging import Asked, judge_strikes


def struck(kind: Kind, seconds: float | None) -> Struck:
    return Struck(Fault(1, kind), 0.0, recovery_seconds=seconds)


def test_all_that_was_asked_for_and_in_time_is_right() -> None:
    assert judge_strikes([struck(Kind.WORKER_BOTH, 20.0)], Asked(1, 5), settled=5) == []


def test_late_and_missing_recoveries_are_wrong() -> None:
    wrong = judge_strikes(
        [struck(Kind.WORKER_BOTH, 20.1), struck(Kind.POSTGRES, None), struck(Kind.POSTGRES, 29.0)],
        Asked(3, 0),
        settled=0,
    )

    assert [sentence.split(":")[0] for sentence in wrong] == [
        "fault 1 (worker_both)",
        "fault 1 (postgres)",
    ]


def test_fewer_kills_or_settlements_than_asked_for_are_wrong() -> None:
    assert judge_strikes([], Asked(1, 5), settled=4) == [
        "0 kills, 1 were asked for",
        "4 settlements, 5 were asked for",
    ]
