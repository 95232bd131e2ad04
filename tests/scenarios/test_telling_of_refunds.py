"""What goes back is told by the means that paid it: in the order, its notices and its message."""

from datetime import timedelta
from typing import Any

import pytest

from domain import clock
from domain.auditing.gateway_record import read_sandbox_record
from domain.auditing.running import audit
from domain.checkout.reacting import consume_facts
from domain.checkout.settling import release_due_holds
from domain.database import read_clock, transaction
from domain.notices.templates import check_templates, keep_templates
from domain.terms import SubsidyKind, SubsidyRule
from jobs.reactions import REACTIONS
from tests.factories.campaigns import make_campaign
from tests.factories.instruments import make_gift
from tests.sandbox_server import wait_until
from tests.world import ADDRESS, Phone, World, expect

pytestmark = pytest.mark.transactional


def sell(world: World, rule: SubsidyRule | None = None, **values: Any) -> None:
    with transaction() as session:
        world.campaign = make_campaign(
            session,
            world.merchant_id,
            subsidy=rule or SubsidyRule(SubsidyKind.CASH, 1000),
            group_price_fen=2000,
            ends_at=clock.real_now() + timedelta(days=30),
            **values,
        )


def give(world: World, phone: Phone, kind: SubsidyKind, amount_fen: int, **values: Any) -> None:
    [(shopper_id,)] = world.rows("SELECT id FROM shoppers WHERE public_id = :id", id=phone.id)
    at = read_clock()
    with transaction() as session:
        make_gift(session, (world.merchant_id, shopper_id), kind, amount_fen, at=at, **values)


def usable(phone: Phone, name: str) -> str:
    [one] = expect(200, phone.get(f"/v1/me/{name}", params={"state": "usable"}))["items"]
    found: str = one["id"]
    return found


def texts(phone: Phone, key: str) -> list[str]:
    headers = {"Accept-Language": "zh"}
    items = expect(200, phone.get("/v1/me/notices", headers=headers))["items"]
    return [item["text"] for item in items if item["key"] == key]


def failed(phone: Phone, order: dict[str, Any]) -> dict[str, Any]:
    phone.world.end_deadline(order["group_id"])
    phone.world.run_jobs()
    wait_until(lambda: phone.order(order)["state"] == "refunded")
    phone.world.run_jobs()
    return phone.order(order)


def means_of(order: dict[str, Any]) -> list[tuple[str, int]]:
    assert all(part["arrived_at"] for part in order["refund"]["parts"])
    return [(part["means"], part["amount_fen"]) for part in order["refund"]["parts"]]


def assert_sound(world: World) -> None:
    record = read_sandbox_record(f"{world.sandbox.url}/control")
    report = audit(at=read_clock(), gateway_record=record)
    assert report.is_ok, report.to_text()


def test_coupon_s_part_is_no_money(world: World) -> None:
    sell(world)
    shopper = world.phone()
    give(world, shopper, SubsidyKind.COUPON, 300)
    order = shopper.buy(shopper.open(coupon_id=usable(shopper, "coupons")))

    ended = failed(shopper, order)

    assert means_of(ended) == [("gateway", 1700), ("coupon", 300)]
    assert ended["refund"]["amount_fen"] == 1700
    assert texts(shopper, "group.failed") == [
        "很遗憾，「网红薯片三人团」未成团。17 元将按付款方式原路退回，优惠券已退回卡包。"
        "补贴：10 元已记入您的余额，可直接提现或消费。"
    ]
    assert texts(shopper, "order.refunded") == [
        "「网红薯片三人团」的退款已完成：17 元已退回原支付账户，优惠券已退回卡包。"
    ]
    assert_sound(world)


def test_pass_comes_back_and_no_money_is_spoken_of(world: World) -> None:
    sell(world)
    shopper = world.phone()
    give(world, shopper, SubsidyKind.PASS, 2000)

    ended = failed(shopper, shopper.open(pass_id=usable(shopper, "passes")))

    assert means_of(ended) == [("pass", 2000)]
    assert (ended["refund"]["state"], ended["refund"]["amount_fen"]) == ("arrived", 0)
    assert texts(shopper, "group.failed") == [
        "很遗憾，「网红薯片三人团」未成团。免单资格已退回卡包。"
        "这一单没有补贴：补贴不超过您用余额和支付渠道为该名额支付的金额。"
    ]
    assert texts(shopper, "order.refunded") == []
    assert_sound(world)


