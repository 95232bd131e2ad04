"""Refunds over HTTP, for staff; how they are driven is tested with the jobs."""

from typing import Any

import pytest

from domain.states import RefundState
from tests.api.callers import Caller, Mall
from tests.api.stages import fail_group, stage_of

pytestmark = pytest.mark.transactional

PATH = "/v1/merchant/refunds"
WORK = (
    "SELECT w.state FROM work_rows w JOIN refunds r ON r.id = w.subject_id"
    " WHERE w.kind = 'drive_refund' AND r.public_id = :v"
)


def retry(caller: Caller, refund_id: str, *, key: str | None = "k1", **body: Any) -> Any:
    headers = {} if key is None else {"Idempotency-Key": key}
    return caller.call("POST", f"{PATH}/{refund_id}/retry", json=body, headers=headers)


def test_refunds_are_listed_by_state_newest_first(mall: Mall) -> None:
    stage = stage_of(mall)
    refund_id = stage.refund_that(RefundState.REJECTED)
    group_id = fail_group(stage, stage.shopper(nickname="小明"), stage.start)

    every = mall.viewer.get(PATH).json["items"]
    rejected = mall.viewer.get(PATH, state="rejected").json["items"]

    assert [refund["state"] for refund in every] == ["requested", "rejected"]
    assert every[0]["group_id"] == group_id
    assert every[0]["shopper"]["nickname"] == "小明"
    [refund] = rejected
    assert (refund["id"], refund["purpose"], refund["amount_fen"]) == (refund_id, "failed", 1990)
    assert (refund["error_code"], refund["arrived_at"]) == ("NO_AUTH", None)


def test_refunds_are_paged(mall: Mall) -> None:
    stage = stage_of(mall)
    for _ in range(3):
        fail_group(stage, stage.shopper(), stage.start)

    first = mall.viewer.get(PATH, state="requested", limit=2).json
    second = mall.viewer.get(PATH, state="requested", limit=2, cursor=first["next_cursor"]).json

    assert [len(first["items"]), len(second["items"])] == [2, 1]
    assert second["next_cursor"] is None


def test_operator_has_a_rejected_refund_sent_again_once(mall: Mall) -> None:
    stage = stage_of(mall)
    refund_id = stage.refund_that(RefundState.REJECTED)
    assert stage.one(WORK, refund_id) == "parked"

    answer = retry(mall.operator, refund_id, reason="已开通退款权限")
    again = retry(mall.operator, refund_id, reason="已开通退款权限")
    other_key = retry(mall.owner, refund_id, key="k2", reason="已开通退款权限")

    assert (answer.status_code, answer.json["state"]) == (200, "requested")
    assert (answer.json["id"], answer.json["error_code"]) == (refund_id, None)
    assert (again.status_code, again.json) == (200, answer.json)
    assert (other_key.status_code, other_key.json["code"]) == (409, "refund_not_rejected")
    assert stage.one(WORK, refund_id) == "due"


def test_refund_that_is_not_rejected_is_not_sent_again(mall: Mall) -> None:
    stage = stage_of(mall)
    refund_id = stage.refund_that(RefundState.ABNORMAL)

    answer = retry(mall.owner, refund_id, reason="再试一次")

    assert (answer.status_code, answer.json["code"]) == (409, "refund_not_rejected")
    assert "abnormal" in answer.json["detail"]


def test_retry_needs_a_reason_and_a_key(mall: Mall) -> None:
    refund_id = stage_of(mall).refund_that(RefundState.REJECTED)

    no_reason = retry(mall.operator, refund_id)
    blank = retry(mall.operator, refund_id, reason="")
    no_key = retry(mall.operator, refund_id, key=None, reason="再试一次")

    assert [a.status_code for a in (no_reason, blank, no_key)] == [422] * 3
    assert no_key.json["code"] == "idempotency_key_missing"


def test_viewer_only_looks(mall: Mall) -> None:
    stage = stage_of(mall)
    refund_id = stage.refund_that(RefundState.REJECTED)

    answer = retry(mall.viewer, refund_id, reason="再试一次")

    assert (answer.status_code, answer.json["code"]) == (403, "role_too_low")
    assert stage.one(WORK, refund_id) == "parked"


def test_other_merchants_refund_does_not_exist(mall: Mall, other_mall: Mall) -> None:
    stage = stage_of(mall)
    refund_id = stage.refund_that(RefundState.REJECTED)

    answer = retry(other_mall.owner, refund_id, reason="不是我的")

    assert (answer.status_code, answer.json["code"]) == (404, "refund_not_found")
    assert other_mall.owner.get(PATH).json["items"] == []
    assert stage.one(WORK, refund_id) == "parked"


def test_retry_stands_in_the_audit_log(mall: Mall) -> None:
    refund_id = stage_of(mall).refund_that(RefundState.REJECTED)
    retry(mall.operator, refund_id, reason="已开通退款权限")

    [entry] = mall.owner.get("/v1/merchant/audit-log").json["items"]

    assert (entry["action"], entry["staff_name"]) == ("refund.retried", "operator")
    assert (entry["subject_kind"], entry["subject_id"]) == ("refund", refund_id)
    assert entry["reason"] == "已开通退款权限"
    assert entry["before"] == {"state": "rejected", "error_code": "NO_AUTH"}
    assert entry["after"] == {"state": "requested", "error_code": None}
