"""A merchant's own settings."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.merchants.errors import BudgetBelowSpent, PointsOutstanding
from domain.models import MerchantSettings, PointLot

CHANGEABLE = (
    "daily_subsidy_cap_fen",
    "monthly_subsidy_cap_fen",
    "daily_failures_cap",
    "monthly_failures_cap",
    "points_per_yuan",
    "points_valid_days",
    "goodwill_budget_fen",
    "approval_limit_fen",
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
    terms. Raises PointsOutstanding where points would change their worth in somebody's hands,
    BudgetBelowSpent where more goodwill is spent already.
    """
    found = session.scalars(
        select(MerchantSettings)
        .where(MerchantSettings.merchant_id == merchant_id)
        .with_for_update()
    ).one()
    before = _values(found)
    if changes.get("points_per_yuan", found.points_per_yuan) != found.points_per_yuan:
        _check_no_points(session, merchant_id)
    if changes.get("goodwill_budget_fen", found.goodwill_budget_fen) < found.goodwill_spent_fen:
        raise BudgetBelowSpent(field="goodwill_budget_fen", spent_fen=found.goodwill_spent_fen)
    for name in CHANGEABLE:
        if name in changes:
            setattr(found, name, changes[name])
    session.flush()
    return before, _values(found)


def _check_no_points(session: Session, merchant_id: int) -> None:
    """Raise PointsOutstanding while a lot has points left, or may get some back."""
    live = (PointLot.left_fen > 0) | (PointLot.spent_fen > 0)
    if session.scalar(
        select(PointLot.id).where(PointLot.merchant_id == merchant_id, live).limit(1)
    ):
        raise PointsOutstanding(field="points_per_yuan")


def _values(found: MerchantSettings) -> dict[str, Any]:
    return {name: getattr(found, name) for name in CHANGEABLE}
