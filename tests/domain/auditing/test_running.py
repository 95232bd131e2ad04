import pytest
from sqlalchemy import text
from sqlalchemy.exc import InternalError

from domain.auditing.running import PROBES, audit, checks, snapshot
from domain.database import transaction
from tests.domain.auditing.stories import STORIES, begin
from tests.domain.auditing.world import MINUTE

pytestmark = pytest.mark.transactional


def test_every_invariant_holds_after_every_story(fresh_database: object) -> None:
    world = begin()

    for story in STORIES:
        story(world, world.start)

        report = audit(at=world.start)
        assert report.is_ok, f"after {story.__name__}:\n{report.to_text()}"
    assert {name for (name,) in world.stage.rows("SELECT state FROM grants")} == {
        "issued",
        "held",
        "denied",
        "clawed_back",
        "zero",
    }


def test_every_invariant_holds_at_rest(fresh_database: object) -> None:
    world = begin()
    for story in STORIES:
        story(world, world.start)

    report = audit(at=world.named["now"], at_rest=True)

    assert report.is_ok, report.to_text()
    assert len(report.lines) == sum(len(probe.checks) for probe in PROBES)


def test_checks_have_their_own_names() -> None:
    names = [check.name for check in checks(at_rest=True)]

    assert len(names) == len(set(names))


def test_audit_can_change_nothing(fresh_database: object) -> None:
    with snapshot() as session, pytest.raises(InternalError, match="read-only"):
        session.execute(text("UPDATE campaigns SET title = ''"))


def test_cap_that_was_lowered_later_breaks_no_promise(fresh_database: object) -> None:
    world = begin()
    group = world.open(world.start)
    world.join(group, world.start)
    with transaction() as session:
        session.execute(
            text(
                """
                INSERT INTO audit_log
                    (merchant_id, staff_id, action, subject_kind, before, after, at)
                SELECT :m, id, 'settings.changed', 'settings', '{"daily_subsidy_cap_fen": 2500}',
                    '{"daily_subsidy_cap_fen": 10}', :at
                FROM staff WHERE merchant_id = :m
                """
            ),
            {"m": world.stage.merchant_id, "at": world.start + MINUTE},
        )
        session.execute(text("UPDATE merchant_settings SET daily_subsidy_cap_fen = 10"))

    assert audit(at=world.start).is_ok
