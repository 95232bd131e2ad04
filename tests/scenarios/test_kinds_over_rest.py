"""Each kind of subsidy over REST and the gateway: got from a failure, spent, and come back once."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from domain import clock
from domain.auditing.gateway_record import read_sandbox_record
from domain.auditing.running import audit
from domain.database import read_clock, transaction
from domain.terms import RewardRule, SubsidyKind, SubsidyRule
from tests.factories.campaigns import make_campaign
from tests.sandbox_server import wait_until
from tests.world import Phone, World, expect

pytestmark = pytest.mark.transactional

REWARD = RewardRule(formed_fen=500, failed_fen=300, threshold_fen=1500, valid_days=30)


@dataclass(frozen=True)
class Story:
    """A kind: what the first failure gives, how the second seat is paid by it, what that gives."""

    rule: SubsidyRule
    uses: str
    beside_fen: int
    again_fen: int

    def means(self, phone: Phone) -> dict[str, Any]:
        """Return the fields of an order that is paid with it."""
        if self.uses not in {"coupons", "passes"}:
            return {self.uses: True}
        path = f"/v1/me/{self.uses}"
        [one] = expect(200, phone.get(path, params={"state": "usable"}))["items"]
        return {f"{self.rule.kind.value}_id": one["id"]}


COUPON = SubsidyRule(SubsidyKind.COUPON, 600, threshold_fen=1500, valid_days=30)
STORIES = {
    "cash": Story(SubsidyRule(SubsidyKind.CASH, 1000), "use_wallet", 900, 500),
    "points": Story(SubsidyRule(SubsidyKind.POINTS, 800), "use_points", 1100, 500),
    "coupon": Story(COUPON, "coupons", 1300, 500),
    "pass": Story(SubsidyRule(SubsidyKind.PASS, 1950, valid_days=30), "passes", 0, 0),
}


def sell(
    world: World,
    price_fen: int,
    rule: SubsidyRule,
    reward: RewardRule | None = None,
    *,
    size: int = 3,
) -> None:
    """Sell at this price, by these rules, from now on."""
    with transaction() as session:
        world.campaign = make_campaign(
            session,
            world.merchant_id,
            group_size=size,
            subsidy=rule,
            reward=reward,
            group_price_fen=price_fen,
            ends_at=clock.real_now() + timedelta(days=30),
        )


def held(phone: Phone) -> dict[str, int]:
    """Return what a shopper holds, in fen, by kind."""
    passes = expect(200, phone.get("/v1/me/passes", params={"state": "usable"}))["items"]
    coupons = expect(200, phone.get("/v1/me/coupons", params={"state": "usable"}))["items"]
    return {
        "cash": expect(200, phone.get("/v1/me/wallet"))["balance_fen"],
        "points": expect(200, phone.get("/v1/me/points"))["worth_fen"],
        "coupon": sum(coupon["value_fen"] for coupon in coupons),
        "pass": sum(one["value_fen"] for one in passes),
    }


def ended(phone: Phone, order: dict[str, Any]) -> dict[str, Any]:
    """Let the group fail, and wait for its refund."""
    phone.world.end_deadline(order["group_id"])
    phone.world.run_jobs()
    wait_until(lambda: phone.order(order)["state"] == "refunded")
    return phone.order(order)


def assert_books_are_equal(world: World) -> None:
    record = read_sandbox_record(f"{world.sandbox.url}/control")
    report = audit(at=read_clock(), gateway_record=record)
    assert report.is_ok, report.to_text()


@pytest.mark.parametrize("story", STORIES.values(), ids=list(STORIES))
def test_subsidy_is_got_spent_and_given_back(world: World, story: Story) -> None:
    kind, nothing = story.rule.kind.value, dict.fromkeys(STORIES, 0)
    shopper = world.phone()
    sell(world, 1990, story.rule)
    first = ended(shopper, shopper.buy(shopper.open()))
    got = held(shopper)

    sell(world, 1900, replace(story.rule, amount_fen=500))
    order = shopper.open(**story.means(shopper))
    if order["payable_fen"]:
        assert shopper.buy(order)["state"] == "paid"
    spent = held(shopper)
    second = ended(shopper, order)

    assert (first["subsidy"]["kind"], first["subsidy"]["state"]) == (kind, "issued")
    assert got == nothing | {kind: story.rule.amount_fen}
    assert (order["payable_fen"], spent) == (story.beside_fen, nothing)
    assert second["subsidy"]["amount_fen"] == story.again_fen
    assert held(shopper) == nothing | {kind: story.rule.amount_fen + story.again_fen}
    assert_books_are_equal(world)


def test_invites_count_whether_or_not_the_client_repeats_the_token(world: World) -> None:
    """One friend registers by the share, one opens it signed in, one is a stranger."""
    rule = SubsidyRule(SubsidyKind.CASH, 300, invite_fen=500, invites_most=3)
    sell(world, 1990, rule, REWARD, size=5)
    leader, order = world.opened()
    share = expect(201, leader.post(f"/v1/groups/{order['group_id']}/shares"))
    registered = world.phone(share_token=share["token"])
    visitor, stranger = world.phone(), world.phone()
    expect(200, visitor.get(f"/v1/shares/{share['token']}"))
    for friend in (registered, visitor):
        friend.buy(friend.join(order["group_id"]))
    last = stranger.join(order["group_id"], share_token="a" * 20)

    found = ended(leader, order)

    assert found["subsidy"]["amount_fen"] == 1300
    invited = found["subsidy"]["parts"][1]
    assert (invited["kind"], invited["count"], invited["amount_fen"]) == ("invites", 2, 1000)
    assert invited["text"] == "邀请 2 位好友付款加补"
    rewarded = expect(200, leader.get("/v1/me/invitees"))["items"]
    assert sorted(i["reward_fen"] for i in rewarded) == [300, 300]
    assert stranger.order(last)["state"] == "expired"
    assert_books_are_equal(world)


def test_referrer_is_rewarded_for_a_friend_s_group(world: World) -> None:
    sell(world, 1990, SubsidyRule(SubsidyKind.CASH, 1000), REWARD)
    leader, order = world.opened()
    share = expect(201, leader.post(f"/v1/groups/{order['group_id']}/shares"))
    friend = world.phone(share_token=share["token"], nickname="小友")
    friend.buy(friend.join(order["group_id"], share_token=share["token"]))
    ended(leader, order)

    [invitee] = expect(200, leader.get("/v1/me/invitees"))["items"]
    [coupon] = expect(200, leader.get("/v1/me/coupons"))["items"]

    assert (invitee["outcome"], invitee["reward_fen"]) == ("failed", 300)
    assert invitee["coupon_id"] == coupon["id"]
    assert (coupon["value_fen"], coupon["threshold_fen"]) == (300, 1500)
    assert coupon["source"] == "reward"
    assert expect(200, friend.get("/v1/me/invitees"))["items"] == []
    assert_books_are_equal(world)
