"""My subsidies over HTTP."""

from datetime import timedelta

import pytest

from tests.api.callers import Caller, Mall
from tests.api.stages import calling, fail_group, stage_of

pytestmark = pytest.mark.transactional

PATH = "/v1/me/subsidies"


def test_subsidies_say_how_they_came_about(mall: Mall) -> None:
    stage = stage_of(mall)
    me = stage.shopper()
    group_id = fail_group(stage, me, stage.start)

    [mine] = calling(mall, me).get(PATH).json["items"]

    assert (mine["group_id"], mine["kind"], mine["state"]) == (group_id, "cash", "issued")
    assert (mine["quote_fen"], mine["amount_fen"]) == (1000, 1000)
    assert mine["parts"] == [{"kind": "base", "amount_fen": 1000}]
    assert mine["deadline_at"] < mine["decided_at"] == mine["issued_at"]


def test_subsidies_are_mine_newest_first_and_paged(mall: Mall, other_mall: Mall) -> None:
    stage = stage_of(mall)
    me = stage.shopper()
    made = [fail_group(stage, me, stage.start + timedelta(minutes=n)) for n in range(3)]
    fail_group(stage, stage.shopper(), stage.start)
    caller = calling(mall, me)

    first = caller.get(PATH, limit=2).json
    second = caller.get(PATH, limit=2, cursor=first["next_cursor"]).json

    assert [s["group_id"] for s in first["items"] + second["items"]] == made[::-1]
    assert second["next_cursor"] is None
    assert other_mall.shopper.get(PATH).json["items"] == []


def test_subsidies_are_for_shoppers(mall: Mall, anyone: Caller) -> None:
    assert anyone.get(PATH).status_code == 401
    assert mall.owner.get(PATH).status_code == 401
    assert mall.shopper.get(PATH, cursor="x").json["code"] == "cursor_unreadable"
