"""Leaderboards of today over HTTP."""

from datetime import UTC, datetime, timedelta

import pytest

from api.views import leaderboards
from tests.api.callers import Caller, Mall
from tests.api.stages import form_group, stage_of

pytestmark = pytest.mark.transactional

NOON = datetime(2026, 5, 11, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
MAY = {"starts_at": datetime(2026, 5, 1, tzinfo=UTC), "ends_at": datetime(2026, 6, 1, tzinfo=UTC)}


@pytest.fixture(autouse=True)
def _noon(monkeypatch: pytest.MonkeyPatch) -> None:
    leaderboards.kept.clear()
    monkeypatch.setattr(leaderboards, "read_clock", lambda: NOON)


def test_hottest_are_campaigns_most_people_paid_in_today(mall: Mall) -> None:
    lukewarm = stage_of(mall, title="坚果团", **MAY)
    hot = stage_of(mall, title="薯片团", **MAY)
    twice = hot.shopper()
    form_group(hot, twice, NOON - 3 * HOUR)
    hot.pay(hot.open(twice, NOON - 2 * HOUR), NOON - 2 * HOUR)
    lukewarm.opened(NOON - HOUR)
    for hours in range(13, 17):
        lukewarm.opened(NOON - hours * HOUR)

    board = mall.shopper.get("/v1/leaderboards/hottest").json

    assert (board["name"], board["as_of"]) == ("hottest", "2026-05-11T04:00:00.000Z")
    assert [(r["rank"], r["campaign"]["title"], r["people"]) for r in board["items"]] == [
        (1, "薯片团", 3),
        (2, "坚果团", 1),
    ]
    assert board["items"][0]["group_id"] is None


def test_fastest_are_groups_that_formed_today(mall: Mall, other_mall: Mall) -> None:
    stage = stage_of(mall, **MAY)
    slow, fast = stage.opened(NOON - 3 * HOUR), stage.opened(NOON - 2 * HOUR)
    for minutes in (10, 20):
        stage.joined(slow, NOON - 3 * HOUR + minutes * MINUTE)
        stage.joined(fast, NOON - 2 * HOUR + minutes / 10 * MINUTE)
    form_group(stage, stage.shopper(), NOON - 13 * HOUR)

    board = mall.shopper.get("/v1/leaderboards/fastest").json
    others = other_mall.shopper.get("/v1/leaderboards/fastest").json

    assert [(r["rank"], r["group_id"], r["seconds"], r["people"]) for r in board["items"]] == [
        (1, fast, 120, 3),
        (2, slow, 1200, 3),
    ]
    assert board["items"][0]["leader_nickname"] == "小**"
    assert others["items"] == []


def test_answer_is_kept_for_some_seconds(mall: Mall) -> None:
    stage = stage_of(mall, **MAY)
    first = mall.shopper.get("/v1/leaderboards/fastest").json
    form_group(stage, stage.shopper(), NOON - HOUR)

    assert mall.shopper.get("/v1/leaderboards/fastest").json == first


def test_leaderboards_need_a_mall_but_no_sign_in(mall: Mall, anyone: Caller) -> None:
    app_id = {"X-App-Id": mall.merchant.app_id}

    assert anyone.get("/v1/leaderboards/hottest").status_code == 401
    shown = anyone.call("GET", "/v1/leaderboards/hottest", headers=app_id)
    assert (shown.status_code, shown.json["items"]) == (200, [])


def test_unknown_leaderboard_does_not_exist(mall: Mall) -> None:
    answer = mall.shopper.get("/v1/leaderboards/slowest")

    assert (answer.status_code, answer.json["code"]) == (404, "leaderboard_not_found")
