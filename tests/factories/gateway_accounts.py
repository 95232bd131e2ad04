"""Gateway accounts, with their public address."""

import secrets
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlalchemy import select
from sqlalchemy.orm import Session

from domain import clock, sealing
from domain.models import GatewayAccount, GatewayAddress, MerchantApp
from domain.public_ids import new_public_id


@cache
def _throw_away_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def throw_away_credentials(mch_no: str, app_id: str) -> dict[str, str]:
    """Credentials that no gateway knows: enough to sign with."""
    key = _throw_away_key()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return {
        "gateway": "wechat",
        "mch_no": mch_no,
        "app_id": app_id,
        "merchant_private_key_pem": private.decode(),
        "merchant_serial": "A" * 40,
        "platform_public_key_pem": public.decode(),
        "platform_public_key_id": "PUB_KEY_ID_0000000000000000000000000001",
        "apiv3_key": "k" * 32,
    }


def make_gateway_account(
    session: Session,
    merchant_id: int,
    *,
    mch_no: str | None = None,
    credentials: dict[str, Any] | None = None,
) -> GatewayAccount:
    """`credentials` are the fields of the gateways' credentials, as JSON; else good for nothing."""
    mch_no = mch_no or str(secrets.randbelow(9 * 10**9) + 10**9)
    app_id = session.scalars(
        select(MerchantApp.app_id).where(MerchantApp.merchant_id == merchant_id).limit(1)
    ).one()
    account = GatewayAccount(
        merchant_id=merchant_id,
        public_id=new_public_id(),
        gateway="wechat",
        mch_no=mch_no,
        app_id=app_id,
        credentials_sealed=sealing.seal(
            credentials or throw_away_credentials(mch_no, app_id), purpose="gateway-credentials"
        ),
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
