"""A merchant's own settings."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from domain.merchants.errors import BudgetBelowSpent, PointsOutstanding, PointsPricesNotWhole
from domain.models import MerchantSettings, Variant
from domain.money import point_fen

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
    PointsPricesNotWhole, BudgetBelowSpent where more goodwill is spent already.
    """
    found = session.scalars(
        select(MerchantSettings)
        .where(MerchantSettings.merchant_id == merchant_id)
        .with_for_update()
    ).one()
    before = _values(found)
    if changes.get("points_per_yuan", found.points_per_yuan) != found.points_per_yuan:
        _check_points(session, merchant_id, changes["points_per_yuan"])
    if changes.get("goodwill_budget_fen", found.goodwill_budget_fen) < found.goodwill_spent_fen:
        raise BudgetBelowSpent(field="goodwill_budget_fen", spent_fen=found.goodwill_spent_fen)
    for name in CHANGEABLE:
        if name in changes:
            setattr(found, name, changes[name])
    session.flush()
    return before, _values(found)


_OUTSTANDING = text(
    """
    SELECT EXISTS (
            SELECT FROM point_lots
            WHERE merchant_id = :merchant_id AND (left_fen > 0 OR spent_fen > 0))
        OR EXISTS (
            SELECT FROM grants
            WHERE merchant_id = :merchant_id AND kind = 'points'
                AND state IN ('decided', 'scheduled', 'held'))
        OR EXISTS (
            SELECT FROM groups g
            JOIN rule_versions r ON r.merchant_id = g.merchant_id AND r.id = g.rule_version_id
            WHERE g.merchant_id = :merchant_id
                AND g.state IN ('pending', 'open', 'closing', 'frozen')
                AND r.terms -> 'subsidy' ->> 'kind' = 'points')
        OR EXISTS (
            SELECT FROM campaigns c
            JOIN rule_versions r ON r.merchant_id = c.merchant_id AND r.id = c.rule_version_id
            WHERE c.merchant_id = :merchant_id AND c.state IN ('published', 'paused')
                AND r.terms -> 'subsidy' ->> 'kind' = 'points')
    """
)


def _check_points(session: Session, merchant_id: int, per_yuan: int) -> None:
    """Raise unless what a point is worth may change.

    Raises PointsOutstanding while a lot has points left, or may get some back, or some are
    promised; PointsPricesNotWhole where a variant's price in points would not be whole ones.
    """
    if session.execute(_OUTSTANDING, {"merchant_id": merchant_id}).scalar_one():
        raise PointsOutstanding(field="points_per_yuan")
    worth = point_fen(per_yuan)
    if session.scalar(
        select(Variant.id)
        .where(Variant.merchant_id == merchant_id, Variant.points_price_fen % worth != 0)
        .limit(1)
    ):
        raise PointsPricesNotWhole(field="points_per_yuan", point_fen=worth)


def _values(found: MerchantSettings) -> dict[str, Any]:
    return {name: getattr(found, name) for name in CHANGEABLE}
