"""Work that keeps failing is parked after five tries, and blocks nobody meanwhile."""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.errors import LockNotAvailable
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError

from domain import work
from domain.checkout import settling
from domain.checkout.settling import fold_campaigns, release_due_holds, settle_due_groups
from domain.database import transaction
from launcher.addresses import DatabaseUrls
from tests.concurrency.arena import DAY, Arena
from tests.concurrency.racing import as_owner
from tests.factories.campaigns import make_campaign

pytestmark = pytest.mark.transactional

LAPSE = text(
    "UPDATE work_rows SET leased_until = now() - interval '1 second' WHERE state = 'leased'"
)
SETTLING = """
    SELECT w.state, w.attempts, w.error FROM work_rows w JOIN groups g ON g.id = w.subject_id
    WHERE w.kind = 'settle_group' AND g.public_id = :v
"""
WALLETLESS = "DELETE FROM ledger_accounts WHERE kind = 'wallet' AND owner_id = {}"
UNCOUNTED = "UPDATE shopper_days SET participations = 0 WHERE shopper_id = {}"
UNCOMMITTED = "UPDATE campaigns SET committed_fen = 0 WHERE id = {}"
WALLET = (
    "INSERT INTO ledger_accounts (merchant_id, kind, owner_id, balance_fen)"
    " VALUES ({}, 'wallet', {}, 0)"
)


@pytest.fixture
def poison(crowd: DatabaseUrls, arena: Arena) -> str:
    """A group whose leader's wallet is gone: it can never be credited."""
    group_id = arena.opened(arena.start)
    as_owner(crowd, WALLETLESS.format(arena.group(group_id)["leader_id"]))
    return group_id


def tries(arena: Arena, count: int) -> datetime:
    """Look again and again, each time when what failed is due again; returns the last instant."""
    at = arena.start + DAY
    for _ in range(count):
        settle_due_groups(at=at)
        at += timedelta(minutes=1)
    return at


def test_poison_in_a_chunk_is_isolated(arena: Arena, poison: str) -> None:
    before = [arena.opened(arena.start) for _ in range(2)]

    looked_at = settle_due_groups(at=arena.start + DAY)

    assert looked_at == 3
    assert [arena.group(group)["state"] for group in before] == ["failed"] * 2
    assert arena.group(poison)["state"] == "open"
    [(state, attempts, error)] = arena.rows(SETTLING, poison)
    assert (state, attempts) == ("due", 1)
    assert "must sum to zero" in error


def test_failing_work_waits_longer_each_time(arena: Arena, poison: str) -> None:
    at = arena.start + DAY
    waits = []

    for _ in range(4):
        settle_due_groups(at=at)
        due_at = arena.one("SELECT due_at FROM work_rows WHERE kind = 'settle_group'")
        waits.append((due_at - at).total_seconds())
        at = due_at

    assert waits == [2, 4, 8, 16]


def test_poison_is_parked_after_five_tries_and_blocks_nobody(arena: Arena, poison: str) -> None:
    at = tries(arena, 5)
    [(state, attempts, error)] = arena.rows(SETTLING, poison)
    assert (state, attempts) == ("parked", 5)
    assert "must sum to zero" in error
    other = arena.opened(arena.start)

    assert settle_due_groups(at=at) == 1
    assert arena.group(other)["state"] == "failed"
    assert arena.group(poison)["state"] == "open"


