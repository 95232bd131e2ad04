"""My subsidies over HTTP."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from domain import clock
from domain.database import transaction
from domain.models import ExternalProgramme
from domain.public_ids import new_public_id
from domain.terms import SubsidyKind, SubsidyRule
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
    told = {"kind": "base", "amount_fen": 1000, "text": "The subsidy"}
    assert mine["parts"] == [told]
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


NOTHING = {"coupon_id": None, "pass_id": None, "points_lot_id": None, "external": None}


def issued_as(mall: Mall, rule: SubsidyRule) -> tuple[Caller, dict[str, Any]]:
    """Fail a group under a rule; returns its member and the subsidy as it is told."""
    stage = stage_of(mall, subsidy=rule)
    me = stage.shopper()
    fail_group(stage, me, stage.start)
    caller = calling(mall, me)
    [mine] = caller.get(PATH).json["items"]
    return caller, mine


def test_cash_is_issued_as_nothing_else(mall: Mall) -> None:
    _, mine = issued_as(mall, SubsidyRule(SubsidyKind.CASH, 1000))

    assert {name: mine[name] for name in NOTHING} == NOTHING
    assert (mine["clawed_back_fen"], mine["due_at"]) == (0, mine["deadline_at"])


@pytest.mark.parametrize(
    ("kind", "path", "name"),
    [
        (SubsidyKind.COUPON, "/v1/me/coupons", "coupon_id"),
        (SubsidyKind.PASS, "/v1/me/passes", "pass_id"),
    ],
)
def test_coupon_or_pass_is_named(mall: Mall, kind: SubsidyKind, path: str, name: str) -> None:
    caller, mine = issued_as(mall, SubsidyRule(kind, 1000, valid_days=30))

    [held] = caller.get(path).json["items"]
    assert {key: mine[key] for key in NOTHING} == NOTHING | {name: held["id"]}
    assert (held["source"], held["subsidy_id"]) == ("grant", mine["id"])
    assert (mine["kind"], mine["amount_fen"], held["value_fen"]) == (kind.value, 1000, 1000)


def test_lot_of_points_is_named(mall: Mall) -> None:
    caller, mine = issued_as(mall, SubsidyRule(SubsidyKind.POINTS, 1000))

    [lot] = caller.get("/v1/me/points").json["lots"]
    [entry] = caller.get("/v1/me/points/entries").json["items"]
    assert mine["points_lot_id"] == lot["id"]
    assert lot["subsidy_id"] == entry["subsidy_id"] == mine["id"]
    assert entry["order_id"] == mine["order_id"]


def test_subsidy_that_waits_says_until_when(mall: Mall) -> None:
    rule = SubsidyRule(SubsidyKind.COUPON, 1000, valid_days=30, delay_seconds=3600)
    caller, mine = issued_as(mall, rule)

    assert (mine["state"], mine["issued_at"], mine["coupon_id"]) == ("scheduled", None, None)
    waits = datetime.fromisoformat(mine["due_at"]) - datetime.fromisoformat(mine["deadline_at"])
    assert waits == timedelta(hours=1)
    order = caller.get(f"/v1/orders/{mine['order_id']}").json
    assert (order["subsidy"]["kind"], order["subsidy"]["due_at"]) == ("coupon", mine["due_at"])


def test_points_of_a_programme_say_how_they_stand(mall: Mall) -> None:
    with transaction() as session:
        programme = ExternalProgramme(
            merchant_id=mall.id,
            public_id=new_public_id(),
            name="咖啡会员",
            delivery="export",
            url=None,
            secret_sealed=None,
            points_per_yuan=10,
            created_at=clock.real_now(),
        )
        session.add(programme)
        session.flush()
        rule = SubsidyRule(SubsidyKind.EXTERNAL_POINTS, 1000, programme_id=programme.id)

    _, mine = issued_as(mall, rule)

    external = {"programme": "咖啡会员", "state": "pending", "points": 100}
    assert {name: mine[name] for name in NOTHING} == NOTHING | {"external": external}
