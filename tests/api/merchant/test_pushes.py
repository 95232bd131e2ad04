"""Coupon pushes over HTTP: who gets them, what they cost, what came of them."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from domain.checkout.settling import give_due_pushes
from domain.clock import real_now
from domain.database import read_clock, transaction
from domain.settlement import pushing
from tests.api.callers import Caller, Mall
from tests.api.merchant.test_gifts import SETTINGS, post, spent
from tests.api.stages import fail_group, stage_of
from tests.scenarios.stage import Stage

pytestmark = pytest.mark.transactional

PATH = "/v1/merchant/coupon-pushes"


@pytest.fixture
def stage(mall: Mall) -> Stage:
    mall.owner.patch(SETTINGS, goodwill_budget_fen=10_000, reason="本月")
    return stage_of(mall)


def push(segment: str, **values: Any) -> dict[str, Any]:
    return {"segment": segment, "value_fen": 300, "reason": "召回"} | values


def give() -> None:
    while give_due_pushes(at=read_clock()):
        pass


def set_shopper(shopper: tuple[int, int], **values: Any) -> None:
    changes = ", ".join(f"{name} = :{name}" for name in values)
    with transaction() as session:
        session.execute(
            text(f"UPDATE shoppers SET {changes} WHERE id = :id"),  # noqa: S608 - a test's words
            {**values, "id": shopper[1]},
        )


def holders(stage: Stage) -> list[int]:
    rows = stage.rows(
        "SELECT shopper_id FROM instruments WHERE merchant_id = :v AND source = 'gift'"
        " ORDER BY shopper_id",
        stage.merchant_id,
    )
    return [row[0] for row in rows]


def figures(caller: Caller) -> dict[str, Any]:
    (found,) = caller.get(PATH).json["items"]
    return {n: found[n] for n in ("shoppers", "given", "used", "conversion_bps", "paid_fen")}


class TestSegments:
    def test_won_is_who_was_in_a_group_that_formed(self, mall: Mall, stage: Stage) -> None:
        winners = [stage.shopper() for _ in range(3)]
        opened = stage.open(winners[0], stage.start)
        stage.pay(opened, stage.start)
        for winner in winners[1:]:
            stage.pay(stage.join(winner, opened["group_id"], stage.start), stage.start)
        fail_group(stage, stage.shopper(), stage.start)

        post(mall.operator, PATH, **push("won"))
        give()

        assert holders(stage) == sorted(winner[1] for winner in winners)

    def test_subsidised_is_whose_subsidy_was_issued(self, mall: Mall, stage: Stage) -> None:
        lucky = stage.shopper()
        fail_group(stage, lucky, stage.start)
        stage.open(stage.shopper(), stage.start)

        post(mall.operator, PATH, **push("subsidised"))
        give()

        assert holders(stage) == [lucky[1]]

    def test_dormant_is_who_paid_nothing_for_so_long(self, mall: Mall, stage: Stage) -> None:
        dormant, young, active = (stage.shopper() for _ in range(3))
        long_ago = real_now() - timedelta(days=40)
        set_shopper(dormant, created_at=long_ago)
        set_shopper(young, created_at=real_now() - timedelta(days=29))
        set_shopper(active, created_at=long_ago)
        stage.pay(stage.open(active, stage.start), stage.start)

        post(mall.operator, PATH, **push("dormant", dormant_days=30))
        give()

        assert dormant[1] in holders(stage)
        assert not {young[1], active[1]} & set(holders(stage))

    def test_followers_are_who_follow_and_are_not_blocked(self, mall: Mall, stage: Stage) -> None:
        follower, blocked, later = (stage.shopper() for _ in range(3))
        stage.shopper()
        now = real_now()
        set_shopper(follower, followed_at=now - timedelta(days=1))
        set_shopper(blocked, followed_at=now - timedelta(days=1), flag="block")

        post(mall.operator, PATH, **push("followers"))
        set_shopper(later, followed_at=now + timedelta(days=1))
        give()

        assert holders(stage) == [follower[1]]


@pytest.fixture
def followers(stage: Stage) -> list[tuple[int, int]]:
    found = [stage.shopper() for _ in range(5)]
    for follower in found:
        set_shopper(follower, followed_at=real_now() - timedelta(days=1))
    return found


def test_each_shopper_gets_one_coupon_however_often_the_job_runs(
    mall: Mall, stage: Stage, followers: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushing, "CHUNK", 2)

    answer = post(mall.operator, PATH, **push("followers", threshold_fen=500, valid_days=7))
    again = post(mall.operator, PATH, **push("followers", threshold_fen=500, valid_days=7))
    assert (answer.status_code, again.json) == (201, answer.json)
    assert (answer.json["shoppers"], answer.json["set_aside_fen"]) == (5, 1500)
    assert spent(mall, stage) == 1500
    give()
    give()

    assert holders(stage) == [follower[1] for follower in followers]
    assert spent(mall, stage) == 1500
    found = stage.rows(
        "SELECT DISTINCT kind, value_fen, threshold_fen, expires_at - issued_at FROM instruments"
        " WHERE merchant_id = :v",
        stage.merchant_id,
    )
    assert found == [("coupon", 300, 500, timedelta(days=7))]


def test_what_a_smaller_segment_does_not_need_goes_back(
    mall: Mall, stage: Stage, followers: list[tuple[int, int]]
) -> None:
    post(mall.operator, PATH, **push("followers"))
    set_shopper(followers[0], followed_at=None)
    give()

    assert spent(mall, stage) == 1200
    assert stage.rows(
        "SELECT set_aside_fen, done_at IS NOT NULL FROM coupon_pushes WHERE merchant_id = :v",
        stage.merchant_id,
    ) == [(1200, True)]


def test_conversion_counts_coupons_that_pay_an_order(
    mall: Mall, stage: Stage, followers: list[tuple[int, int]]
) -> None:
    post(mall.operator, PATH, **push("followers"))
    give()
    coupon = stage.one("SELECT public_id FROM instruments WHERE shopper_id = :v", followers[0][1])
    order = stage.open(followers[0], stage.start, coupon_id=coupon)
    stage.pay(order, stage.start)

    assert figures(mall.viewer) == {
        "shoppers": 5,
        "given": 5,
        "used": 1,
        "conversion_bps": 2000,
        "paid_fen": order["payable_fen"],
    }


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"segment": "won"}, (409, "segment_empty")),
        ({"value_fen": 2001}, (409, "goodwill_exhausted")),
        ({"segment": "everybody"}, (422, "invalid_request")),
        ({"value_fen": 0}, (422, "invalid_request")),
        ({"threshold_fen": 299}, (422, "invalid_request")),
        ({"valid_days": 0}, (422, "invalid_request")),
        ({"dormant_days": 7}, (422, "invalid_request")),
        ({"segment": "dormant"}, (422, "invalid_request")),
    ],
)
def test_push_that_cannot_be_given_changes_nothing(
    mall: Mall,
    stage: Stage,
    followers: list[tuple[int, int]],
    changes: dict[str, Any],
    refusal: tuple[int, str],
) -> None:
    answer = post(mall.operator, PATH, **(push("followers") | changes))

    assert (answer.status_code, answer.json["code"]) == refusal
    assert spent(mall, stage) == 0
    assert mall.viewer.get(PATH).json["items"] == []


def test_viewer_pushes_nothing(mall: Mall, followers: list[tuple[int, int]]) -> None:
    assert post(mall.viewer, PATH, **push("followers")).status_code == 403
