"""Hot paths go to the database and back as seldom as they can."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event

from domain.database import core_engine
from domain.groups.errors import GroupFull
from tests.scenarios.stage import MINUTE, Stage, make_stage

pytestmark = pytest.mark.transactional


@pytest.fixture
def stage(database: object) -> Stage:
    return make_stage(group_size=2)


@contextmanager
def counted() -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(core_engine(), "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(core_engine(), "before_cursor_execute", note)


def test_joining_is_two_statements(stage: Stage) -> None:
    group_id, shopper = stage.opened(stage.start), stage.shopper()

    with counted() as statements:
        stage.join(shopper, group_id, stage.start + MINUTE)

    assert len(statements) == 2


def test_being_refused_is_one_statement(stage: Stage) -> None:
    group_id, shopper = stage.opened(stage.start), stage.shopper()
    stage.join(stage.shopper(), group_id, stage.start + MINUTE)

    with counted() as statements, pytest.raises(GroupFull):
        stage.join(shopper, group_id, stage.start + MINUTE)

    assert len(statements) == 1
