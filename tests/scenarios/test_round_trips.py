"""Hot paths go to the database and back as seldom as they can."""

from typing import Any, LiteralString

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from domain.checkout import joining, placing
from domain.database import core_engine, one_row
from domain.groups.errors import GroupFull
from domain.settlement import forming, taking
from tests.scenarios.stage import MINUTE, Stage, make_stage

pytestmark = pytest.mark.transactional


@pytest.fixture
def stage(database: object) -> Stage:
    return make_stage(group_size=2)


@pytest.fixture
def statements(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is sent to the database, by the driver's way and by SQLAlchemy's."""
    sent: list[str] = []

    def noted(session: Session, statement: LiteralString, values: Any) -> Any:
        sent.append(statement)
        return one_row(session, statement, values)

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    for module in (joining, placing, taking, forming):
        monkeypatch.setattr(module, "one_row", noted)
    event.listen(core_engine(), "before_cursor_execute", note)
    return sent


def test_joining_is_two_statements(stage: Stage, statements: list[str]) -> None:
    group_id, shopper = stage.opened(stage.start), stage.shopper()
    statements.clear()

    stage.join(shopper, group_id, stage.start + MINUTE)

    assert len(statements) == 2


def test_being_refused_is_one_statement(stage: Stage, statements: list[str]) -> None:
    group_id, shopper = stage.opened(stage.start), stage.shopper()
    stage.join(stage.shopper(), group_id, stage.start + MINUTE)

    statements.clear()

    with pytest.raises(GroupFull):
        stage.join(shopper, group_id, stage.start + MINUTE)

    assert len(statements) == 1


def test_payment_is_two_statements_and_forming_one_more(
    stage: Stage, statements: list[str]
) -> None:
    group_id = stage.opened(stage.start)
    order = stage.join(stage.shopper(), group_id, stage.start + MINUTE)
    number = stage.add_payment(order, stage.start + MINUTE)
    statements.clear()

    assert stage.succeed(number, stage.start + 2 * MINUTE) == "seated"

    assert len(statements) == 3


def test_seat_that_comes_free_in_a_group_lately_full_can_be_joined_at_once(stage: Stage) -> None:
    group_id, late = stage.opened(stage.start), stage.shopper()
    stage.join(stage.shopper(), group_id, stage.start + MINUTE)
    with pytest.raises(GroupFull):
        stage.join(late, group_id, stage.start + MINUTE)
    freed = stage.start + 10 * MINUTE
    stage.expire(freed)

    assert stage.join(late, group_id, freed)["seat_state"] == "held"
