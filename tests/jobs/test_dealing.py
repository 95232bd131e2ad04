"""A herd of one merchant does not hold up the work of the others."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from domain import work
from domain.database import transaction
from domain.work import Lease
from launcher.addresses import DatabaseUrls
from tests.factories.merchants import make_merchant

pytestmark = pytest.mark.transactional

KIND = "settle_group"
NOW = datetime(2026, 5, 1, 16, tzinfo=UTC)
HERD, OTHERS, EACH = 600, 4, 100


@pytest.fixture
def merchants(fresh_database: DatabaseUrls) -> list[int]:
    """Five merchants: the first is first in line with 60 % of a herd."""
    with transaction() as session:
        ids = [make_merchant(session).id for _ in range(1 + OTHERS)]
        for merchant_id, count in zip(ids, [HERD, *[EACH] * OTHERS], strict=True):
            rows = [(merchant_id, n) for n in range(1, count + 1)]
            work.put(session, KIND, rows, due_at=NOW)
    return ids


def take(*, limit: int = 100, at: datetime = NOW, but_not: tuple[int, ...] = ()) -> list[Lease]:
    with transaction() as session:
        leases = work.claim(session, KIND, limit=limit, at=at, but_not=but_not)
        work.finish(session, leases)
    return leases


def test_each_merchant_has_its_part_of_a_chunk(merchants: list[int]) -> None:
    taken = Counter(lease.merchant_id for lease in take())

    assert sum(taken.values()) == 100
    assert all(taken[merchant_id] >= 10 for merchant_id in merchants)


def test_the_others_are_done_before_the_herd(merchants: list[int]) -> None:
    done: Counter[int] = Counter()
    last: dict[int, int] = {}
    chunk = 0
    while leases := take():
        chunk += 1
        for lease in leases:
            done[lease.merchant_id] += 1
            last[lease.merchant_id] = chunk

    assert [done[m] for m in merchants] == [HERD, *[EACH] * OTHERS]
    assert chunk == 10
    assert all(last[m] <= last[merchants[0]] for m in merchants)


def test_work_is_dealt_once(merchants: list[int]) -> None:
    keys: list[tuple[int, int]] = []
    while leases := take(limit=70):
        keys.extend(lease.subject for lease in leases)

    assert len(keys) == len(set(keys)) == HERD + OTHERS * EACH


def test_nothing_is_dealt_before_it_is_due(merchants: list[int]) -> None:
    assert take(at=NOW - timedelta(seconds=1)) == []


def test_merchants_left_out_are_dealt_nothing(merchants: list[int]) -> None:
    taken = {lease.merchant_id for lease in take(but_not=(merchants[0], merchants[1]))}

    assert taken == set(merchants[2:])


def test_merchants_between_them_that_wait_for_nothing_yet_do_not_hide_the_others(
    merchants: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The walk begins at the herd, and what is last in line is last by age."""
    monkeypatch.setattr("secrets.randbelow", lambda _: 1)
    a_second_later = NOW + timedelta(seconds=1)
    with transaction() as session:
        between = [make_merchant(session).id for _ in range(80)]
        last = make_merchant(session).id
        work.put(session, KIND, [(m, 1) for m in between], due_at=NOW + timedelta(days=1))
        work.put(session, KIND, [(last, 1)], due_at=a_second_later)

    assert last in {lease.merchant_id for lease in take(limit=20, at=a_second_later)}


def lose_workers_of(*, subject: int) -> None:
    """Let the workers of a row have died twice, whoever's it is."""
    with transaction() as session:
        session.execute(
            text("UPDATE work_rows SET lapses = 2 WHERE subject_id = :subject"),
            {"subject": subject},
        )


def test_rows_whose_workers_died_have_a_turn_within_a_herd(
    merchants: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_workers_of(subject=1)
    monkeypatch.setattr("secrets.randbelow", lambda _: 0)

    alone = take()

    assert [lease.subject_id for lease in alone] == [1]


def test_rows_whose_workers_died_are_in_no_chunk(
    merchants: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_workers_of(subject=1)
    monkeypatch.setattr("secrets.randbelow", lambda _: 1)

    taken = [take(limit=500) for _ in range(8)]

    assert all(len(leases) == 1 for leases in taken if 1 in {o.subject_id for o in leases})
    assert sum(map(len, taken)) == HERD + OTHERS * EACH
