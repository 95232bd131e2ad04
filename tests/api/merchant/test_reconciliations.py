"""Reconciliation over HTTP, for staff; how bills are compared is tested with the domain."""

from datetime import timedelta
from typing import Any

import pytest

from domain.clock import shanghai_day
from domain.database import transaction
from domain.gateways.protocol import BillLine, BillLineKind
from domain.money import Fen
from domain.reconciliation.comparing import compare
from domain.reconciliation.downloading import find_day, keep_lines
from domain.reconciliation.planning import plan_days
from tests.api.callers import Caller, Mall
from tests.api.stages import stage_of

pytestmark = pytest.mark.transactional

DAYS = "/v1/merchant/reconciliations"
TASKS = "/v1/merchant/reconciliation-tasks"


@pytest.fixture
def task(mall: Mall) -> dict[str, Any]:
    """A difference: a line of the bill that nobody knows."""
    stage = stage_of(mall, days_ago=0)
    on = shanghai_day(stage.start)
    line = BillLine(BillLineKind.PAYMENT, "nobodys", "t1", Fen(500), stage.start)
    at = stage.start + timedelta(days=1)
    with transaction() as session:
        [key] = plan_days(session, on, on, at=at, merchant_id=mall.id)
    day = find_day(key)
    with transaction() as session:
        keep_lines(session, key, [line])
        compare(session, day, learnt=(), at=at)
    [found] = mall.viewer.get(TASKS, state="open").json["items"]
    return dict(found)


def resolve(caller: Caller, task_id: str, *, key: str = "k1", **body: Any) -> Any:
    return caller.call(
        "POST", f"{TASKS}/{task_id}/resolution", json=body, headers={"Idempotency-Key": key}
    )


def test_difference_is_told_with_its_sentence(mall: Mall, task: dict[str, Any]) -> None:
    assert (task["kind"], task["subject"], task["number"]) == (
        "missing_here",
        "payment",
        "nobodys",
    )
    assert (task["our_fen"], task["their_fen"]) == (None, 500)
    assert task["text"] == "In the gateway's bill, not in our books"
    [day] = mall.viewer.get(DAYS).json["items"]
    assert (day["lines"], day["matched"], day["found"], day["open"]) == (1, 0, 1, 1)


def test_operator_resolves_a_difference_once_with_a_reason(
    mall: Mall, task: dict[str, Any]
) -> None:
    answer = resolve(mall.operator, task["id"], reason="测试付款，已线下退回")
    again = resolve(mall.operator, task["id"], reason="测试付款，已线下退回")
    other = resolve(mall.owner, task["id"], key="k2", reason="又一次")

    assert answer.status_code == 200
    assert answer.json["resolution"] == "测试付款，已线下退回"
    assert answer.json["resolved_by"].startswith("staff:")
    assert again.json == answer.json
    assert (other.status_code, other.json["code"]) == (409, "reconciliation_task_resolved")
    assert mall.viewer.get(TASKS, state="open").json["items"] == []
    [entry] = mall.owner.get("/v1/merchant/audit-log").json["items"]
    assert (entry["action"], entry["reason"]) == ("reconciliation.resolved", "测试付款，已线下退回")


def test_open_differences_are_an_alarm(mall: Mall, task: dict[str, Any]) -> None:
    [alarm] = mall.viewer.get("/v1/merchant/alarms").json["items"]
    resolve(mall.operator, task["id"], reason="已核实")

    assert (alarm["kind"], alarm["count"]) == ("reconciliation_open", 1)
    assert mall.viewer.get("/v1/merchant/alarms").json["items"] == []


def test_reason_is_needed_and_viewers_resolve_nothing(mall: Mall, task: dict[str, Any]) -> None:
    assert resolve(mall.operator, task["id"]).status_code == 422
    assert resolve(mall.operator, task["id"], reason="  ").status_code == 422
    assert resolve(mall.viewer, task["id"], reason="x").status_code == 403


def test_others_see_and_resolve_nothing(mall: Mall, other_mall: Mall, task: dict[str, Any]) -> None:
    [day] = mall.viewer.get(DAYS).json["items"]

    assert other_mall.viewer.get(TASKS).json["items"] == []
    assert other_mall.viewer.get(DAYS).json["items"] == []
    assert other_mall.viewer.get(f"{DAYS}/{day['id']}/csv").status_code == 404
    assert resolve(other_mall.operator, task["id"], reason="x").status_code == 404


def test_day_is_downloaded_as_csv(mall: Mall, task: dict[str, Any]) -> None:
    [day] = mall.viewer.get(DAYS).json["items"]

    answer = mall.viewer.get(f"{DAYS}/{day['id']}/csv")

    assert answer.status_code == 200
    assert answer.mimetype == "text/csv"
    assert answer.text.startswith("\ufeffresult,subject,number")
    assert "missing_here,payment,nobodys" in answer.text
    assert day["on_date"] in answer.headers["Content-Disposition"]
