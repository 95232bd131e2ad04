"""Gateway accounts, with their public address."""

import secrets
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain import clock, sealing
from domain.models import GatewayAccount, GatewayAddress, MerchantApp
from domain.public_ids import new_public_id


def make_gateway_account(
    session: Session,
    merchant_id: int,
    *,
    mch_no: str | None = None,
    credentials: dict[str, Any] | None = None,
) -> GatewayAccount:
    """`credentials` are the fields of the gateways' credentials, as JSON."""
    app_id = session.scalars(
        select(MerchantApp.app_id).where(MerchantApp.merchant_id == merchant_id).limit(1)
    ).one()
    account = GatewayAccount(
        merchant_id=merchant_id,
        public_id=new_public_id(),
        gateway="wechat",
        mch_no=mch_no or str(secrets.randbelow(9 * 10**9) + 10**9),
        app_id=app_id,
        credentials_sealed=sealing.seal(credentials or {}, purpose="gateway-credentials"),
        created_at=clock.real_now(),
    )
    session.add(account)
    session.flush()
    session.add(
        GatewayAddress(
            public_id=account.public_id, merchant_id=merchant_id, gateway_account_id=account.id
        )
    )
    session.flush()
    return account
