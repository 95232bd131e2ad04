"""Telling WeChat that an order goes out."""

import pytest
from sqlalchemy import text

from domain.checkout.errors import NothingToShip
from domain.checkout.uploading_shippings import upload_shipping
from domain.database import read_clock, transaction
from domain.gateways.errors import GatewayRejected, GatewayUnknown
from domain.gateways.miniprogram import Parcel
from tests.sandbox_server import sandbox, shared_sandbox
from tests.world import ADDRESS, World, expect, world

pytestmark = pytest.mark.transactional

__all__ = ["sandbox", "shared_sandbox", "world"]

PARCEL = Parcel("SF", "SF100", "薯片*1", "****0000")
Key = tuple[int, int]


@pytest.fixture
def order(world: World) -> Key:
    """An order bought alone: it is being fulfilled as soon as it is paid."""
    buyer = world.phone()
    body = {"variant_id": world.campaign.variant.public_id, "address": ADDRESS}
    placed = expect(201, buyer.post("/v1/orders", body))
    assert buyer.buy(placed)["state"] == "fulfilling"
    return key_of(world, placed["id"])


def key_of(world: World, public_id: str) -> Key:
    [(inner,)] = world.rows("SELECT id FROM orders WHERE public_id = :id", id=public_id)
    return (world.merchant_id, inner)


def upload(order: Key, *parcels: Parcel, is_complete: bool = True) -> None:
    upload_shipping(order, parcels or (PARCEL,), is_complete=is_complete, at=read_clock())


def told(world: World) -> list[dict[str, object]]:
    return world.sandbox.items("/shippings", mchid=world.mch_no)


def test_order_is_told_with_its_payment_and_payer(world: World, order: Key) -> None:
    upload(order)

    [kept] = told(world)
    [(number, openid)] = world.rows(
        "SELECT p.transaction_no, s.openid FROM payments p JOIN orders o ON o.id = p.order_id"
        " JOIN shoppers s ON s.id = o.shopper_id"
    )
    assert kept["transaction_id"] == number
    assert kept["payer"] == {"openid": openid}
    assert kept["is_complete"] is True


def test_upload_of_unknown_fate_may_be_repeated(world: World, order: Key) -> None:
    world.sandbox.fault("drop_after", operation="upload_shipping", count=1)

    with pytest.raises(GatewayUnknown):
        upload(order)
    upload(order)

    assert len(told(world)) == 1


def test_third_story_about_a_shipment_is_rejected(order: Key) -> None:
    for number in ("SF1", "SF2"):
        upload(order, Parcel("SF", number, "薯片*1", "****0000"))

    with pytest.raises(GatewayRejected):
        upload(order)


def test_order_that_is_not_fulfilled_is_not_told(world: World) -> None:
    _, opened = world.opened()

    with pytest.raises(NothingToShip):
        upload(key_of(world, opened["id"]))

    assert told(world) == []


def test_order_of_another_merchant_is_not_told(order: Key) -> None:
    with pytest.raises(NothingToShip):
        upload((order[0] + 1, order[1]))


def test_payment_at_another_gateway_is_not_told_to_wechat(world: World, order: Key) -> None:
    with transaction() as session:
        session.execute(text("UPDATE gateway_accounts SET gateway = 'alipay'"))

    with pytest.raises(NothingToShip):
        upload(order)

    assert told(world) == []
