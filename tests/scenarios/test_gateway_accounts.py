"""A gateway account's keys: rotated while callbacks are on their way, and proved to work."""

import json
from typing import Any

import pytest
from flask import Flask

from tests.sandbox_server import SandboxServer, wait_until
from tests.world import World, expect

pytestmark = pytest.mark.transactional


@pytest.fixture
def sandbox(own_sandbox: SandboxServer) -> SandboxServer:
    """A sandbox whose keys the story changes."""
    return own_sandbox


def run(*arguments: str, **options: Any) -> Any:
    from api import create_app  # noqa: PLC0415 - it reads the settings of this world

    app: Flask = create_app()
    return app.test_cli_runner().invoke(args=list(arguments), **options)


def credentials(keys: dict[str, Any]) -> str:
    """Write what the gateway gives for download as the product's credentials."""
    return json.dumps(
        {
            "gateway": "wechat",
            "mch_no": keys["mchid"],
            "app_id": keys["appid"],
            "merchant_private_key_pem": keys["merchant_private_key"],
            "merchant_serial": keys["merchant_serial"],
            "platform_public_key_pem": keys["platform_public_key"],
            "platform_public_key_id": keys["platform_public_key_id"],
            "apiv3_key": keys["apiv3_key"],
        }
    )


def issued(world: World) -> dict[str, Any]:
    """Have the gateway issue a whole new set of keys; the former ones stay valid."""
    kinds = ["merchant", "public_key", "apiv3"]
    return world.sandbox.post(f"/accounts/{world.mch_no}/keys", issue=kinds)


def rotate(world: World, keys: dict[str, Any]) -> Any:
    return run(
        "gateway-account-rotate",
        world.account_public_id,
        "--credentials",
        "-",
        input=credentials(keys),
    )


def test_callback_of_the_former_keys_is_believed_until_they_are_retired(world: World) -> None:
    leader = world.phone()
    order = leader.open()
    ready = leader.prepare(order)
    world.sandbox.post("/callbacks/withhold", mchid=world.mch_no)
    expect(200, leader.pay(ready))
    keys = world.sandbox.get(f"/accounts/{world.mch_no}/keys")
    newer = {**keys, "apiv3_key": "n" * 32, "platform_public_key_id": "PUB_KEY_ID_NEWER"}
    assert rotate(world, newer).exit_code == 0

    told = world.sandbox.post("/callbacks/send", out_trade_no=ready["payment_id"])

    assert [delivery["status"] for delivery in told["deliveries"]] == [204]
    assert leader.order(order)["state"] == "paid"
    assert run("gateway-account-retire", world.account_public_id).exit_code == 0
    again = world.sandbox.post("/callbacks/send", out_trade_no=ready["payment_id"])
    assert [delivery["status"] for delivery in again["deliveries"]] == [401]


def test_everything_goes_on_with_new_keys(world: World) -> None:
    assert rotate(world, issued(world)).exit_code == 0
    world.sandbox.http.delete(f"/control/accounts/{world.mch_no}/keys")

    leader, order = world.opened()
    world.end_deadline(order["group_id"])
    world.run_jobs()

    wait_until(lambda: leader.order(order)["state"] == "refunded")


def test_two_sets_of_keys_at_most_and_of_this_account_only(world: World) -> None:
    keys = issued(world)
    assert rotate(world, keys).exit_code == 0

    third = rotate(world, keys)
    foreign = rotate(world, {**keys, "mchid": "1900000001"})

    assert (third.exit_code, "rotation_unfinished" in third.output) == (1, True)
    assert (foreign.exit_code, "gateway_account_differs" in foreign.output) == (1, True)
    missing = run("gateway-account-retire", "nobodys")
    assert (missing.exit_code, "gateway_account_not_found" in missing.output) == (1, True)


def check(world: World) -> tuple[int, dict[str, Any]]:
    result = run("gateway-account-check", "wechat", world.account_public_id)
    proofs = [json.loads(line) for line in result.stdout.splitlines()]
    return result.exit_code, {proof["step"]: proof["problem"] for proof in proofs}


def test_check_proves_that_an_account_works(world: World) -> None:
    code, problems = check(world)

    assert code == 0
    assert problems == dict.fromkeys(("query", "query_refund", "query_transfer", "download_bill"))
    assert world.sandbox.items("/orders", mchid=world.mch_no) == []


def test_check_says_what_does_not_work(world: World) -> None:
    keys = issued(world)
    assert rotate(world, {**keys, "merchant_serial": "A" * 40}).exit_code == 0

    code, problems = check(world)

    assert code == 1
    assert "SIGN_ERROR" in problems["query"]
