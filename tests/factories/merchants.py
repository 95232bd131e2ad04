"""Merchants, with one mini-program and settings."""

import secrets
from dataclasses import dataclass

from sqlalchemy.orm import Session

from domain import clock, sealing
from domain.models import Merchant, MerchantApp, MerchantSettings
from domain.public_ids import new_public_id


@dataclass(frozen=True)
class MadeMerchant:
    """A merchant and its app id."""

    id: int
    public_id: str
    name: str
    app_id: str


def make_merchant(
    session: Session,
    *,
    name: str = "拼补零食",
    app_id: str | None = None,
    app_secret: str = "app-secret",
    daily_subsidy_cap_fen: int | None = None,
) -> MadeMerchant:
    merchant = Merchant(public_id=new_public_id(), name=name, created_at=clock.real_now())
    session.add(merchant)
    session.flush()
    app = MerchantApp(
        app_id=app_id or f"wx{secrets.token_hex(8)}",
        merchant_id=merchant.id,
        secret_sealed=sealing.seal(app_secret, purpose="app-secret"),
    )
    session.add(app)
    session.add(
        MerchantSettings(merchant_id=merchant.id, daily_subsidy_cap_fen=daily_subsidy_cap_fen)
    )
    session.flush()
    return MadeMerchant(merchant.id, merchant.public_id, merchant.name, app.app_id)
