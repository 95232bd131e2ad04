"""A campaign's budget and stock let in exactly as many groups as they can pay for."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.checkout import opening
from domain.checkout.errors import BudgetExhausted, StockExhausted
from launcher.addresses import DatabaseUrls
from tests.concurrency.arena import Arena, make_arena, raised, returned
from tests.concurrency.racing import Meeting, as_owner, race

pytestmark = pytest.mark.transactional

OPENERS = 30
ROOM = 7
WORST = 3000


def open_at_once(arena: Arena, openers: int = OPENERS) -> list[Any]:
    return race([lambda s=s: arena.open(s, arena.start) for s in arena.shoppers(openers)])


def counters(arena: Arena) -> tuple[int, int]:
    return arena.rows("SELECT committed_fen, stock_committed FROM campaigns")[0]


def test_budget_of_seven_groups_opens_seven(crowd: DatabaseUrls) -> None:
    arena = make_arena(budget_fen=ROOM * WORST + WORST - 1)

    ends = open_at_once(arena)

    assert len(returned(ends)) == ROOM
    assert {type(error) for error in raised(ends)} == {BudgetExhausted}
    assert counters(arena) == (ROOM * WORST, ROOM * 3)
    arena.assert_sound(arena.start)


def test_stock_of_seven_groups_opens_seven(crowd: DatabaseUrls) -> None:
    arena = make_arena(stock_units=ROOM * 3 + 2)

    ends = open_at_once(arena)

    assert len(returned(ends)) == ROOM
    assert {type(error) for error in raised(ends)} == {StockExhausted}
    assert counters(arena) == (ROOM * WORST, ROOM * 3)
    arena.assert_sound(arena.start)


_LOOK = text(
    "SELECT budget_fen - committed_fen - spent_fen AS left_fen FROM campaigns"
    " WHERE merchant_id = :merchant_id AND id = :id"
)
_ADD = text(
    "UPDATE campaigns SET committed_fen = committed_fen + :worst,"
    " stock_committed = stock_committed + :size WHERE merchant_id = :merchant_id AND id = :id"
)


def look_then_add(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do in two statements what the guard does in one."""
    meeting = Meeting(2)

    def commit(session: Session, merchant_id: int, seen: Any, terms: Any) -> None:
        wanted = {
            "merchant_id": merchant_id,
            "id": seen.id,
            "worst": terms.worst_case_fen,
            "size": terms.group_size,
        }
        left_fen = session.execute(_LOOK, wanted).scalar_one()
        meeting.wait()
        if left_fen < terms.worst_case_fen:
            raise BudgetExhausted
        session.execute(_ADD, wanted)

    monkeypatch.setattr(opening, "_commit_budget", commit)


def test_budget_is_overrun_by_looking_first_without_constraint(
    crowd: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    arena = make_arena(budget_fen=WORST)
    look_then_add(monkeypatch)
    as_owner(crowd, "ALTER TABLE campaigns DROP CONSTRAINT ck_campaigns_budget_kept")

    ends = open_at_once(arena, 2)

    assert raised(ends) == []
    assert counters(arena)[0] == 2 * WORST


def test_constraint_keeps_the_budget_where_the_condition_is_forgotten(
    crowd: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    arena = make_arena(budget_fen=WORST)
    look_then_add(monkeypatch)

    ends = open_at_once(arena, 2)

    [error] = raised(ends)
    assert "ck_campaigns_budget_kept" in str(error)
    assert counters(arena)[0] == WORST
    arena.assert_sound(arena.start)
