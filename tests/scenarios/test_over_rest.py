"""The whole way over REST and the gateway: login, open, pay, join, form or fail, credit, refund."""

import secrets

import pytest

from domain.database import transaction
from domain.merchants.adding import add_app
from tests.sandbox_server import wait_until
from tests.world import World, expect

pytestmark = pytest.mark.transactional


def test_group_forms_when_the_last_member_pays(world: World) -> None:
    _, order = world.opened()
    group_id = order["group_id"]
    for _ in range(2):
        member = world.phone()
        last = member.buy(member.join(group_id))

    progress = expect(200, member.get(f"/v1/groups/{group_id}"))

    assert (progress["state"], progress["taken"], len(progress["members"])) == ("formed", 3, 3)
    assert progress["my_order_id"] == last["id"]
    assert last["state"] == "fulfilling"


def test_failed_group_is_credited_at_once_and_refunded_through_the_gateway(world: World) -> None:
    leader, order = world.opened()
    world.end_deadline(order["group_id"])

    world.run_jobs()

    wait_until(lambda: leader.order(order)["state"] == "refunded")
    ended = leader.order(order)
    assert ended["subsidy"]["state"] == "issued"
    assert ended["subsidy"]["amount_fen"] == 1000
    assert ended["refund"]["state"] == "arrived"
    [refund] = world.sandbox.items("/refunds", mchid=world.mch_no)
    assert (refund["status"], refund["refund_fen"]) == ("SUCCESS", 1990)


def test_callback_that_never_comes_is_found_by_asking(world: World) -> None:
    leader = world.phone()
    order = leader.open()
    prepared = leader.prepare(order)
    world.sandbox.post("/callbacks/withhold", mchid=world.mch_no)
    expect(200, leader.pay(prepared))
    assert leader.order(order)["state"] == "placed"
    with_due_now(world)

    world.run_jobs()

    assert leader.order(order)["state"] == "paid"


def test_unpaid_hold_is_closed_at_the_gateway_before_its_seat_is_freed(world: World) -> None:
    _, opened = world.opened()
    member = world.phone()
    order = member.join(opened["group_id"])
    prepared = member.prepare(order)
    given_up = expect(201, member.post(f"/v1/orders/{order['id']}/cancellation"))
    assert given_up["seat_state"] == "releasing"

    world.run_jobs()

    assert member.order(order)["state"] == "cancelled"
    [at_gateway] = world.sandbox.items("/orders", out_trade_no=prepared["payment_id"])
    assert at_gateway["state"] == "CLOSED"


def test_forged_and_stale_callbacks_do_nothing(world: World) -> None:
    leader = world.phone()
    order = leader.open()
    prepared = leader.prepare(order)

    for variant in (
        "tampered",
        "forged",
        "stale",
        "signtest",
        "unknown_serial",
        "unsigned",
        "wrong_key",
        "wrong_mchid",
        "wrong_appid",
    ):
        answer = world.sandbox.post(
            "/callbacks/send", out_trade_no=prepared["payment_id"], variant=variant
        )
        assert [d["status"] for d in answer["deliveries"]] == [401], variant

    assert leader.order(order)["state"] == "placed"
    assert dict(world.rows("SELECT reason, times FROM refused_callbacks")) == {
        "bad_signature": 5,
        "stale": 1,
        "unsigned": 1,
        "wrong_merchant": 2,
    }


def test_fifty_equal_callbacks_at_once_are_applied_once(world: World) -> None:
    leader = world.phone()
    order = leader.open()
    prepared = leader.prepare(order)
    world.sandbox.post("/callbacks/withhold", mchid=world.mch_no)
    expect(200, leader.pay(prepared))

    answer = world.sandbox.post(
        "/callbacks/send", out_trade_no=prepared["payment_id"], times=50, parallel=True
    )

    assert {d["status"] for d in answer["deliveries"]} == {204}
    assert leader.order(order)["state"] == "paid"
    assert world.rows(
        "SELECT count(*) FROM ledger_transactions WHERE kind = 'payment.received'"
    ) == [(1,)]
    assert world.rows("SELECT count(*) FROM refunds") == [(0,)]


def test_shopper_of_a_second_mini_program_pays_as_a_shopper_of_that_one(world: World) -> None:
    app_id = second_app(world)
    leader = world.phone(app_id=app_id)
    order = leader.open()

    prepared = leader.prepare(order)
    expect(200, leader.pay(prepared))
    wait_until(lambda: leader.order(order)["state"] == "paid")
    world.end_deadline(order["group_id"])
    world.run_jobs()
    wait_until(lambda: leader.order(order)["state"] == "refunded")

    assert prepared["client_parameters"]["appId"] == app_id
    [at_gateway] = world.sandbox.items("/orders", mchid=world.mch_no)
    assert (at_gateway["appid"], at_gateway["openid"]) == (app_id, leader.openid)


def test_payment_of_a_second_mini_program_is_found_by_asking(world: World) -> None:
    leader = world.phone(app_id=second_app(world))
    order = leader.open()
    prepared = leader.prepare(order)
    world.sandbox.post("/callbacks/withhold", mchid=world.mch_no)
    expect(200, leader.pay(prepared))
    with_due_now(world)

    world.run_jobs()

    assert leader.order(order)["state"] == "paid"


def second_app(world: World) -> str:
    """Add a mini-program to the merchant, bound to its number; returns its app id."""
    app_id = f"wx{secrets.token_hex(8)}"
    app = world.sandbox.post(f"/accounts/{world.mch_no}/apps", appid=app_id)
    with transaction() as session:
        add_app(session, world.merchant_id, app_id=app_id, secret=app["app_secret"])
    return app_id


def with_due_now(world: World) -> None:
    """Make all waiting work due, as if half a minute had passed."""
    from sqlalchemy import text  # noqa: PLC0415

    with transaction() as session:
        session.execute(text("UPDATE work_rows SET due_at = now() WHERE kind = 'drive_payment'"))
