"""How far a herd is settled, how long each step took, and the alarm before it is too late."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from domain import clock
from domain.analytics.definitions import CLOCKS
from domain.database import transaction
from domain.notices.sending import record_result
from domain.notices.writing import write_notices
from domain.settlement.applying_refunds import move_refund
from domain.states import RefundState
from domain.terms import SubsidyKind, SubsidyRule
from tests.api.callers import Caller, Mall
from tests.api.stages import stage_of
from tests.scenarios.stage import Stage

pytestmark = pytest.mark.transactional

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def due(stage: Stage, ago: timedelta) -> str:
    """Open a group whose deadline was some time ago, by the real clock."""
    return stage.opened(clock.real_now().replace(microsecond=0) - DAY - ago)


def settled(stage: Stage, group_id: str, after: timedelta) -> datetime:
    deadline: datetime = stage.group(group_id)["deadline_at"]
    stage.settle(group_id, deadline + after)
    return deadline


def clocks(caller: Caller, **query: Any) -> dict[str, Any]:
    today = clock.shanghai_day(clock.real_now())
    days = {"from_on": (today - DAY).isoformat(), "to_on": today.isoformat()}
    answer = caller.get("/v1/merchant/figures/clocks", **days, **query)
    assert answer.status_code == 200
    return {step["key"]: step for step in answer.json["clocks"]}


def seconds(step: dict[str, Any]) -> tuple[int | None, ...]:
    return tuple(step[f"{name}_seconds"] for name in ("p50", "p99", "max"))


def test_clocks_tell_each_step_of_each_member(mall: Mall) -> None:
    stage = stage_of(mall)
    for after in (20, 40, 70):
        settled(stage, due(stage, 5 * MINUTE), after * SECOND)

    told = clocks(mall.viewer)

    assert list(told) == [definition.key for definition in CLOCKS]
    for key in ("decided", "credited", "refund_requested"):
        assert (told[key]["members"], told[key]["waiting"]) == (3, 0)
        assert seconds(told[key]) == (40, 70, 70)
    assert (told["refund_accepted"]["members"], told["refund_accepted"]["waiting"]) == (3, 3)
    assert seconds(told["refund_arrived"]) == (None, None, None)
    assert (told["told"]["members"], told["told"]["waiting"]) == (3, 3)
    assert told["message_sent"]["members"] == 0


def test_paid_members_past_the_deadline_wait_for_the_decision(mall: Mall, other_mall: Mall) -> None:
    stage = stage_of(mall)
    settled(stage, due(stage, 5 * MINUTE), SECOND)
    due(stage, 5 * MINUTE)
    stage.opened(clock.real_now())
    stage.open(stage.shopper(), clock.real_now() - DAY - 5 * MINUTE)

    told = clocks(mall.viewer)

    assert (told["decided"]["members"], told["decided"]["waiting"]) == (2, 1)
    assert seconds(told["decided"]) == (1, 1, 1)
    assert (told["credited"]["members"], told["credited"]["waiting"]) == (1, 0)
    own, none = stage.campaign.public_id, stage_of(mall).campaign.public_id
    assert clocks(mall.viewer, campaign_id=own)["decided"]["waiting"] == 1
    assert clocks(mall.viewer, campaign_id=none)["decided"]["waiting"] == 0
    assert clocks(other_mall.viewer)["decided"]["waiting"] == 0


def test_messages_still_to_be_sent_wait_and_refused_ones_are_left_out(mall: Mall) -> None:
    stage = stage_of(mall)
    template = """UPDATE merchant_apps SET message_templates = '{"group.failed": {}}'"""
    with transaction() as session:
        session.execute(text(template))
    deadlines = [settled(stage, due(stage, 5 * MINUTE), SECOND) for _ in range(3)]
    with transaction() as session:
        failed = "SELECT merchant_id, id FROM facts WHERE merchant_id = :m AND kind = :kind"
        facts = session.execute(text(failed), {"m": mall.id, "kind": "group.failed"})
        write_notices(session, [(m, i) for m, i in facts], at=clock.real_now())
    written = "SELECT id FROM notices WHERE merchant_id = :v ORDER BY id"
    notices = [(mall.id, notice_id) for (notice_id,) in stage.rows(written, mall.id)]
    with transaction() as session:
        record_result(session, notices[0], "sent", at=deadlines[0] + 30 * SECOND)
        record_result(session, notices[1], "refused", at=deadlines[1] + 30 * SECOND)

    told = clocks(mall.viewer)

    assert (told["told"]["members"], told["told"]["waiting"]) == (3, 0)
    assert (told["message_sent"]["members"], told["message_sent"]["waiting"]) == (2, 1)
    assert seconds(told["message_sent"]) == (30, 30, 30)
    with transaction() as session:
        session.execute(text("UPDATE work_rows SET state = 'leased' WHERE kind = 'send_message'"))
        session.execute(text("UPDATE work_rows SET state = 'done' WHERE kind = 'send_message'"))
    assert clocks(mall.viewer)["message_sent"]["members"] == 1


def test_clock_of_a_refund_runs_until_the_gateway_took_it(mall: Mall) -> None:
    stage = stage_of(mall)
    deadline = settled(stage, due(stage, 5 * MINUTE), SECOND)
    of_mall = "SELECT id, order_id FROM refunds WHERE merchant_id = :v"
    [(refund_id, order_id)] = stage.rows(of_mall, mall.id)
    key = (stage.merchant_id, refund_id)
    with transaction() as session:
        for state, after in ((RefundState.SENDING, 2), (RefundState.ACCEPTED, 9)):
            at = deadline + after * SECOND
            move_refund(session, key, order_id, state, at=at, actor="test")

    told = clocks(mall.viewer)["refund_accepted"]

    assert (told["waiting"], seconds(told)) == (0, (9, 9, 9))


def test_clocks_run_from_our_learning_of_a_late_payment(mall: Mall) -> None:
    """Paid in time, learned of ten minutes after the group failed."""
    stage = stage_of(mall)
    group_id = due(stage, 30 * MINUTE)
    deadline: datetime = stage.group(group_id)["deadline_at"]
    late = stage.join(stage.shopper(), group_id, deadline - MINUTE)
    number = stage.add_payment(late, deadline - MINUTE)
    stage.settle(group_id, deadline + SECOND)
    stage.settle(group_id, deadline + 3 * MINUTE)
    stage.succeed(number, deadline - 30 * SECOND, at=deadline + 13 * MINUTE)

    told = clocks(mall.viewer)

    assert told["decided"]["members"] == 2
    assert told["credited"]["max_seconds"] == told["decided"]["max_seconds"] <= 180


def test_clocks_are_of_one_campaign_where_asked(mall: Mall, other_mall: Mall) -> None:
    stage = stage_of(mall)
    settled(stage, due(stage, 5 * MINUTE), SECOND)
    own, none = stage.campaign.public_id, stage_of(mall).campaign.public_id

    assert clocks(mall.viewer, campaign_id=own)["decided"]["members"] == 1
    assert clocks(mall.viewer, campaign_id=none)["decided"]["members"] == 0
    assert clocks(other_mall.viewer)["decided"]["members"] == 0


def test_progress_of_a_herd_tells_settled_left_and_oldest(mall: Mall, other_mall: Mall) -> None:
    stage = stage_of(mall)
    now = clock.real_now()
    first, second, *_ = [due(stage, 2 * MINUTE) for _ in range(3)]
    stage.opened(now - 2 * MINUTE)
    stage.settle(first, now - 30 * SECOND)
    stage.settle(second, now - 20 * SECOND)

    told = mall.viewer.get("/v1/merchant/board/settlement").json
    others = other_mall.viewer.get("/v1/merchant/board/settlement").json

    assert (told["settled"], told["left"], told["parked"]) == (2, 1, 0)
    assert 120 <= told["oldest_left_seconds"] < 180
    assert told["settled_per_minute"] == 2
    left_seconds = (
        datetime.fromisoformat(told["expected_end_at"])
        - datetime.fromisoformat(told["server_time"])
    ).total_seconds()
    assert left_seconds == pytest.approx(30, abs=1)
    assert [queue["waiting"] for queue in told["refunds"]] == [2]
    assert (others["settled"], others["left"], others["oldest_left_at"]) == (0, 0, None)


def test_parked_group_does_not_make_the_herd_older(mall: Mall) -> None:
    stage = stage_of(mall)
    old, young = due(stage, 10 * MINUTE), due(stage, 2 * MINUTE)
    settled(stage, due(stage, 9 * MINUTE), SECOND)
    with transaction() as session:
        parking = """
            UPDATE work_rows w SET state = :state FROM groups g
            WHERE g.id = w.subject_id AND g.public_id = :group AND w.kind = 'settle_group'
        """
        for state in ("leased", "parked"):
            session.execute(text(parking), {"group": old, "state": state})

    told = mall.viewer.get("/v1/merchant/board/settlement").json

    assert (told["settled"], told["left"], told["parked"]) == (0, 1, 1)
    assert told["oldest_left_at"] == clock.iso(stage.group(young)["deadline_at"])


def test_group_that_formed_after_its_deadline_is_settled(mall: Mall) -> None:
    """Its last payment is learned of after the deadline; one that filled before is no herd."""
    stage = stage_of(mall)
    group_id = due(stage, 2 * MINUTE)
    deadline: datetime = stage.group(group_id)["deadline_at"]
    stage.joined(group_id, deadline - MINUTE)
    last = stage.join(stage.shopper(), group_id, deadline - MINUTE)
    number = stage.add_payment(last, deadline - MINUTE)
    stage.settle(group_id, deadline + SECOND)
    left = mall.viewer.get("/v1/merchant/board/settlement").json
    stage.succeed(number, deadline - 30 * SECOND, at=deadline + 30 * SECOND)
    early = due(stage, 2 * MINUTE)
    for _ in range(2):
        stage.joined(early, deadline - MINUTE)

    told = mall.viewer.get("/v1/merchant/board/settlement").json

    assert (left["settled"], left["left"]) == (0, 1)
    assert {stage.group(g)["state"] for g in (group_id, early)} == {"formed"}
    assert (told["settled"], told["left"]) == (1, 0)


def test_nothing_left_has_no_end_to_expect(mall: Mall) -> None:
    stage = stage_of(mall)
    settled(stage, due(stage, 2 * MINUTE), SECOND)

    told = mall.viewer.get("/v1/merchant/board/settlement").json

    assert (told["settled"], told["left"]) == (1, 0)
    assert told["oldest_left_seconds"] is None
    assert told["expected_end_at"] is None


def alarm_of(caller: Caller) -> dict[str, Any] | None:
    items = caller.get("/v1/merchant/alarms").json["items"]
    return next((item for item in items if item["kind"] == "settlement_late"), None)


def test_group_unsettled_for_three_minutes_is_an_alarm(mall: Mall) -> None:
    stage = stage_of(mall)
    due(stage, 2 * MINUTE)
    assert alarm_of(mall.viewer) is None

    late = due(stage, 4 * MINUTE)
    told = alarm_of(mall.viewer)

    assert told is not None
    assert (told["count"], told["since"]) == (1, clock.iso(stage.group(late)["deadline_at"]))
    stage.settle(late, clock.real_now())
    assert alarm_of(mall.viewer) is None


def test_work_that_fails_again_and_again_is_an_alarm_too(mall: Mall) -> None:
    """A try that failed is due later again: the group is late all the same."""
    stage = stage_of(mall)
    due(stage, 4 * MINUTE)
    later = "UPDATE work_rows SET due_at = :at, failures = 3 WHERE kind = 'settle_group'"
    with transaction() as session:
        session.execute(text(later), {"at": clock.real_now() + MINUTE})

    assert alarm_of(mall.viewer) is not None


def test_group_without_a_paid_member_keeps_nobody_waiting(mall: Mall) -> None:
    stage = stage_of(mall)
    at = clock.real_now() - DAY - 4 * MINUTE
    stage.open(stage.shopper(), at)

    assert alarm_of(mall.viewer) is None


def test_scheduled_credit_overdue_is_an_alarm(mall: Mall) -> None:
    """A rule that delays the credit by a minute: its date is what it is late from."""
    stage = stage_of(mall, subsidy=SubsidyRule(SubsidyKind.CASH, 1000, delay_seconds=60))
    settled(stage, due(stage, 2 * MINUTE), SECOND)
    assert alarm_of(mall.viewer) is None

    settled(stage, due(stage, 6 * MINUTE), SECOND)

    told = alarm_of(mall.viewer)
    assert told is not None
    assert told["count"] == 1