def test_wallet_and_points_are_parts_of_their_own(world: World) -> None:
    sell(world)
    shopper = world.phone()
    give(world, shopper, SubsidyKind.CASH, 801)
    give(world, shopper, SubsidyKind.POINTS, 250)
    order = shopper.buy(shopper.open(use_wallet=True, use_points=True))

    ended = failed(shopper, order)

    assert means_of(ended) == [("gateway", 949), ("wallet", 801), ("points", 250)]
    assert ended["refund"]["amount_fen"] == 1750
    assert ended["refund"]["arrived_at"] == max(p["arrived_at"] for p in ended["refund"]["parts"])
    assert texts(shopper, "group.failed")[0].startswith(
        "很遗憾，「网红薯片三人团」未成团。"
        "9.49 元将按付款方式原路退回，8.01 元已退回余额，250 积分已退回。"
    )
    assert_sound(world)


def test_subscribe_message_names_the_money_only(world: World) -> None:
    sell(world)
    world.sandbox.post(
        "/templates", appid=world.app_id, template_id="t", keywords=["thing1", "amount2"]
    )
    fields = {"thing1": "title", "amount2": "refund"}
    given = {"template_id": "t", "page": "pages/order/index?id={order}", "fields": fields}
    with transaction() as session:
        keep_templates(session, world.app_id, check_templates({"group.failed": given}))
    shopper = world.phone()
    world.sandbox.post(
        "/consents", appid=world.app_id, openid=shopper.openid, template_id="t", granted=1
    )
    give(world, shopper, SubsidyKind.COUPON, 300)

    failed(shopper, shopper.buy(shopper.open(coupon_id=usable(shopper, "coupons"))))

    [message] = world.sandbox.items("/messages", openid=shopper.openid)
    assert message["data"]["amount2"] == "17元"


def test_hold_that_runs_out_is_told_with_what_comes_back(world: World) -> None:
    sell(world)
    shopper = world.phone()
    give(world, shopper, SubsidyKind.COUPON, 300)
    order = shopper.open(coupon_id=usable(shopper, "coupons"))

    later = clock.real_now() + timedelta(minutes=6)
    release_due_holds(at=later)
    consume_facts("notify", REACTIONS["notify"], at=later)

    assert means_of(shopper.order(order)) == [("coupon", 300)]
    assert texts(shopper, "order.expired") == [
        "「网红薯片三人团」的订单超时未付款，名额已释放。优惠券已退回卡包。"
    ]
    assert_sound(world)


def test_what_is_given_up_is_not_told(world: World) -> None:
    sell(world)
    shopper = world.phone()
    order = shopper.open()

    expect(201, shopper.post(f"/v1/orders/{order['id']}/cancellation"))
    world.run_jobs()

    assert expect(200, shopper.get("/v1/me/notices"))["items"] == []


def test_what_is_bought_alone_is_told_once(world: World) -> None:
    sell(world)
    shopper = world.phone()
    body = {"variant_id": world.campaign.variant.public_id, "address": ADDRESS}
    order = expect(201, shopper.post("/v1/orders", body))
    shopper.buy(order)

    world.run_jobs()
    world.run_jobs()

    [told] = texts(shopper, "order.bought")
    assert told.startswith("购买成功！「")
    assert_sound(world)


def test_next_leader_is_told_once(world: World) -> None:
    sell(world, group_size=4)
    leader, second, third = (world.phone() for _ in range(3))
    order = leader.buy(leader.open())
    for phone in (second, third):
        phone.buy(phone.join(order["group_id"]))

    expect(201, leader.post(f"/v1/orders/{order['id']}/cancellation"))
    world.run_jobs()

    assert texts(second, "order.led") == [
        "原团长已退出，您现在是「网红薯片三人团」的团长。分享给好友，更快成团。"
    ]
    assert texts(third, "order.led") == texts(leader, "order.led") == []
    assert_sound(world)


def test_first_to_pay_leads_a_group_without_a_leader(world: World) -> None:
    sell(world)
    leader, friend = world.phone(), world.phone()
    order = leader.buy(leader.open())
    held = friend.join(order["group_id"])
    expect(201, leader.post(f"/v1/orders/{order['id']}/cancellation"))

    friend.buy(held)
    world.run_jobs()

    assert len(texts(friend, "order.led")) == 1
    assert_sound(world)


def test_gift_names_kind_amount_condition_and_end(world: World) -> None:
    shopper = world.phone()
    give(world, shopper, SubsidyKind.COUPON, 300, threshold_fen=1000, valid_days=7)
    give(world, shopper, SubsidyKind.POINTS, 500)
    world.run_jobs()

    points, coupon = texts(shopper, "gift.issued")

    assert coupon.startswith("商家赠送您：一张 3 元优惠券（满 10 元可用，20")
    assert coupon.endswith(" 前有效（北京时间））已放入您的卡包。")
    assert points == "商家赠送您：500 积分（价值 5 元）已到账。"
