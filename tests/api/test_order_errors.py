"""Errors that say what to do, and name the order they are about."""

from datetime import timedelta
from typing import Any

import pytest

from domain import clock
from domain.database import transaction
from domain.public_ids import new_public_id
from tests.api.callers import Caller, Mall
from tests.api.stages import ADDRESS, calling, stage_of
from tests.factories.shoppers import make_shopper
from tests.scenarios.stage import Stage

pytestmark = pytest.mark.transactional

MINUTE = timedelta(minutes=1)


def ask(caller: Caller, path: str, **body: Any) -> Any:
    headers = {"Idempotency-Key": new_public_id()}
    return caller.call("POST", path, json=body or None, headers=headers)


def join(caller: Caller, stage: Stage, group_id: str) -> Any:
    body = {"variant_id": stage.campaign.variant.public_id, "address": ADDRESS}
    return ask(caller, f"/v1/groups/{group_id}/orders", **body)


def in_chinese(caller: Caller) -> Caller:
    return Caller(caller.client, caller.token, language="zh")


def test_unpaid_order_in_the_way_is_named(mall: Mall) -> None:
    stage = stage_of(mall)
    shopper = stage.shopper()
    held = stage.open(shopper, clock.real_now())
    group_id = stage.opened(clock.real_now() - MINUTE)

    refused = join(calling(mall, shopper), stage, group_id)

    assert (refused.status_code, refused.json["code"]) == (409, "unpaid_hold_exists")
    assert refused.json["order_id"] == held["id"]


def test_own_order_in_a_group_is_named(mall: Mall) -> None:
    stage = stage_of(mall)
    shopper = stage.shopper()
    group_id = stage.opened(clock.real_now() - MINUTE)
    order = stage.join(shopper, group_id, clock.real_now())

    refused = join(calling(mall, shopper), stage, group_id)

    assert (refused.status_code, refused.json["code"]) == (409, "already_in_group")
    assert refused.json["order_id"] == order["id"]


def test_group_that_has_formed_is_full(mall: Mall) -> None:
    stage = stage_of(mall)
    group_id = stage.opened(clock.real_now() - MINUTE)
    for _ in range(2):
        stage.joined(group_id, clock.real_now() - MINUTE)

    refused = join(calling(mall, stage.shopper()), stage, group_id)

    assert (refused.status_code, refused.json["code"]) == (409, "group_full")


def test_group_that_has_failed_says_so(mall: Mall) -> None:
    stage = stage_of(mall)
    group_id = stage.opened(stage.start)
    stage.settle(group_id, stage.start + timedelta(days=1))

    refused = join(in_chinese(calling(mall, stage.shopper())), stage, group_id)

    assert refused.json["code"] == "group_not_open"
    assert refused.json["detail"] == "这个团已结束，没有成团，可以自己开团或参加别的团"


def test_expired_order_is_to_be_placed_anew(mall: Mall) -> None:
    stage = stage_of(mall)
    shopper = stage.shopper()
    order = stage.open(shopper, stage.start)
    path = f"/v1/orders/{order['id']}/payments"
    caller = in_chinese(calling(mall, shopper))

    overdue = ask(caller, path)
    stage.expire(stage.start + 6 * MINUTE)
    expired = ask(caller, path)

    assert [a.json["code"] for a in (overdue, expired)] == ["nothing_to_pay"] * 2
    assert overdue.json["detail"] == "这个订单已超时或正在取消，请重新下单"
    assert expired.json["detail"] == "这个订单已超时取消，请重新下单"


def test_paid_order_is_not_to_be_paid_again(mall: Mall) -> None:
    stage = stage_of(mall)
    shopper = stage.shopper()
    order = stage.open(shopper, clock.real_now())
    stage.pay(order, clock.real_now())

    refused = ask(in_chinese(calling(mall, shopper)), f"/v1/orders/{order['id']}/payments")

    assert refused.json["detail"] == "这个订单已付款，无需再付"


def test_withdrawal_below_the_least_says_how_much(mall: Mall) -> None:
    refused = ask(in_chinese(mall.shopper), "/v1/me/withdrawals", amount_fen=5)

    assert (refused.status_code, refused.json["code"]) == (422, "withdrawal_too_small")
    assert refused.json["detail"] == "提现金额太小：到账至少 0.1 元"


def test_withdrawal_above_the_most_says_how_much(mall: Mall) -> None:
    refused = ask(in_chinese(mall.shopper), "/v1/me/withdrawals", amount_fen=150_000)

    assert refused.json["code"] == "withdrawal_too_large"
    assert refused.json["detail"] == "超过了单笔提现上限 200 元"


def test_wrong_length_says_which(mall: Mall) -> None:
    address = {**ADDRESS, "recipient": "长" * 41}

    refused = in_chinese(mall.shopper).post("/v1/me/addresses", **address)

    assert [(e["code"], e["detail"]) for e in refused.json["errors"]] == [
        ("wrong_length", "长度应为 1 至 40")
    ]


@pytest.mark.parametrize("path", ["/v1/me/results", "/v1/me/addresses"])
def test_unknown_parameter_is_refused(mall: Mall, path: str) -> None:
    refused = mall.shopper.get(path, limit=2)

    assert (refused.status_code, refused.json["field"]) == (422, "limit")


def test_opener_leads_a_group_that_was_abandoned(mall: Mall) -> None:
    stage = stage_of(mall)
    shopper = stage.shopper()
    stage.open(shopper, stage.start)
    stage.expire(stage.start + 6 * MINUTE)

    [mine] = calling(mall, shopper).get("/v1/me/groups").json["items"]

    assert (mine["group_state"], mine["is_leader"]) == ("abandoned", True)


def test_payment_of_somebody_else_s_order_is_not_checked(mall: Mall) -> None:
    stage = stage_of(mall)
    order = stage.open(stage.shopper(), clock.real_now())
    with transaction() as session:
        stranger = make_shopper(session, mall.id)

    refused = ask(calling(mall, (mall.id, stranger.id)), f"/v1/orders/{order['id']}/payments/check")

    assert refused.status_code == 404


def test_payments_are_checked_so_often_only(mall: Mall) -> None:
    stage = stage_of(mall)
    shopper = stage.shopper()
    order = stage.open(shopper, clock.real_now())
    path = f"/v1/orders/{order['id']}/payments/check"
    caller = calling(mall, shopper)

    answers = [ask(caller, path).status_code for _ in range(21)]

    assert answers == [200] * 20 + [429]
