import threading
import time
from collections.abc import Callable

import psycopg
import pytest

from bench.chaos.recovery import QUIET_SECONDS, Finishing, Freed, Recovery

Rows = list[tuple[object, ...]]


class Database:
    """Answers one question after the other; an error is raised."""

    def __init__(self, *answers: Rows | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[object, ...]] = []

    def ask(self, _statement: str, *values: object) -> Rows:
        self.asked.append(values)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def clock(*seconds: float) -> Callable[[], float]:
    told = iter(seconds)
    return lambda: next(told)


def finishing(
    *counts: tuple[int, int] | Exception, at: tuple[float, ...] = (0.0,) * 9
) -> Finishing:
    answers = [[count] if isinstance(count, tuple) else count for count in counts]
    return Finishing(Database(*answers).ask, "settle", read_seconds=clock(*at))


def test_work_that_was_done_before_the_first_answer_does_not_count() -> None:
    question = finishing((7, 3), (7, 3), (8, 2))

    assert [question(), question(), question()] == [False, False, True]


def test_what_is_done_while_the_database_is_away_does_not_count() -> None:
    question = finishing(psycopg.OperationalError(), (9, 1), (9, 1))

    assert [question(), question(), question()] == [False, False, False]


def test_queue_is_at_rest_when_nothing_is_due_for_a_while() -> None:
    question = finishing((7, 0), (7, 0), (7, 0), at=(0.0, QUIET_SECONDS - 0.1, QUIET_SECONDS))

    assert [question(), question(), question()] == [False, False, True]


def test_work_in_between_begins_the_quiet_anew() -> None:
    at = (0.0, 1.0, QUIET_SECONDS, QUIET_SECONDS + 0.1)
    question = finishing((7, 0), (7, 1), (7, 0), (7, 0), at=at)

    assert [question() for _ in range(4)] == [False] * 4


def test_database_that_was_away_in_between_begins_the_quiet_anew() -> None:
    question = finishing(
        (7, 0), psycopg.OperationalError(), (7, 0), at=(0.0, QUIET_SECONDS, QUIET_SECONDS)
    )

    assert [question() for _ in range(3)] == [False] * 3


def test_rows_are_free_when_none_of_those_first_seen_is_leased_as_it_was() -> None:
    rows: Rows = [(1, 11, 1), (2, 22, 5)]
    database = Database(rows, [(2,)], [(1,)], [(0,)])
    question = Freed(database.ask, ["settle", "gateway"])

    assert [question(), question(), question()] == [False, False, True]
    assert database.asked[-1] == ([1, 2], [11, 22], [1, 5])


def test_where_no_row_was_leased_none_is_waited_for() -> None:
    assert Freed(Database([]).ask, ["settle"])()


def test_rows_are_not_free_while_nobody_can_tell() -> None:
    question = Freed(Database(psycopg.OperationalError(), [(1, 2, 3)], [(1,)]).ask, ["settle"])

    assert [question(), question()] == [False, False]


def test_recovery_takes_as_long_as_the_last_of_its_questions() -> None:
    answers = iter((False, False, True))
    questions = {"at once": lambda: True, "later": lambda: next(answers)}
    recovery = Recovery(questions, since=time.monotonic())

    took = recovery.wait(threading.Event())

    assert took == recovery.seconds["later"] > recovery.seconds["at once"]


def test_recovery_that_does_not_come_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.chaos.recovery.PATIENCE_SECONDS", 0.0)

    assert Recovery({"never": lambda: False}, since=0.0).wait(threading.Event()) is None
