"""Buying a product alone over REST: what it answers where a limit is reached."""

from typing import Any

from tests.api.callers import Caller, Mall
from tests.api.stages import ADDRESS, calling, stage_of


def buy(caller: Caller, variant_id: str, key: str) -> Any:
    body = {"variant_id": variant_id, "address": ADDRESS}
    return caller.call("POST", "/v1/orders", json=body, headers={"Idempotency-Key": key})


def test_second_unpaid_order_is_a_conflict(mall: Mall) -> None:
    stage = stage_of(mall)
    caller, variant_id = calling(mall, stage.shopper()), stage.campaign.variant.public_id
    first = buy(caller, variant_id, "first")

    refused = buy(caller, variant_id, "second")

    assert (first.status_code, first.json["state"]) == (201, "placed")
    assert (refused.status_code, refused.json["code"]) == (409, "unpaid_hold_exists")
    assert refused.json["detail"] == "You have another unpaid order: pay it or give it up first"
    assert buy(caller, variant_id, "first").json == first.json


def test_blocked_shopper_is_told_a_class_of_reason(mall: Mall) -> None:
    stage = stage_of(mall)
    caller = calling(mall, stage.shopper(flag="block"))

    refused = buy(caller, stage.campaign.variant.public_id, "k")

    assert (refused.status_code, refused.json["code"]) == (422, "join_blocked")
    assert refused.json["reason_class"] == "account"
    assert "flag" not in refused.text
