"""One Idempotency-Key, one effect, one answer."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from domain import idempotency
from domain.checkout.buying_alone import buy_alone
from domain.checkout.commands import Basket, BuyAlone, OpenGroup
from domain.checkout.opening import open_group
from domain.database import core_engine
from domain.errors import Busy
from domain.idempotency import RequestKey
from domain.orders.errors import UnpaidHoldExists
from launcher.addresses import DatabaseUrls
from tests.concurrency.arena import Arena, Shopper, make_arena, raised, returned
from tests.concurrency.racing import (
    PATIENCE_SECONDS,
    Meeting,
    Pause,
    as_owner,
    race,
    rewrite,
    rewrite_function,
)
from tests.sandbox_server import wait_until

pytestmark = pytest.mark.transactional

WAITING = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)

BOUGHT_ALONE = "SELECT count(*) FROM orders WHERE group_id IS NULL"


@pytest.fixture
def arena(crowd: DatabaseUrls) -> Arena:
    return make_arena()


def basket_of(arena: Arena, shopper: Shopper, **values: Any) -> Basket:
    return Basket(
        shopper=shopper,
        key=arena.request_key(shopper, "the-same"),
        variant_id=arena.campaign.variant.public_id,
        **values,
    )


def buying_from_the_wallet(arena: Arena) -> BuyAlone:
    """A product costs 3,000 fen: a shopper with 6,000 may buy two, both paid at once."""
    shopper = arena.shopper()
    arena.earn(shopper, 6000)
    return BuyAlone(basket_of(arena, shopper, use_wallet=True))


def test_same_key_fifty_times_buys_once(arena: Arena) -> None:
    command = BuyAlone(basket_of(arena, arena.shopper()))

    ends = race([lambda: buy_alone(command, at=arena.start)] * 50)

    assert arena.one("SELECT count(*) FROM orders") == 1
    assert {type(error) for error in raised(ends)} <= {Busy}
    assert len({body["id"] for body in returned(ends)}) == 1
    assert buy_alone(command, at=arena.start) == returned(ends)[0]
    arena.assert_sound(arena.start)


def test_same_key_fifty_times_opens_one_group(arena: Arena) -> None:
    command = OpenGroup(basket_of(arena, arena.shopper()), arena.campaign.public_id)

    ends = race([lambda: open_group(command, at=arena.start)] * 50)

    assert arena.one("SELECT count(*) FROM groups") == 1
    assert {type(error) for error in raised(ends)} <= {Busy}
    assert len({body["id"] for body in returned(ends)}) == 1
    arena.assert_sound(arena.start)


def test_same_key_buys_twice_without_lock_and_constraint(
    crowd: DatabaseUrls, arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    unguard(crowd)
    as_owner(
        crowd,
        "ALTER TABLE idempotency_keys DROP CONSTRAINT uq_idempotency_keys_merchant_id_caller_key",
    )
    command = buying_from_the_wallet(arena)
    Meeting(2).after(monkeypatch, idempotency, "take")

    ends = race([lambda: buy_alone(command, at=arena.start)] * 2)

    assert len({body["id"] for body in returned(ends)}) == 2
    assert arena.one(BOUGHT_ALONE) == 2


def test_constraint_keeps_one_effect_where_the_lock_is_forgotten(
    crowd: DatabaseUrls, arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    unguard(crowd)
    command = buying_from_the_wallet(arena)
    Meeting(2).after(monkeypatch, idempotency, "take")

    ends = race([lambda: buy_alone(command, at=arena.start)] * 2)

    [error] = raised(ends)
    assert "uq_idempotency_keys_merchant_id_caller_key" in str(error)
    assert arena.one(BOUGHT_ALONE) == 1


def unguard(crowd: DatabaseUrls) -> None:
    rewrite_function(
        crowd, "take_idempotency_key", "pg_try_advisory_xact_lock(lock_number)", "true"
    )


def repeat_just_before_the_commit(
    arena: Arena, monkeypatch: pytest.MonkeyPatch, put_behind_gate: Callable[[], None]
) -> tuple[dict[str, Any], Any]:
    """Let a repeat's statement begin before the first commits, and get the lock after it.

    Returns the first's answer, and what the repeat returned or raised.
    """
    command = OpenGroup(basket_of(arena, arena.shopper()), arena.campaign.public_id)
    pause = Pause()
    pause.after(monkeypatch, idempotency, "take")
    with core_engine().connect() as holder, ThreadPoolExecutor(2) as pool:
        holder.execute(text("SELECT pg_advisory_xact_lock(1)"))
        first = pool.submit(open_group, command, at=arena.start)
        try:
            assert pause.is_reached.wait(PATIENCE_SECONDS)
            put_behind_gate()
            repeat = pool.submit(open_group, command, at=arena.start)
            wait_until(lambda: arena.one(WAITING) == 1)
        finally:
            pause.let_go()
            first.exception()
            holder.rollback()
        return first.result(), repeat.exception() or repeat.result()


def test_repeat_just_before_the_commit_gets_the_first_answer(
    crowd: DatabaseUrls, arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = "pg_try_advisory_xact_lock(lock_number)"

    first, repeat = repeat_just_before_the_commit(
        arena,
        monkeypatch,
        lambda: rewrite_function(crowd, "take_idempotency_key", lock, behind_gate(lock)),
    )

    assert isinstance(repeat, Busy) or repeat == first


def test_repeat_just_before_the_commit_is_refused_where_one_statement_locks_and_reads(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One statement has one snapshot: it gets the lock, and does not see what the lock kept."""
    monkeypatch.setattr(idempotency, "_TAKE", LOCK_AND_READ)
    monkeypatch.setattr(idempotency, "take", take_in_one_statement)

    lock = "pg_try_advisory_xact_lock(:lock_id)"

    _, repeat = repeat_just_before_the_commit(
        arena,
        monkeypatch,
        lambda: rewrite(monkeypatch, idempotency, "_TAKE", lock, behind_gate(lock)),
    )

    assert isinstance(repeat, UnpaidHoldExists)


LOCK_AND_READ = text(
    """
    SELECT pg_try_advisory_xact_lock(:lock_id), k.body FROM (SELECT 1) gate
    LEFT JOIN idempotency_keys k ON k.merchant_id = :merchant_id AND k.key = :key
    """
)


def behind_gate(lock: str) -> str:
    return f"(SELECT pg_advisory_xact_lock_shared(1)) IS NULL OR {lock}"


def take_in_one_statement(session: Session, key: RequestKey) -> dict[str, Any] | None:
    is_mine, body = session.execute(
        idempotency._TAKE,
        {"lock_id": key.lock_id, "merchant_id": key.merchant_id, "key": key.key},
    ).one()
    if not is_mine:
        raise Busy
    found: dict[str, Any] | None = body
    return found
