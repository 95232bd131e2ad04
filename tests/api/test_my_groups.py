"""My groups over HTTP."""

from datetime import timedelta

import pytest

from domain import clock
from tests.api.callers import Caller, Mall
from tests.api.stages import calling, fail_group, form_group, stage_of

pytestmark = pytest.mark.transactional

PATH = "/v1/me/groups"
MINUTE = timedelta(minutes=1)


def test_groups_stand_by_how_they_ended(mall: Mall) -> None:
    stage, now = stage_of(mall), clock.real_now()
    me = stage.shopper()
    formed = form_group(stage, me, stage.start)
    failed = fail_group(stage, me, stage.start)
    order = stage.open(me, now - MINUTE)
    stage.pay(order, now - MINUTE)
    caller = calling(mall, me)

    every = caller.get(PATH).json["items"]
    by_status = {
        status: [g["group_id"] for g in caller.get(PATH, status=status).json["items"]]
        for status in ("running", "formed", "failed")
    }

    assert [(g["status"], g["group_state"]) for g in every] == [
        ("running", "open"),
        ("failed", "failed"),
        ("formed", "formed"),
    ]
    assert by_status == {"running": [order["group_id"]], "formed": [formed], "failed": [failed]}
    running, lost, won = every
    assert (running["taken"], running["size"], running["is_leader"]) == (1, 3, True)
    assert (lost["taken"], won["taken"]) == (1, 3)
    assert lost["refund"] == {"state": "requested", "amount_fen": 1990}
    assert lost["subsidy"] == {"state": "issued", "amount_fen": 1000}
    assert won["campaign"] == {"id": stage.campaign.public_id, "title": "网红薯片三人团"}
    assert (won["order_state"], won["refund"], won["subsidy"]) == ("fulfilling", None, None)


def test_seat_that_expired_has_no_status(mall: Mall) -> None:
    stage, now = stage_of(mall), clock.real_now()
    group_id, me = stage.opened(now - 20 * MINUTE), stage.shopper()
    stage.join(me, group_id, now - 19 * MINUTE)
    stage.expire(now - 10 * MINUTE)

    [mine] = calling(mall, me).get(PATH).json["items"]

    assert (mine["order_state"], mine["status"], mine["group_state"]) == ("expired", None, "open")


def test_my_groups_are_mine_and_paged(mall: Mall, other_mall: Mall) -> None:
    stage = stage_of(mall)
    me = stage.shopper()
    made = [fail_group(stage, me, stage.start + n * MINUTE) for n in range(3)]
    form_group(stage, stage.shopper(), stage.start)
    caller = calling(mall, me)

    first = caller.get(PATH, limit=2).json
    second = caller.get(PATH, limit=2, cursor=first["next_cursor"]).json

    assert [g["group_id"] for g in first["items"] + second["items"]] == made[::-1]
    assert second["next_cursor"] is None
    assert other_mall.shopper.get(PATH).json["items"] == []


def test_bad_status_and_strangers_are_refused(mall: Mall, anyone: Caller) -> None:
    assert mall.shopper.get(PATH, status="lost").status_code == 422
    assert anyone.get(PATH).status_code == 401
    assert mall.owner.get(PATH).status_code == 401
