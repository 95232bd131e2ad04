"""Staff settle a rejected refund offline: with a reason, within their limit, once, audited."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from domain.auditing.running import audit
from domain.states import RefundState
from tests.api.callers import Caller, Mall
from tests.api.stages import stage_of
from tests.scenarios.stage import Stage

pytestmark = pytest.mark.transactional

REFUNDS = "/v1/merchant/refunds"


@pytest.fixture
def stage(mall: Mall) -> Stage:
    return stage_of(mall, days_ago=2)


def settle(caller: Caller, refund_id: str, *, key: str = "k1", **body: Any) -> Any:
    return caller.call(
        "POST",
        f"{REFUNDS}/{refund_id}/offline-settlement",
        json=body,
        headers={"Idempotency-Key": key},
    )


def test_rejected_refund_is_settled_offline_once(
    fresh_database: object, mall: Mall, stage: Stage
) -> None:
    refund_id = stage.refund_that(RefundState.REJECTED)

    low = settle(mall.viewer, refund_id, reason="已转账")
    unexplained = settle(mall.operator, refund_id, key="k2")
    answer = settle(mall.operator, refund_id, key="k3", reason="已银行转账给用户")
    again = settle(mall.operator, refund_id, key="k3", reason="已银行转账给用户")
    other = settle(mall.owner, refund_id, key="k4", reason="又一次")

    assert (low.status_code, unexplained.status_code) == (403, 422)
    assert answer.status_code == 200
    assert answer.json["state"] == "settled_offline"
    assert again.json == answer.json
    assert (other.status_code, other.json["code"]) == (409, "refund_not_rejected")
    orders = "SELECT state FROM orders WHERE merchant_id = :v"
    assert stage.rows(orders, stage.merchant_id) == [("refunded",)]
    work = "SELECT state FROM work_rows WHERE kind = 'drive_refund' AND merchant_id = :v"
    assert stage.rows(work, stage.merchant_id) == [("due",)]
    [entry] = mall.owner.get("/v1/merchant/audit-log").json["items"]
    assert (entry["action"], entry["reason"]) == ("refund.settled_offline", "已银行转账给用户")
    assert audit(at=stage.start).violated == ()


def test_settled_at_the_same_time_by_two_is_settled_once(mall: Mall, stage: Stage) -> None:
    refund_id = stage.refund_that(RefundState.REJECTED)

    with ThreadPoolExecutor(2) as pool:
        answers = list(
            pool.map(
                lambda key: settle(mall.operator, refund_id, key=key, reason="已转账"),
                ("k1", "k2"),
            )
        )

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    posted = (
        "SELECT count(*) FROM ledger_transactions"
        " WHERE kind = 'refund.settled_offline' AND merchant_id = :v"
    )
    assert stage.rows(posted, stage.merchant_id) == [(1,)]


def test_above_the_limit_a_second_person_decides(mall: Mall, stage: Stage) -> None:
    refund_id = stage.refund_that(RefundState.REJECTED)
    mall.owner.call(
        "PATCH",
        "/v1/merchant/settings",
        json={"approval_limit_fen": 1000, "reason": "控制"},
    )

    refused = settle(mall.operator, refund_id, reason="已转账")
    asked = mall.operator.call(
        "POST",
        "/v1/merchant/approvals",
        json={
            "kind": "refund_offline",
            "command": {"refund_id": refund_id},
            "reason": "已转账",
        },
        headers={"Idempotency-Key": "a1"},
    )
    decided = mall.owner.call(
        "POST",
        f"/v1/merchant/approvals/{asked.json['id']}/approval",
        json={"reason": "核实"},
        headers={"Idempotency-Key": "a2"},
    )

    assert (refused.status_code, refused.json["code"]) == (409, "approval_needed")
    assert (asked.status_code, asked.json["amount_fen"]) == (201, 1990)
    assert decided.status_code == 200
    assert decided.json["result"]["state"] == "settled_offline"


@pytest.mark.parametrize("state", [RefundState.ACCEPTED, RefundState.UNKNOWN])
def test_refund_that_may_yet_arrive_is_not_settled_offline(
    mall: Mall, stage: Stage, state: RefundState
) -> None:
    refund_id = stage.refund_that(state)

    answer = settle(mall.operator, refund_id, reason="已转账")

    assert (answer.status_code, answer.json["code"]) == (409, "refund_not_rejected")
