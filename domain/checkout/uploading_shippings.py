"""Telling WeChat that a paid order goes out: it holds the money back until it knows.

The upload names the payment and its payer. It may be repeated unchanged, so that a job that does
not know how it ended asks again.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text

from domain.checkout.errors import NothingToShip
from domain.database import reading
from domain.gateways.miniprogram import MiniProgram, Parcel, Shipment
from domain.merchants.queries import find_wechat_app

Key = tuple[int, int]

_PAYMENT = text(
    """
    SELECT p.transaction_no, s.app_id, s.openid
    FROM orders o
    JOIN shoppers s ON s.merchant_id = o.merchant_id AND s.id = o.shopper_id
    JOIN payments p ON p.merchant_id = o.merchant_id AND p.order_id = o.id
    JOIN gateway_accounts a ON a.merchant_id = p.merchant_id AND a.id = p.gateway_account_id
    WHERE o.merchant_id = :merchant_id AND o.id = :id AND a.gateway = 'wechat'
        AND o.state IN ('fulfilling', 'fulfilled', 'aftersale') AND p.outcome = 'seated'
    """
)


def upload_shipping(
    order: Key, parcels: Sequence[Parcel], *, is_complete: bool, at: datetime
) -> None:
    """Tell WeChat which parcels an order goes out in; `is_complete` where they are all of it.

    Not in a transaction. May be repeated; once complete it may be told differently once. Raises
    NothingToShip where the order is not being fulfilled or no WeChat payment stands, and
    GatewayUnknown, GatewayRetryable or GatewayRejected.
    """
    with reading() as session:
        paid = session.execute(_PAYMENT, {"merchant_id": order[0], "id": order[1]}).one_or_none()
        if paid is None:
            raise NothingToShip
        app = find_wechat_app(session, paid.app_id)
    MiniProgram(app.app_id, app.secret).upload_shipping(
        Shipment(paid.transaction_no, paid.openid, parcels, is_complete, at)
    )
