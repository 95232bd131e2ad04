"""Orders over HTTP: what is refused before anything is looked up."""

import itertools
from datetime import timedelta
from typing import Any

import pytest

from domain import clock
from domain.public_ids import new_public_id
from tests.api.callers import Caller, Mall
from tests.api.stages import ADDRESS, calling, stage_of

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
        ({"share_token": "abc\n"}, "share_token"),
        ({"variant_id": "0" * 19 + "\x00"}, "variant_id"),
        ({"address": {**ADDRESS, "phone": "-----"}}, "address.phone"),
        ({"address": {**ADDRESS, "phone": "12345\n"}}, "address.phone"),
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
