"""Shares over HTTP."""

from datetime import timedelta

import pytest

from api import limits
from domain import clock
from tests.api.callers import Caller, Mall
from tests.api.stages import calling, fail_group, stage_of
from tests.scenarios.stage import Stage

pytestmark = pytest.mark.transactional

MINUTE = timedelta(minutes=1)


def open_group(stage: Stage) -> str:
    return stage.opened(clock.real_now() - MINUTE)


def test_share_leads_to_its_group(mall: Mall, anyone: Caller) -> None:
    stage = stage_of(mall)
    group_id, sharer = open_group(stage), stage.shopper(nickname="栗子")

    made = calling(mall, sharer).post(f"/v1/groups/{group_id}/shares")
    shown = anyone.get(f"/v1/shares/{made.json['token']}")

    assert made.status_code == 201
    token = made.json["token"]
    assert made.json == {
        "token": token,
        "group_id": group_id,
        "path": f"pages/group/index?id={group_id}&share={token}",
    }
    assert shown.status_code == 200
    body = shown.json
    assert body["campaign"] == {"id": stage.campaign.public_id, "title": "网红薯片三人团"}
    assert (body["token"], body["sharer_nickname"]) == (token, "栗**")
    group = body["group"]
    assert (group["id"], group["state"], group["taken"], group["seats_left"]) == (
        group_id,
        "open",
        1,
        2,
    )
    assert 86_000 < group["seconds_left"] < 86_400
    assert group["leader_nickname"] == "小**"


def test_sharing_again_gives_the_same_token(mall: Mall) -> None:
    group_id = open_group(stage_of(mall))

    tokens = {mall.shopper.post(f"/v1/groups/{group_id}/shares").json["token"] for _ in range(2)}

    assert len(tokens) == 1


def test_visit_is_recorded_with_who_and_from_where(mall: Mall) -> None:
    stage = stage_of(mall)
    group_id, visitor = open_group(stage), stage.shopper()
    token = mall.shopper.post(f"/v1/groups/{group_id}/shares").json["token"]
    path = f"/v1/shares/{token}"

    calling(mall, visitor).call("GET", path, headers={"X-Device-Id": "phone-1"})
    mall.shopper.get(path)

    assert stage.rows("SELECT shopper_id, device FROM visits WHERE merchant_id = :v", mall.id) == [
        (visitor[1], "phone-1")
    ]


def test_share_of_a_group_that_is_over_says_so(mall: Mall, anyone: Caller) -> None:
    stage = stage_of(mall)
    group_id = fail_group(stage, stage.shopper(), stage.start)
    token = mall.shopper.post(f"/v1/groups/{group_id}/shares").json["token"]

    group = anyone.get(f"/v1/shares/{token}").json["group"]

    assert (group["state"], group["seats_left"], group["seconds_left"]) == ("failed", 0, 0)


def test_pending_group_cannot_be_shared(mall: Mall) -> None:
    stage = stage_of(mall)
    me = stage.shopper()
    order = stage.open(me, clock.real_now())

    answer = calling(mall, me).post(f"/v1/groups/{order['group_id']}/shares")

    assert (answer.status_code, answer.json["code"]) == (409, "group_not_shareable")


def test_other_malls_groups_and_shares_do_not_exist(mall: Mall, other_mall: Mall) -> None:
    group_id = open_group(stage_of(mall))
    token = mall.shopper.post(f"/v1/groups/{group_id}/shares").json["token"]

    sharing = other_mall.shopper.post(f"/v1/groups/{group_id}/shares")
    visiting = other_mall.shopper.get(f"/v1/shares/{token}")

    assert (sharing.status_code, sharing.json["code"]) == (404, "group_not_found")
    assert (visiting.status_code, visiting.json["code"]) == (404, "share_not_found")


def test_unknown_tokens_and_strangers_are_refused(mall: Mall, anyone: Caller) -> None:
    group_id = open_group(stage_of(mall))

    assert anyone.get("/v1/shares/n0th1ng").json["code"] == "share_not_found"
    assert anyone.post(f"/v1/groups/{group_id}/shares").status_code == 401
    assert Caller(anyone.client, "forged").get("/v1/shares/n0th1ng").status_code == 401


def test_visits_without_end_are_shown_and_not_recorded(
    mall: Mall, anyone: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PINBU_VISITS_PER_MINUTE", "3")
    limits.visit_limiter.cache_clear()
    stage = stage_of(mall)
    token = mall.shopper.post(f"/v1/groups/{open_group(stage)}/shares").json["token"]

    answers = [
        anyone.call("GET", f"/v1/shares/{token}", headers={"X-Device-Id": f"phone-{n}"})
        for n in range(8)
    ]

    assert {answer.status_code for answer in answers} == {200}
    assert stage.one("SELECT count(*) FROM visits WHERE merchant_id = :v", mall.id) == 3
