"""Slots of an account's quota: evenly spaced, shared by all workers, not far ahead."""

import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import text

from domain import clock
from domain.config import settings
from domain.database import transaction
from domain.payments import quotas
from domain.payments.quotas import (
    AHEAD,
    PROBE_EVERY,
    Key,
    Shortage,
    end_shortage,
    find_shortages,
    mark_short,
    take_probe,
    take_slots,
)
from launcher.addresses import DatabaseUrls
from tests.concurrency.racing import rewrite
from tests.factories.gateway_accounts import make_gateway_account
from tests.factories.merchants import make_merchant

pytestmark = pytest.mark.transactional

NOON = datetime(2026, 5, 1, 4, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def account(fresh_database: DatabaseUrls, monkeypatch: pytest.MonkeyPatch) -> Key:
    monkeypatch.setenv("PINBU_REFUNDS_PER_SECOND", "40")
    settings.cache_clear()
    with transaction() as session:
        merchant = make_merchant(session)
        made = make_gateway_account(session, merchant.id)
        return (merchant.id, made.id)


def take(account: Key, wanted: int) -> list[datetime]:
    with transaction() as session:
        return take_slots(session, account, "refund", wanted=wanted)


def set_rate(account: Key, per_second: int) -> None:
    statement = text(
        "UPDATE gateway_quotas SET per_second = :n WHERE gateway_account_id = :id"
        " AND operation = 'refund'"
    )
    with transaction() as session:
        session.execute(statement, {"n": per_second, "id": account[1]})


def most_in_a_second(slots: Sequence[datetime]) -> int:
    """Return the largest number of slots that lie within less than a second."""
    ordered = sorted(slots)
    return max(sum(1 for at in ordered if first <= at < first + SECOND) for first in ordered)


def test_slots_are_evenly_spaced_over_takes(account: Key) -> None:
    slots = take(account, 4) + take(account, 4)

    assert {b - a for a, b in pairwise(slots)} == {timedelta(milliseconds=25)}


def test_slots_are_not_more_than_half_a_second_ahead(account: Key) -> None:
    before = clock.real_now()

    slots = take(account, 100)

    assert len(slots) == 20
    assert slots[-1] < before + AHEAD + timedelta(milliseconds=200)
    assert all(later > slots[-1] for later in take(account, 100))


def test_account_has_the_rate_it_was_given(account: Key) -> None:
    set_rate(account, 8)

    first, second, *_ = take(account, 100)

    assert second - first == timedelta(milliseconds=125)


def test_rate_that_does_not_divide_a_second_is_never_exceeded(account: Key) -> None:
    set_rate(account, 3)

    first, second = take(account, 2)

    assert second - first == timedelta(microseconds=333_334)


def test_unused_slots_are_not_saved_up(account: Key) -> None:
    take(account, 1)
    time.sleep(0.2)

    before = clock.real_now()
    slots = take(account, 20)

    assert slots[0] >= before
    assert most_in_a_second(slots) <= 40


def test_slots_of_a_transaction_that_was_rolled_back_are_given_out_again(account: Key) -> None:
    def fail() -> None:
        with transaction() as session:
            take_slots(session, account, "refund", wanted=20)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert len(take(account, 20)) == 20


def test_next_slot_a_wrong_clock_left_hours_away_is_ignored(account: Key) -> None:
    with transaction() as session:
        session.execute(text("UPDATE gateway_quotas SET next_at = now() + interval '3 hours'"))

    assert take(account, 1)[0] < clock.real_now() + SECOND


def test_operations_of_an_account_do_not_share_slots(account: Key) -> None:
    take(account, 100)

    with transaction() as session:
        assert len(take_slots(session, account, "transfer", wanted=10)) == 10


def racing(account: Key, workers: int, seconds: float) -> list[datetime]:
    """Have workers take slots as fast as they can; returns all slots they were given."""
    found: list[list[datetime]] = [[] for _ in range(workers)]
    start = threading.Barrier(workers)

    def work(number: int) -> None:
        start.wait()
        ends_at = time.monotonic() + seconds
        while time.monotonic() < ends_at:
            found[number] += take(account, 3)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(found)
    return [at for slots in found for at in slots]


RACED = 40
"""Slots a second: few enough for a busy machine to ask for more."""


@pytest.mark.parametrize("workers", [2, 4])
def test_racing_workers_never_exceed_the_rate_together(account: Key, workers: int) -> None:
    set_rate(account, RACED)

    slots = racing(account, workers, 1.5)

    assert len(set(slots)) == len(slots)
    assert most_in_a_second(slots) <= RACED
    assert len(slots) >= RACED


def test_racing_workers_exceed_the_rate_where_nothing_is_written(
    account: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_rate(account, RACED)
    rewrite(monkeypatch, quotas, "_TAKE", "SET next_at = t.starts_at", "SET next_at = q.next_at")
    rewrite(monkeypatch, quotas, "_TAKE", "+ t.slots * t.spacing * interval '1 microsecond'", "")

    assert most_in_a_second(racing(account, 2, 0.5)) > RACED


def test_short_account_is_probed_once_a_minute(account: Key) -> None:
    with transaction() as session:
        assert find_shortages(session, [account], "refund") == {}
        assert not take_probe(session, account, "refund", at=NOON)

        mark_short(session, account, "refund", at=NOON)
        mark_short(session, account, "refund", at=NOON + SECOND)

        found = find_shortages(session, [account], "refund")
        assert found == {account: Shortage(NOON, NOON + SECOND + PROBE_EVERY)}
        assert find_shortages(session, [account], "transfer") == {}
        assert not take_probe(session, account, "refund", at=NOON + MINUTE)
        assert take_probe(session, account, "refund", at=NOON + SECOND + MINUTE)
        assert not take_probe(session, account, "refund", at=NOON + 2 * MINUTE)
        assert take_probe(session, account, "refund", at=NOON + SECOND + 2 * MINUTE)


def test_shortage_ends_once(account: Key) -> None:
    with transaction() as session:
        marked = mark_short(session, account, "transfer", at=NOON)

        assert end_shortage(session, account, "transfer") == marked
        assert end_shortage(session, account, "transfer") is None
        assert find_shortages(session, [account], "transfer") == {}


def test_two_workers_send_one_probe(account: Key) -> None:
    with transaction() as session:
        mark_short(session, account, "refund", at=NOON)
    start = threading.Barrier(2)
    sent: list[bool] = []

    def probe() -> None:
        start.wait()
        with transaction() as session:
            sent.append(take_probe(session, account, "refund", at=NOON + MINUTE))

    threads = [threading.Thread(target=probe) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(sent) == [False, True]
