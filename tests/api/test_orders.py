"""Orders over HTTP: what is refused before anything is looked up."""

import itertools
from datetime import timedelta
from typing import Any

import pytest

from api import limits
from domain import clock
from domain.database import transaction
from domain.public_ids import new_public_id
from tests.api.callers import Caller, Mall
from tests.api.stages import ADDRESS, calling, stage_of
from tests.scenarios.purses import MIXES, fill

pytestmark = pytest.mark.transactional

MINUTE = timedelta(minutes=1)
_numbers = itertools.count(1)


def ask(caller: Caller, path: str, **options: Any) -> Any:
    headers = {"Idempotency-Key": f"orders-{next(_numbers)}"}
    return caller.call("POST", path, headers=headers, **options)


BODILESS = [
    f"/v1/orders/{'0' * 20}/payments",
    f"/v1/orders/{'0' * 20}/cancellation",
    f"/v1/groups/{'0' * 20}/shares",
]


@pytest.mark.parametrize("path", BODILESS)
def test_body_may_be_empty_where_nothing_is_asked(mall: Mall, path: str) -> None:
    assert ask(mall.shopper, path).status_code == 404
    assert ask(mall.shopper, path, data="{}", content_type="application/json").status_code == 404


@pytest.mark.parametrize("path", BODILESS)
def test_nothing_is_taken_where_nothing_is_asked(mall: Mall, path: str) -> None:
    unknown = ask(mall.shopper, path, json={"amount_fen": 1})
    broken = ask(mall.shopper, path, data="{", content_type="application/json")
    form = ask(mall.shopper, path, data={"amount_fen": "1"})

    assert (unknown.status_code, unknown.json["field"]) == (422, "amount_fen")
    assert (broken.status_code, broken.json["code"]) == (400, "malformed_json")
    assert form.status_code == 415


def test_goods_need_somewhere_to_go(mall: Mall) -> None:
    stage = stage_of(mall)
    group_id = stage.opened(clock.real_now() - MINUTE)
    caller = calling(mall, stage.shopper())
    body = {"variant_id": stage.campaign.variant.public_id}

    for path in (
        f"/v1/campaigns/{stage.campaign.public_id}/groups",
        f"/v1/groups/{group_id}/orders",
        "/v1/orders",
    ):
        for nowhere in ({}, {"address": None}):
            answer = ask(caller, path, json={**body, **nowhere})
            assert (answer.status_code, answer.json["field"]) == (422, "address")
    assert caller.get("/v1/me/orders").json["items"] == []


def test_order_keeps_its_address(mall: Mall) -> None:
    stage = stage_of(mall)
    caller = calling(mall, stage.shopper())
    body = {"variant_id": stage.campaign.variant.public_id, "address": ADDRESS}

    answer = ask(caller, f"/v1/campaigns/{stage.campaign.public_id}/groups", json=body)

    assert answer.status_code == 201
    assert caller.get(f"/v1/orders/{answer.json['id']}").json["address"] == ADDRESS


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"use_wallet": 1}, "use_wallet"),
        ({"use_wallet": "yes"}, "use_wallet"),
        ({"share_token": "a\x00"}, "share_token"),
        ({"variant_id": "0" * 19 + "\x00"}, "variant_id"),
        ({"address": {**ADDRESS, "phone": "-----"}}, "address.phone"),
        ({"address": {**ADDRESS, "recipient": " \u3000 "}}, "address.recipient"),
        ({"address": {**ADDRESS, "detail": "\u200b"}}, "address.detail"),
    ],
)
def test_malformed_order_names_its_field(mall: Mall, change: dict[str, Any], field: str) -> None:
    body = {"variant_id": new_public_id(), "address": ADDRESS, **change}

    answer = ask(mall.shopper, f"/v1/groups/{new_public_id()}/orders", json=body)

    assert (answer.status_code, answer.json["field"]) == (422, field)


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ({}, "idempotency_key_missing"),
        ({"Idempotency-Key": "k" * 65}, "idempotency_key_malformed"),
        ({"Idempotency-Key": "a key"}, "idempotency_key_malformed"),
    ],
)
def test_order_needs_a_well_formed_key(mall: Mall, key: dict[str, str], code: str) -> None:
    body = {"variant_id": new_public_id(), "address": ADDRESS}

    answer = mall.shopper.call("POST", "/v1/orders", json=body, headers=key)

    assert (answer.status_code, answer.json["code"]) == (422, code)
    assert answer.json["field"] == "Idempotency-Key"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"coupon_id": ["0" * 20, "1" * 20]}, "coupon_id"),
        ({"coupon_id": "0" * 19}, "coupon_id"),
        ({"pass_id": 7}, "pass_id"),
        ({"use_points": -1}, "use_points"),
        ({"use_points": 100}, "use_points"),
        ({"points_fen": -1}, "points_fen"),
        ({"wallet_fen": -1}, "wallet_fen"),
        ({"for_points": 1}, "for_points"),
    ],
)
def test_malformed_means_name_their_field(mall: Mall, change: dict[str, Any], field: str) -> None:
    body = {"variant_id": new_public_id(), "address": ADDRESS, **change}

    answer = ask(mall.shopper, "/v1/orders", json=body)

    assert (answer.status_code, answer.json["field"]) == (422, field)


