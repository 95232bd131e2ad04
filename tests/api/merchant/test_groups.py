"""Groups over HTTP, for staff."""

from datetime import timedelta

import pytest

from domain import clock
from domain.public_ids import new_public_id
from tests.api.callers import Caller, Mall
from tests.api.stages import fail_group, form_group, stage_of

pytestmark = pytest.mark.transactional

MINUTE = timedelta(minutes=1)


def ids(answer: object) -> list[str]:
    return [item["id"] for item in answer.json["items"]]  # type: ignore[attr-defined]


def test_groups_come_newest_first_with_their_leaders(mall: Mall) -> None:
    stage = stage_of(mall)
    formed = form_group(stage, stage.shopper(nickname="小明"), stage.start)
    failed = fail_group(stage, stage.shopper(nickname="阿柚"), stage.start + MINUTE)

    answer = mall.viewer.get("/v1/merchant/groups")

    assert answer.status_code == 200
    assert ids(answer) == [failed, formed]
    lost, won = answer.json["items"]
    assert (lost["state"], lost["taken"], lost["paid_seats"]) == ("failed", 0, 1)
    assert (won["state"], won["taken"], won["paid_seats"]) == ("formed", 3, 3)
    assert (lost["leader_nickname"], won["leader_nickname"]) == ("阿柚", "小明")
    assert won["campaign_id"] == stage.campaign.public_id
    assert won["campaign_title"] == "网红薯片三人团"
    assert lost["deadline_at"] > lost["opened_at"]


def test_groups_are_narrowed_by_state_campaign_and_day(mall: Mall) -> None:
    stage, other = stage_of(mall), stage_of(mall)
    formed = form_group(stage, stage.shopper(), stage.start)
    failed = fail_group(stage, stage.shopper(), stage.start - timedelta(days=5))
    elsewhere = fail_group(other, other.shopper(), other.start)
    today = clock.shanghai_day(stage.start).isoformat()

    get = mall.viewer.get
    assert ids(get("/v1/merchant/groups", state="failed")) == [elsewhere, failed]
    assert ids(get("/v1/merchant/groups", campaign_id=stage.campaign.public_id)) == [failed, formed]
    assert ids(get("/v1/merchant/groups", from_on=today)) == [elsewhere, formed]
    assert ids(get("/v1/merchant/groups", to_on=today, state="failed")) == [elsewhere, failed]
    assert ids(get("/v1/merchant/groups", state="open")) == []


def test_groups_are_paged(mall: Mall) -> None:
    stage = stage_of(mall)
    made = [fail_group(stage, stage.shopper(), stage.start + n * MINUTE) for n in range(3)]

    first = mall.viewer.get("/v1/merchant/groups", limit=2)
    second = mall.viewer.get("/v1/merchant/groups", limit=2, cursor=first.json["next_cursor"])

    assert ids(first) + ids(second) == made[::-1]
    assert second.json["next_cursor"] is None


def test_bad_filters_are_refused(mall: Mall) -> None:
    assert mall.viewer.get("/v1/merchant/groups", state="gone").status_code == 422
    assert mall.viewer.get("/v1/merchant/groups", from_on="yesterday").status_code == 422
    assert mall.viewer.get("/v1/merchant/groups", limit=101).status_code == 422
    assert mall.viewer.get("/v1/merchant/groups", cursor="x").json["code"] == "cursor_unreadable"
    for days in ({"from_on": "0001-01-01"}, {"to_on": "9999-12-31"}):
        assert mall.viewer.get("/v1/merchant/groups", **days).status_code == 422
    backwards = mall.viewer.get("/v1/merchant/groups", from_on="2026-05-12", to_on="2026-05-11")
    assert (backwards.status_code, backwards.json["field"]) == (422, "to_on")
    unknown = mall.viewer.get("/v1/merchant/groups", campaign_id=new_public_id())
    assert (unknown.status_code, unknown.json["code"]) == (404, "campaign_not_found")


def test_group_shows_members_money_and_moves(mall: Mall) -> None:
    stage = stage_of(mall)
    leader, leaver = stage.shopper(nickname="小明"), stage.shopper(nickname="阿柚")
    order = stage.open(leader, stage.start)
    stage.pay(order, stage.start)
    group_id = order["group_id"]
    stage.join(leaver, group_id, stage.start + MINUTE)
    stage.settle(group_id, stage.start + timedelta(days=1))
    stage.expire(stage.start + timedelta(days=1))

    shown = mall.viewer.get(f"/v1/merchant/groups/{group_id}").json

    assert shown["id"] == group_id
    paid, unpaid = shown["members"]
    assert (paid["order_id"], paid["nickname"], paid["is_leader"]) == (order["id"], "小明", True)
    assert (paid["state"], paid["seat_state"], paid["price_fen"]) == ("refunding", "released", 1990)
    assert (paid["refund"]["state"], paid["refund"]["amount_fen"]) == ("requested", 1990)
    assert (paid["subsidy"]["state"], paid["subsidy"]["amount_fen"]) == ("issued", 1000)
    assert (unpaid["state"], unpaid["refund"], unpaid["subsidy"]) == ("expired", None, None)
    assert [(m["from"], m["to"], m["by"]) for m in shown["moves"]] == [
        ("pending", "open", "gateway"),
        ("open", "closing", "settlement"),
        ("closing", "failed", "settlement"),
    ]


def test_move_by_a_shopper_names_them(mall: Mall) -> None:
    stage = stage_of(mall, subsidy_fen=1000)
    shopper = stage.shopper(nickname="小明")
    for minutes in (0, 1):
        fail_group(stage, shopper, stage.start - timedelta(days=3) + minutes * MINUTE)
    order = stage.open(shopper, stage.start, use_wallet=True)
    assert order["payable_fen"] == 0

    shown = mall.viewer.get(f"/v1/merchant/groups/{order['group_id']}").json

    assert [(m["to"], m["by"], m["name"]) for m in shown["moves"]] == [("open", "shopper", "小明")]


def test_group_of_another_merchant_does_not_exist(mall: Mall, other_mall: Mall) -> None:
    stage = stage_of(mall)
    group_id = fail_group(stage, stage.shopper(), stage.start)

    answer = other_mall.owner.get(f"/v1/merchant/groups/{group_id}")

    assert (answer.status_code, answer.json["code"]) == (404, "group_not_found")
    assert ids(other_mall.owner.get("/v1/merchant/groups")) == []


def test_shoppers_and_strangers_see_nothing(mall: Mall, anyone: Caller) -> None:
    assert anyone.get("/v1/merchant/groups").status_code == 401
    assert mall.shopper.get("/v1/merchant/groups").status_code == 401
