"""A merchant's own settings."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.models import MerchantSettings


def find_settings(session: Session, merchant_id: int) -> MerchantSettings:
    """Return a merchant's settings: one row, made with the merchant."""
    return session.scalars(
        select(MerchantSettings).where(MerchantSettings.merchant_id == merchant_id)
    ).one()


def change_daily_cash_cap(
    session: Session, merchant_id: int, cap_fen: int | None
) -> tuple[int | None, int | None]:
    """Set the most cash subsidy a shopper may get a day (None = no cap); returns (before, after).

    Locks the settings. Promises made before keep what they reserved.
    """
    found = session.scalars(
        select(MerchantSettings)
        .where(MerchantSettings.merchant_id == merchant_id)
        .with_for_update()
    ).one()
    before = found.daily_cash_cap_fen
    found.daily_cash_cap_fen = cap_fen
    session.flush()
    return before, cap_fen