def test_group_order_is_never_for_points(mall: Mall) -> None:
    body = {"variant_id": new_public_id(), "address": ADDRESS, "for_points": True}

    answer = ask(mall.shopper, f"/v1/groups/{new_public_id()}/orders", json=body)

    assert (answer.status_code, answer.json["field"]) == (422, "for_points")


def test_order_tells_what_it_was_paid_with(mall: Mall) -> None:
    stage = stage_of(mall)
    me = stage.shopper()
    using = fill(stage, me, MIXES["all four"], stage.start)
    caller = calling(mall, me)
    body = {"variant_id": stage.campaign.variant.public_id, "address": ADDRESS, **using}

    placed = ask(caller, f"/v1/campaigns/{stage.campaign.public_id}/groups", json=body).json
    read = caller.get(f"/v1/orders/{placed['id']}").json

    parts = {"instrument_fen": 500, "points_fen": 300, "wallet_fen": 800, "payable_fen": 390}
    named = {"coupon_id": using["coupon_id"], "pass_id": None}
    for order in (placed, read):
        assert order.items() >= (parts | named).items()


def test_pass_pays_over_http_and_is_named(mall: Mall) -> None:
    stage = stage_of(mall)
    me = stage.shopper()
    using = fill(stage, me, MIXES["pass"], stage.start)
    caller = calling(mall, me)
    body = {"variant_id": stage.campaign.variant.public_id, "address": ADDRESS, **using}

    placed = ask(caller, f"/v1/campaigns/{stage.campaign.public_id}/groups", json=body).json

    assert (placed["state"], placed["payable_fen"]) == ("paid", 0)
    [mine] = caller.get("/v1/me/orders").json["items"]
    assert (mine["pass_id"], mine["coupon_id"]) == (using["pass_id"], None)


def test_product_is_bought_for_points_over_http(mall: Mall) -> None:
    stage = stage_of(mall)
    me = stage.shopper()
    fill(stage, me, MIXES["enough points"], stage.start)
    with transaction() as session:
        session.merge(stage.campaign.variant).points_price_fen = 900
    caller = calling(mall, me)
    body = {"variant_id": stage.campaign.variant.public_id, "address": ADDRESS, "for_points": True}

    order = ask(caller, "/v1/orders", json=body).json

    assert (order["state"], order["price_fen"], order["points_fen"]) == ("fulfilling", 900, 900)


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"coupon_id": "0" * 20}, 404, "coupon_not_found"),
        ({"pass_id": "0" * 20}, 404, "pass_not_found"),
        ({"pass_id": "0" * 20, "use_wallet": True}, 422, "means_conflict"),
        ({"for_points": True}, 422, "not_for_points"),
    ],
)
def test_means_that_are_wrong_have_their_code(
    mall: Mall, change: dict[str, Any], status: int, code: str
) -> None:
    stage = stage_of(mall)
    body = {"variant_id": stage.campaign.variant.public_id, "address": ADDRESS, **change}

    answer = ask(calling(mall, stage.shopper()), "/v1/orders", json=body)

    assert (answer.status_code, answer.json["code"]) == (status, code)


@pytest.mark.parametrize(
    "path", ["/v1/orders", f"/v1/groups/{'0' * 20}/orders", f"/v1/campaigns/{'0' * 20}/groups"]
)
def test_orders_without_end_are_stopped(
    mall: Mall, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setenv("PINBU_ORDERS_PER_MINUTE", "3")
    limits.order_limiter.cache_clear()
    body = {"variant_id": "0" * 20, "address": ADDRESS}

    answers = [ask(mall.shopper, path, json=body) for _ in range(4)]

    assert {answer.status_code for answer in answers[:3]} <= {404, 422}
    assert answers[3].status_code == 429
    assert answers[3].json["code"] == "too_many_attempts"
