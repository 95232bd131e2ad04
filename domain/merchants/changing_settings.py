"""A merchant's own settings."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.models import MerchantSettings

CHANGEABLE = (
    "daily_subsidy_cap_fen",
    "is_withdrawal_on",
    "withdrawal_max_fen",
    "withdrawal_daily_fen",
    "withdrawal_tax_bps",
    "withdrawal_tax_category",
)


def read_settings(session: Session, merchant_id: int) -> dict[str, Any]:
    """Return a merchant's settings by name: one row, made with the merchant."""
    return _values(
        session.scalars(
            select(MerchantSettings).where(MerchantSettings.merchant_id == merchant_id)
        ).one()
    )


def change_settings(
    session: Session, merchant_id: int, changes: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Change the settings named; returns all of them before and after.

    Locks the settings. Promises made before keep what they reserved, running withdrawals their
    terms.
    """
    found = session.scalars(
        select(MerchantSettings)
        .where(MerchantSettings.merchant_id == merchant_id)
        .with_for_update()
    ).one()
    before = _values(found)
    for name in CHANGEABLE:
        if name in changes:
            setattr(found, name, changes[name])
    session.flush()
    return before, _values(found)


def _values(found: MerchantSettings) -> dict[str, Any]:
    return {name: getattr(found, name) for name in CHANGEABLE}