def test_failing_work_logs_no_parameters(
    arena: Arena, poison: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Parameters are amounts, addresses and answers: they belong in no log."""
    settle_due_groups(at=arena.start + DAY)

    assert "must sum to zero" in caplog.text
    assert "[parameters:" not in caplog.text


def test_parked_work_is_taken_up_again_once_it_is_mended(
    crowd: DatabaseUrls, arena: Arena, poison: str
) -> None:
    at = tries(arena, 5)
    as_owner(crowd, WALLET.format(arena.merchant_id, arena.group(poison)["leader_id"]))
    assert settle_due_groups(at=at) == 0

    with transaction() as session:
        assert work.unpark(session, "settle_group", [arena.group_key(poison)], due_at=at) == 1

    assert settle_due_groups(at=at) == 1
    assert arena.group(poison)["state"] == "failed"
    assert arena.rows(SETTLING, poison) == [("done", 1, None)]
    arena.assert_sound(at)


def test_waiting_does_not_count_as_failing(arena: Arena) -> None:
    """A group whose last seat is releasing is looked at eight times in its two minutes."""
    group_id = arena.opened(arena.start)
    arena.joined(group_id, arena.start)
    deadline = arena.start + DAY
    order = arena.join(arena.shopper(), group_id, deadline - timedelta(minutes=2))
    number = arena.add_payment(order, deadline - timedelta(minutes=2))

    for seconds in range(0, 120, 15):
        settle_due_groups(at=deadline + timedelta(seconds=seconds))
        assert arena.rows(SETTLING, group_id) == [("due", 0, None)]

    arena.ask(number, deadline + timedelta(seconds=110))
    settle_due_groups(at=deadline + timedelta(minutes=2))
    assert arena.group(group_id)["state"] == "failed"


def test_hold_that_cannot_be_released_does_not_keep_the_others(
    crowd: DatabaseUrls, arena: Arena
) -> None:
    shoppers = arena.shoppers(3)
    for shopper in shoppers:
        arena.open(shopper, arena.start)
    as_owner(crowd, UNCOUNTED.format(shoppers[1][1]))

    with suppress(IntegrityError):
        release_due_holds(at=arena.start + DAY)

    held = arena.rows("SELECT shopper_id FROM orders WHERE seat_state = 'held'")
    assert held == [(shoppers[1][1],)]


def test_campaign_that_cannot_be_folded_does_not_keep_the_others(
    crowd: DatabaseUrls, arena: Arena
) -> None:
    with transaction() as session:
        other = replace(
            arena,
            campaign=make_campaign(
                session, arena.merchant_id, starts_at=arena.start - DAY, budget_fen=50_000
            ),
        )
    for one in (arena, other):
        one.settle(one.opened(one.start), one.start + DAY)
    as_owner(crowd, UNCOMMITTED.format(arena.campaign.id))

    with suppress(IntegrityError):
        fold_campaigns(at=arena.start + DAY)

    assert arena.one("SELECT spent_fen FROM campaigns WHERE id = :v", other.campaign.id) == 1000


class Killed(BaseException):
    """Nobody catches it, as nobody catches SIGKILL."""


def test_group_that_kills_its_worker_does_not_hold_up_its_chunk(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    killer, *others = [arena.opened(arena.start) for _ in range(3)]
    settle = settling.settle_groups

    def die_of_one(session: Any, keys: Any, *, at: datetime) -> Any:
        if arena.group_key(killer) in keys:
            raise Killed
        return settle(session, keys, at=at)

    monkeypatch.setattr(settling, "settle_groups", die_of_one)
    for _ in range(6):
        try:
            settle_due_groups(at=arena.start + DAY)
        except Killed:
            with transaction() as session:
                session.execute(LAPSE)

    assert [arena.group(group)["state"] for group in others] == ["failed"] * 2


def test_row_that_the_database_has_no_time_for_is_put_off_with_its_error(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = arena.opened(arena.start)
    busy = OperationalError("UPDATE", {}, LockNotAvailable("lock timeout"))

    def give_up(*_: object, **__: object) -> None:
        raise busy

    monkeypatch.setattr("domain.checkout.settling.settle_groups", give_up)
    for n in range(7):
        settle_due_groups(at=arena.start + DAY + n * timedelta(hours=1))

    [(state, attempts, error)] = arena.rows(SETTLING, group)
    assert (state, attempts) == ("due", 7)
    assert error == "LockNotAvailable: lock timeout"


def test_row_is_left_to_its_lease_where_the_database_cannot_be_reached(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = arena.opened(arena.start)
    refused = OperationalError(None, None, psycopg.OperationalError("connection refused"))

    def give_up(*_: object, **__: object) -> None:
        raise refused

    monkeypatch.setattr("domain.checkout.settling.settle_groups", give_up)
    settle_due_groups(at=arena.start + DAY)

    [(state, attempts, error)] = arena.rows(SETTLING, group)
    assert (state, attempts, error) == ("leased", 1, None)
