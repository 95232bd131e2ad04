"""My points over HTTP."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from domain.checkout.expiring import expire_due
from domain.checkout.giving_up import give_up_order
from domain.database import transaction
from domain.settlement.clawing_back import ClawBack, claw_back
from domain.settlement.issuing import Source
from domain.terms import SubsidyKind
from tests.api.callers import Caller, Mall
from tests.api.stages import calling, stage_of
from tests.factories.instruments import make_gift
from tests.scenarios.stage import Stage

pytestmark = pytest.mark.transactional

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)

Shopper = tuple[int, int]


@pytest.fixture
def stage(mall: Mall) -> Stage:
    return stage_of(mall)


def give(stage: Stage, shopper: Shopper, value_fen: int, *, days_ago: int = 0) -> None:
    with transaction() as session:
        at = stage.start - days_ago * DAY
        make_gift(session, shopper, SubsidyKind.POINTS, value_fen, at=at)


def set_worth(stage: Stage, points_per_yuan: int) -> None:
    with transaction() as session:
        session.execute(
            text("UPDATE merchant_settings SET points_per_yuan = :n WHERE merchant_id = :m"),
            {"n": points_per_yuan, "m": stage.merchant_id},
        )


def told(caller: Caller) -> list[tuple[Any, ...]]:
    items = caller.get("/v1/me/points/entries").json["items"]
    return [(e["kind"], e["amount_fen"], e["balance_after_fen"]) for e in items[::-1]]


def test_there_are_none_at_first(mall: Mall) -> None:
    assert mall.shopper.get("/v1/me/points").json == {
        "points": 0,
        "worth_fen": 0,
        "points_per_yuan": 100,
        "lots": [],
    }
    assert mall.shopper.get("/v1/me/points/entries").json == {"items": [], "next_cursor": None}


def test_lots_are_shown_first_to_expire_first(mall: Mall, stage: Stage) -> None:
    me = stage.shopper()
    give(stage, me, 300)
    give(stage, me, 500, days_ago=100)
    give(stage, me, 800, days_ago=365)
    set_worth(stage, 10)

    mine = calling(mall, me).get("/v1/me/points").json

    assert (mine["points"], mine["worth_fen"], mine["points_per_yuan"]) == (80, 800, 10)
    assert [(lot["left_fen"], lot["points"], lot["source"]) for lot in mine["lots"]] == [
        (500, 50, "gift"),
        (300, 30, "gift"),
    ]
    assert mine["lots"][0]["expires_at"] < mine["lots"][1]["expires_at"]


def test_entries_tell_what_came_and_went(mall: Mall, stage: Stage) -> None:
    me = stage.shopper()
    give(stage, me, 500, days_ago=10)
    give(stage, me, 700, days_ago=364)
    order = stage.open(me, stage.start, use_points=True)
    give_up_order(me, order["id"], stage.basket(me).key, at=stage.start + SECOND)
    expire_due(at=stage.start + DAY)

    entries = calling(mall, me).get("/v1/me/points/entries").json["items"]

    assert told(calling(mall, me)) == [
        ("issued", 700, 700),
        ("issued", 500, 1200),
        ("spent", -1200, 0),
        ("returned", 1200, 1200),
        ("expired", -700, 500),
    ]
    assert [entry["points"] for entry in entries] == [-700, 1200, -1200, 500, 700]
    assert [entry["order_id"] for entry in entries] == [None, order["id"], order["id"], None, None]
    assert entries[0]["text"] == "Expired"
    chinese = Caller(mall.shopper.client, calling(mall, me).token, language="zh")
    assert chinese.get("/v1/me/points/entries").json["items"][0]["text"] == "积分过期"
    assert len({entry["id"] for entry in entries}) == 5


def test_points_that_expire_on_their_return_are_told_too(mall: Mall, stage: Stage) -> None:
    me = stage.shopper()
    give(stage, me, 700, days_ago=364)
    give(stage, me, 1290)
    order = stage.open(me, stage.start + DAY - 2 * SECOND, use_points=True)
    assert order["state"] == "paid"
    give_up_order(me, order["id"], stage.basket(me).key, at=stage.start + DAY + SECOND)
    expire_due(at=stage.start + DAY + 2 * SECOND)

    assert told(calling(mall, me))[2:] == [
        ("spent", -1990, 0),
        ("returned", 1990, 1990),
        ("expired", -700, 1290),
    ]


def test_what_was_clawed_back_is_told(mall: Mall, stage: Stage) -> None:
    me = stage.shopper()
    give(stage, me, 700)
    gift_id = stage.one("SELECT id FROM gifts WHERE shopper_id = :v", me[1])
    with transaction() as session:
        gift = (stage.merchant_id, gift_id)
        wanted = ClawBack(Source.GIFT, gift, "test", at_most_fen=200)
        claw_back(session, wanted, at=stage.start + SECOND, actor="test")

    assert told(calling(mall, me)) == [("issued", 700, 700), ("clawed_back", -200, 500)]


def test_entries_are_paged(mall: Mall, stage: Stage) -> None:
    me = stage.shopper()
    for days_ago in (3, 2, 2, 1):
        give(stage, me, 100 * days_ago, days_ago=days_ago)
    caller = calling(mall, me)

    whole = caller.get("/v1/me/points/entries").json["items"]
    pages, cursor = [], None
    while not pages or cursor:
        page = caller.get(
            "/v1/me/points/entries", limit=1, **({"cursor": cursor} if cursor else {})
        )
        pages += page.json["items"]
        cursor = page.json["next_cursor"]

    assert [entry["id"] for entry in pages] == [entry["id"] for entry in whole]
    assert [entry["balance_after_fen"] for entry in whole] == [800, 700, 500, 300]
    assert caller.get("/v1/me/points/entries", cursor="x").json["code"] == "cursor_unreadable"


def test_points_are_their_shoppers_alone(
    mall: Mall, other_mall: Mall, anyone: Caller, stage: Stage
) -> None:
    give(stage, stage.shopper(), 500)

    for caller in (mall.shopper, other_mall.shopper):
        assert caller.get("/v1/me/points").json["points"] == 0
        assert caller.get("/v1/me/points/entries").json["items"] == []
    for path in ("/v1/me/points", "/v1/me/points/entries"):
        assert anyone.get(path).status_code == 401
        assert mall.owner.get(path).status_code == 401
