"""A merchant with WeChat and Alipay: a shopper's mini-program decides where they log in and pay."""

from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from domain.auditing.gateway_record import compare_lines, our_lines, read_sandbox_record
from domain.checkout.driving_withdrawals import drive_withdrawals
from domain.database import read_clock, reading, transaction
from domain.merchants.adding import add_app, add_gateway_account
from tests.domain.gateways.alipay_shop import alipay_credentials, open_keys
from tests.sandbox_server import wait_until
from tests.world import Phone, World, expect

pytestmark = pytest.mark.transactional


@dataclass
class Seller:
    """The world's merchant at Alipay."""

    world: World
    app_id: str
    seller_id: str
    account_public_id: str

    def phone(self) -> Phone:
        """Log a new shopper in, through Alipay."""
        code = self.world.sandbox.post("/alipay/codes", app_id=self.app_id)
        body = {"code": code["code"], "app_id": self.app_id, "nickname": "小蓝"}
        session = expect(201, self.world.http.post("/v1/auth/sessions", json=body))
        return Phone(
            self.world,
            code["open_id"],
            session["shopper"]["id"],
            {"Authorization": f"Bearer {session['access_token']}"},
        )

    def tap(self, phone: Phone, prepared: dict[str, Any]) -> httpx.Response:
        """Hand the client's parameters to the shopper's phone."""
        parameters = {**prepared["client_parameters"], "open_id": phone.openid}
        return self.world.sandbox.http.post("/shopper/alipay/pay", json=parameters)

    def opened(self) -> tuple[Phone, dict[str, Any]]:
        """Open a group with a leader who has paid."""
        leader = self.phone()
        order = leader.open()
        expect(200, self.tap(leader, leader.prepare(order)))
        wait_until(lambda: leader.order(order)["state"] == "paid")
        return leader, order

    def trades(self) -> list[dict[str, Any]]:
        """List the seller's trades at Alipay."""
        return self.world.sandbox.items("/alipay/orders", seller_id=self.seller_id)

    def send(self, prepared: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
        """Have a payment's notification sent."""
        answer = self.world.sandbox.post(
            "/alipay/callbacks/send", out_trade_no=prepared["payment_id"], **options
        )
        deliveries: list[dict[str, Any]] = answer["deliveries"]
        return deliveries


@pytest.fixture
def seller(world: World) -> Seller:
    keys = open_keys(world.sandbox)
    with transaction() as session:
        add_app(session, world.merchant_id, app_id=keys["app_id"], secret="", platform="alipay")
        account = add_gateway_account(
            session, world.merchant_id, credentials=alipay_credentials(keys), at=read_clock()
        )
    return Seller(world, keys["app_id"], keys["seller_id"], account.public_id)


def test_failed_group_is_credited_at_once_and_refunded_through_alipay(seller: Seller) -> None:
    world = seller.world
    leader, order = seller.opened()
    world.end_deadline(order["group_id"])

    world.run_jobs()

    wait_until(lambda: leader.order(order)["state"] == "refunded")
    ended = leader.order(order)
    assert (ended["subsidy"]["state"], ended["subsidy"]["amount_fen"]) == ("issued", 1000)
    assert ended["refund"]["state"] == "arrived"
    [refund] = world.sandbox.items("/alipay/refunds", seller_id=seller.seller_id)
    assert refund["refund_fen"] == 1990
    assert world.sandbox.items("/orders", mchid=world.mch_no) == []


def test_group_forms_over_both_gateways(seller: Seller) -> None:
    world = seller.world
    leader, order = seller.opened()
    members = [world.phone(), world.phone()]
    for member in members:
        member.buy(member.join(order["group_id"]))

    progress = expect(200, leader.get(f"/v1/groups/{order['group_id']}"))

    assert (progress["state"], progress["taken"]) == ("formed", 3)
    assert [trade["status"] for trade in seller.trades()] == ["TRADE_SUCCESS"]
    at_wechat = world.sandbox.items("/orders", mchid=world.mch_no)
    assert [one["state"] for one in at_wechat] == ["SUCCESS", "SUCCESS"]


def test_books_equal_both_gateways(seller: Seller) -> None:
    world = seller.world
    leader, order = seller.opened()
    world.opened()
    world.end_deadline(order["group_id"])
    world.run_jobs()
    wait_until(lambda: leader.order(order)["state"] == "refunded")

    theirs = read_sandbox_record(f"{world.sandbox.url}/control")

    with reading() as session:
        ours = our_lines(session)
    assert compare_lines(ours, theirs) == []
    assert sorted(line.kind for line in theirs) == ["payment", "payment", "refund"]


def test_withdrawal_arrives_at_once_at_alipay(seller: Seller) -> None:
    world = seller.world
    leader, order = seller.opened()
    world.end_deadline(order["group_id"])
    world.run_jobs()
    wait_until(lambda: leader.order(order)["state"] == "refunded")
    world.sandbox.post(f"/alipay/accounts/{seller.seller_id}", balance_fen=5000)
    asked = expect(201, leader.post("/v1/me/withdrawals", {"amount_fen": 400}))

    drive_withdrawals(at=read_clock())

    [ended] = expect(200, leader.get("/v1/me/withdrawals"))["items"]
    assert (ended["id"], ended["state"]) == (asked["id"], "succeeded")
    [transfer] = world.sandbox.items("/alipay/transfers", seller_id=seller.seller_id)
    assert (transfer["out_biz_no"], transfer["amount_fen"]) == (asked["id"], 400)
    assert transfer["payee_open_id"] == leader.openid
    with reading() as session:
        ours = our_lines(session)
    assert compare_lines(ours, read_sandbox_record(f"{world.sandbox.url}/control")) == []


def test_notification_that_never_comes_is_found_by_asking(seller: Seller) -> None:
    world = seller.world
    leader = seller.phone()
    order = leader.open()
    prepared = leader.prepare(order)
    world.sandbox.post("/callbacks/withhold", mchid=seller.seller_id)
    expect(200, seller.tap(leader, prepared))
    with transaction() as session:
        session.execute(text("UPDATE work_rows SET due_at = now() WHERE kind = 'drive_payment'"))

    world.run_jobs()

    assert leader.order(order)["state"] == "paid"


def test_unpaid_hold_is_closed_at_alipay_before_its_seat_is_freed(seller: Seller) -> None:
    _, opened = seller.opened()
    member = seller.phone()
    order = member.join(opened["group_id"])
    member.prepare(order)
    expect(201, member.post(f"/v1/orders/{order['id']}/cancellation"))

    seller.world.run_jobs()

    assert member.order(order)["state"] == "cancelled"
    assert seller.trades()[-1]["status"] == "TRADE_CLOSED"


def test_forged_notifications_do_nothing(seller: Seller) -> None:
    leader = seller.phone()
    order = leader.open()
    prepared = leader.prepare(order)

    for variant in ("tampered", "extended", "doubled", "forged", "unsigned", "stale", "wrong_app"):
        [delivery] = seller.send(prepared, variant=variant)
        assert delivery["status"] == 401, variant

    assert leader.order(order)["state"] == "placed"


def test_repeated_notifications_are_answered_success_and_applied_once(seller: Seller) -> None:
    leader = seller.phone()
    order = leader.open()
    prepared = leader.prepare(order)
    seller.world.sandbox.post("/callbacks/withhold", mchid=seller.seller_id)
    expect(200, seller.tap(leader, prepared))

    deliveries = seller.send(prepared, times=5)

    assert deliveries == [{"status": 200, "error": None}] * 5
    assert leader.order(order)["state"] == "paid"
    assert seller.world.rows(
        "SELECT count(*) FROM ledger_transactions WHERE kind = 'payment.received'"
    ) == [(1,)]


def test_used_code_does_not_log_in(seller: Seller) -> None:
    code = seller.world.sandbox.post("/alipay/codes", app_id=seller.app_id)
    body = {"code": code["code"], "app_id": seller.app_id}

    answers = [seller.world.http.post("/v1/auth/sessions", json=body) for _ in range(2)]

    assert [one.status_code for one in answers] == [201, 401]


def test_app_without_its_account_can_neither_log_in_nor_be_paid(world: World) -> None:
    with transaction() as session:
        app_id = "2021000000000009"
        add_app(session, world.merchant_id, app_id=app_id, secret="", platform="alipay")

    answer = world.http.post("/v1/auth/sessions", json={"code": "any", "app_id": app_id})

    assert answer.status_code == 409
    assert answer.json()["code"] == "no_gateway_account"


def test_callback_at_the_other_gateways_address_is_unknown(seller: Seller) -> None:
    world = seller.world
    for gateway, account in (
        ("wechat", seller.account_public_id),
        ("alipay", world.account_public_id),
    ):
        answer = world.http.post(f"/v1/callbacks/{gateway}/{account}/payment", content=b"a=1")

        assert answer.status_code == 404
