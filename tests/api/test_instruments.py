"""My coupons and passes over HTTP."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from domain.database import transaction
from domain.terms import SubsidyKind
from tests.api.callers import Caller, Mall
from tests.api.stages import calling, stage_of
from tests.factories.instruments import make_coupon
from tests.scenarios.stage import Stage

pytestmark = pytest.mark.transactional

DAY = timedelta(days=1)
PATHS = {SubsidyKind.COUPON: "/v1/me/coupons", SubsidyKind.PASS: "/v1/me/passes"}

Shopper = tuple[int, int]


@pytest.fixture
def stage(mall: Mall) -> Stage:
    return stage_of(mall)


def give(stage: Stage, shopper: Shopper, value_fen: int = 500, **values: Any) -> str:
    with transaction() as session:
        return make_coupon(session, shopper, value_fen, **{"at": stage.start, **values})


def listed(caller: Caller, path: str, **query: Any) -> list[str]:
    return [item["id"] for item in caller.get(path, **query).json["items"]]


def test_coupon_says_what_it_is_worth_from_where_and_until_when(mall: Mall, stage: Stage) -> None:
    me = stage.shopper()
    coupon = give(stage, me, 500, threshold_fen=3000, valid_days=30)

    [mine] = calling(mall, me).get("/v1/me/coupons").json["items"]

    until = (stage.start + 30 * DAY).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert mine == {
        "id": coupon,
        "state": "usable",
        "value_fen": 500,
        "threshold_fen": 3000,
        "source": "gift",
        "subsidy_id": None,
        "order_id": None,
        "issued_at": mine["issued_at"],
        "expires_at": until,
    }


def test_pass_says_what_seat_it_is_good_for(mall: Mall, stage: Stage) -> None:
    me = stage.shopper()
    free = give(stage, me, 2500, kind=SubsidyKind.PASS)

    [mine] = calling(mall, me).get("/v1/me/passes").json["items"]

    assert (mine["id"], mine["value_fen"], mine["state"]) == (free, 2500, "usable")
    assert "threshold_fen" not in mine
    assert listed(calling(mall, me), "/v1/me/coupons") == []


@pytest.mark.parametrize("kind", PATHS)
def test_they_are_listed_by_how_they_stand(mall: Mall, stage: Stage, kind: SubsidyKind) -> None:
    me, path = stage.shopper(), PATHS[kind]
    usable = give(stage, me, 5000, kind=kind)
    spent = give(stage, me, 5000, kind=kind)
    over = give(stage, me, 5000, kind=kind, at=stage.start - 31 * DAY)
    expired = give(stage, me, 5000, kind=kind, at=stage.start - 31 * DAY)
    taken = give(stage, me, 5000, kind=kind)
    order = stage.open(me, stage.start, **{f"{kind.value}_id": spent})
    with transaction() as session:
        for public_id, state in ((expired, "expired"), (taken, "clawed_back")):
            session.execute(
                text("UPDATE instruments SET state = :state WHERE public_id = :id"),
                {"state": state, "id": public_id},
            )
    caller = calling(mall, me)

    assert listed(caller, path) == [taken, expired, over, spent, usable]
    assert listed(caller, path, state="usable") == [usable]
    assert listed(caller, path, state="expired") == [expired, over]
    assert listed(caller, path, state="clawed_back") == [taken]
    [used] = caller.get(path, state="used").json["items"]
    assert (used["id"], used["order_id"], used["state"]) == (spent, order["id"], "used")


def test_coupon_reserved_for_an_unpaid_order_is_used(mall: Mall, stage: Stage) -> None:
    me = stage.shopper()
    coupon = give(stage, me)
    stage.open(me, stage.start, coupon_id=coupon)

    assert listed(calling(mall, me), "/v1/me/coupons", state="used") == [coupon]


def test_coupons_are_paged_newest_first(mall: Mall, stage: Stage) -> None:
    me = stage.shopper()
    made = [give(stage, me) for _ in range(3)]
    caller = calling(mall, me)

    first = caller.get("/v1/me/coupons", limit=2).json
    second = caller.get("/v1/me/coupons", limit=2, cursor=first["next_cursor"]).json

    assert [item["id"] for item in first["items"] + second["items"]] == made[::-1]
    assert second["next_cursor"] is None


@pytest.mark.parametrize("kind", PATHS)
def test_only_my_own_are_listed(
    mall: Mall, other_mall: Mall, anyone: Caller, stage: Stage, kind: SubsidyKind
) -> None:
    give(stage, stage.shopper(), kind=kind)

    assert mall.shopper.get(PATHS[kind]).json["items"] == []
    assert other_mall.shopper.get(PATHS[kind]).json["items"] == []
    assert anyone.get(PATHS[kind]).status_code == 401
    assert mall.owner.get(PATHS[kind]).status_code == 401


def test_state_that_there_is_not_is_refused(mall: Mall) -> None:
    answer = mall.shopper.get("/v1/me/coupons", state="reserved")

    assert (answer.status_code, answer.json["field"]) == (422, "state")
