"""Subsidies over HTTP, for staff; the books are tested in the domain."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from domain import work
from domain.checkout.settling import issue_due_grants, reward_due_groups
from domain.clock import shanghai_day
from domain.database import read_clock, transaction
from domain.settlement.granting import ISSUE_GRANT
from domain.terms import RewardRule, SubsidyKind, SubsidyRule
from tests.api.callers import Caller, Mall
from tests.api.stages import calling, fail_group, stage_of
from tests.scenarios.stage import Stage
from tests.scenarios.test_rewards import opened_by, shared

pytestmark = pytest.mark.transactional

PATH = "/v1/merchant/grants"


def decide(
    caller: Caller, grant_id: str, verdict: str, *, key: str | None = "k1", **body: Any
) -> Any:
    headers = {} if key is None else {"Idempotency-Key": key}
    return caller.call("POST", f"{PATH}/{grant_id}/{verdict}", json=body, headers=headers)


def held(stage: Stage) -> tuple[str, int]:
    shopper = stage.shopper(flag="review", nickname="小明")
    fail_group(stage, shopper, stage.start)
    return stage.one("SELECT public_id FROM grants WHERE shopper_id = :v", shopper[1]), shopper[1]


def test_grants_are_listed_by_state_newest_first(mall: Mall) -> None:
    stage = stage_of(mall)
    group_id = fail_group(stage, stage.shopper(), stage.start)
    grant_id, _ = held(stage)

    every = mall.viewer.get(PATH).json["items"]
    waiting = mall.viewer.get(PATH, state="held").json["items"]

    assert [(g["state"], g["amount_fen"]) for g in every] == [("held", 1000), ("issued", 1000)]
    assert every[1]["group_id"] == group_id
    [grant] = waiting
    assert grant["id"] == grant_id
    assert grant["shopper"]["nickname"] == "小明"
    assert grant["shopper"]["flag"] == "review"
    assert grant["parts"] == [{"kind": "base", "amount_fen": 1000}, {"kind": "held"}]
    assert {"rule": "flagged_account", "outcome": "review"} in grant["risk"]
    assert grant["campaign_title"] == "网红薯片三人团"
    assert grant["issued_at"] is None


def test_grants_are_paged(mall: Mall) -> None:
    stage = stage_of(mall)
    for _ in range(3):
        held(stage)

    first = mall.viewer.get(PATH, state="held", limit=2).json
    second = mall.viewer.get(PATH, state="held", limit=2, cursor=first["next_cursor"]).json

    assert [len(first["items"]), len(second["items"])] == [2, 1]
    assert len({g["id"] for g in first["items"] + second["items"]}) == 3
    assert second["next_cursor"] is None


def test_operator_releases_once(mall: Mall) -> None:
    stage = stage_of(mall)
    grant_id, shopper_id = held(stage)

    answer = decide(mall.operator, grant_id, "release", reason="核实为本人")
    again = decide(mall.operator, grant_id, "release", reason="核实为本人")
    other_key = decide(mall.operator, grant_id, "release", key="k2", reason="核实为本人")

    assert (answer.status_code, answer.json["state"]) == (200, "issued")
    assert (again.status_code, again.json) == (200, answer.json)
    assert (other_key.status_code, other_key.json["code"]) == (409, "grant_not_held")
    assert stage.wallet(shopper_id) == 1000


def test_owner_denies_and_it_stays_denied(mall: Mall) -> None:
    stage = stage_of(mall)
    grant_id, shopper_id = held(stage)

    answer = decide(mall.owner, grant_id, "denial", reason="同一设备多账号")
    release = decide(mall.owner, grant_id, "release", key="k2", reason="改主意")

    assert (answer.status_code, answer.json["state"], answer.json["amount_fen"]) == (
        200,
        "denied",
        0,
    )
    assert (release.status_code, release.json["code"]) == (409, "grant_not_held")
    assert stage.wallet(shopper_id) == 0


def test_denial_after_release_is_refused(mall: Mall) -> None:
    stage = stage_of(mall)
    grant_id, shopper_id = held(stage)
    decide(mall.operator, grant_id, "release", reason="核实为本人")

    answer = decide(mall.operator, grant_id, "denial", key="k2", reason="搞错了")

    assert (answer.status_code, answer.json["code"]) == (409, "grant_not_held")
    assert stage.wallet(shopper_id) == 1000


def test_decision_needs_a_reason_and_a_key(mall: Mall) -> None:
    grant_id, _ = held(stage_of(mall))

    no_reason = decide(mall.operator, grant_id, "release")
    blank = decide(mall.operator, grant_id, "release", reason="")
    no_key = decide(mall.operator, grant_id, "release", key=None, reason="核实")
    extra = decide(mall.operator, grant_id, "release", reason="核实", amount_fen=5)

    assert [a.status_code for a in (no_reason, blank, no_key, extra)] == [422] * 4
    assert no_key.json["code"] == "idempotency_key_missing"


def test_key_with_another_reason_is_refused(mall: Mall) -> None:
    grant_id, _ = held(stage_of(mall))
    decide(mall.operator, grant_id, "release", reason="核实为本人")

    answer = decide(mall.operator, grant_id, "release", reason="另一个理由")

    assert (answer.status_code, answer.json["code"]) == (409, "idempotency_key_reused")


def test_viewer_only_looks(mall: Mall) -> None:
    stage = stage_of(mall)
    grant_id, shopper_id = held(stage)

    answer = decide(mall.viewer, grant_id, "release", reason="核实为本人")

    assert (answer.status_code, answer.json["code"]) == (403, "role_too_low")
    assert stage.wallet(shopper_id) == 0


def test_other_merchants_grant_does_not_exist(mall: Mall, other_mall: Mall) -> None:
    stage = stage_of(mall)
    grant_id, shopper_id = held(stage)

    for verdict in ("release", "denial"):
        answer = decide(other_mall.owner, grant_id, verdict, reason="不是我的")
        assert (answer.status_code, answer.json["code"]) == (404, "grant_not_found")
    assert other_mall.owner.get(PATH).json["items"] == []
    assert stage.wallet(shopper_id) == 0


def test_decision_stands_in_the_audit_log(mall: Mall) -> None:
    grant_id, _ = held(stage_of(mall))
    decide(mall.operator, grant_id, "release", reason="核实为本人")

    [entry] = mall.owner.get("/v1/merchant/audit-log").json["items"]

    assert (entry["action"], entry["staff_name"]) == ("grant.released", "operator")
    assert entry["reason"] == "核实为本人"
    assert entry["before"] == {"state": "held"}
    assert entry["after"] == {"state": "issued"}


def test_bad_state_is_refused(mall: Mall) -> None:
    assert mall.viewer.get(PATH, state="lost").status_code == 422


def test_grants_are_narrowed(mall: Mall) -> None:
    stage, other = stage_of(mall), stage_of(mall)
    mine, theirs = stage.shopper(), other.shopper()
    fail_group(stage, mine, stage.start)
    fail_group(other, theirs, other.start)
    shopper_id = stage.one("SELECT public_id FROM shoppers WHERE id = :v", mine[1])
    day = mall.viewer.get(PATH).json["items"][0]["decided_at"]
    today = shanghai_day(datetime.fromisoformat(day))

    def count(**filters: Any) -> int:
        return len(mall.viewer.get(PATH, **filters).json["items"])

    assert count(campaign_id=stage.campaign.public_id) == 1
    assert count(shopper_id=shopper_id) == 1
    assert count(shopper_id=shopper_id, campaign_id=other.campaign.public_id) == 0
    assert (count(kind="cash"), count(kind="coupon")) == (2, 0)
    assert count(decided_from=today.isoformat(), decided_to=today.isoformat()) == 2
    assert count(decided_from=(today + timedelta(days=1)).isoformat()) == 0
    assert count(decided_to=(today - timedelta(days=1)).isoformat()) == 0


def test_grant_is_shown(mall: Mall, other_mall: Mall) -> None:
    stage = stage_of(mall)
    grant_id, _ = held(stage)
    [listed] = mall.viewer.get(PATH).json["items"]

    assert mall.viewer.get(f"{PATH}/{grant_id}").json == listed
    assert (listed["is_stuck"], listed["external"], listed["clawed_back_fen"]) == (False, None, 0)
    assert other_mall.viewer.get(f"{PATH}/{grant_id}").json["code"] == "grant_not_found"


def test_parked_grant_is_stuck_until_it_is_retried(mall: Mall) -> None:
    rule = SubsidyRule(SubsidyKind.CASH, 1000, delay_seconds=3600)
    stage = stage_of(mall, subsidy=rule)
    shopper = stage.shopper()
    fail_group(stage, shopper, stage.start)
    with transaction() as session:
        at = stage.start + timedelta(days=3)
        [lease] = work.claim(session, ISSUE_GRANT, limit=1, at=at)
        work.park(session, lease, error="RuntimeError")
    [stuck] = mall.viewer.get(PATH).json["items"]

    retried = decide(mall.operator, stuck["id"], "retry", reason="已修复")
    issue_due_grants(at=read_clock())
    again = decide(mall.operator, stuck["id"], "retry", key="k2", reason="已修复")

    assert (stuck["state"], stuck["is_stuck"]) == ("scheduled", True)
    assert (retried.status_code, retried.json["is_stuck"]) == (200, False)
    assert stage.wallet(shopper[1]) == 1000
    assert (again.status_code, again.json["code"]) == (409, "grant_not_stuck")


def test_rewards_are_listed_for_staff_and_invitees_for_who_brought_them(mall: Mall) -> None:
    rule = RewardRule(formed_fen=500, failed_fen=300, valid_days=30)
    stage = stage_of(mall, reward=rule, group_size=2)
    leader, friend = stage.shopper(nickname="团长"), stage.shopper(nickname="小友")
    group_id = opened_by(stage, leader, stage.start)
    token = shared(stage, leader, group_id, stage.start)
    order = stage.join(friend, group_id, stage.start, share_token=token)
    stage.pay(order, stage.start)
    while reward_due_groups(at=read_clock()):
        pass

    [reward] = mall.viewer.get("/v1/merchant/rewards").json["items"]
    [invitee] = calling(mall, leader).get("/v1/me/invitees").json["items"]

    assert (reward["outcome"], reward["amount_fen"]) == ("formed", 500)
    assert (reward["referrer"]["nickname"], reward["shopper"]["nickname"]) == ("团长", "小友")
    assert reward["campaign_id"] == stage.campaign.public_id
    narrowed = {"referrer_id": reward["shopper"]["id"]}
    assert mall.viewer.get("/v1/merchant/rewards", **narrowed).json["items"] == []
    assert (invitee["nickname"], invitee["outcome"], invitee["reward_fen"]) == (
        "小**",
        "formed",
        500,
    )
    assert invitee["has_paid"]
    assert invitee["bound_at"]
    assert invitee["coupon_id"] == stage.one(
        "SELECT public_id FROM instruments WHERE shopper_id = :v", leader[1]
    )


@pytest.mark.parametrize("query", [{"decided_from": "0001-01-01"}, {"decided_to": "9999-12-31"}])
def test_days_that_no_calendar_holds_are_refused(mall: Mall, query: dict[str, str]) -> None:
    answer = mall.viewer.get("/v1/merchant/grants", **query)

    assert answer.status_code == 422
    assert answer.json["errors"][0]["code"] == "out_of_range"
