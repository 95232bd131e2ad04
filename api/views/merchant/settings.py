"""A merchant's settings."""

from typing import Any

from api import auth
from api.blueprint import Blueprint
from api.schemas.merchant.settings import SettingsChangeSchema, SettingsSchema
from domain.database import merchant_transaction, read_clock
from domain.interventions.approval_limits import check_limit_change, check_raise
from domain.merchants.auditing import audit
from domain.merchants.changing_settings import change_settings, read_settings
from domain.merchants.errors import (
    ApprovalNeeded,
    BudgetBelowSpent,
    PointsOutstanding,
    PointsPricesNotWhole,
    TooFewApprovers,
)
from domain.merchants.rules import Role

blueprint = Blueprint(
    "merchant-settings",
    __name__,
    url_prefix="/v1/merchant/settings",
    description="A merchant's settings",
    caller="staff",
)


@blueprint.route("")
@blueprint.response(200, SettingsSchema)
def show_settings() -> dict[str, Any]:
    """Show the merchant's own limits."""
    caller = auth.require_staff()
    with merchant_transaction(caller.merchant_id) as session:
        return read_settings(session, caller.merchant_id)


@blueprint.route(
    "",
    methods=["PATCH"],
    role=Role.OWNER,
    refuses=(
        PointsOutstanding,
        PointsPricesNotWhole,
        BudgetBelowSpent,
        ApprovalNeeded,
        TooFewApprovers,
    ),
)
@blueprint.arguments(SettingsChangeSchema)
@blueprint.response(200, SettingsSchema)
def edit_settings(arguments: dict[str, Any]) -> dict[str, Any]:
    """Change the merchant's own limits: owners only. Promises made before are kept."""
    caller = auth.require_staff()
    at = read_clock()
    with merchant_transaction(caller.merchant_id) as session:
        before, after = change_settings(session, caller.merchant_id, arguments)
        check_raise(session, caller.actor, before, after, "goodwill_budget_fen", at=at)
        limits = (before["approval_limit_fen"], after["approval_limit_fen"])
        check_limit_change(session, caller.merchant_id, *limits)
        audit(
            session,
            caller.actor,
            "settings.changed",
            subject_kind="settings",
            subject_id=None,
            at=at,
            reason=arguments["reason"],
            before={name: value for name, value in before.items() if value != after[name]},
            after={name: value for name, value in after.items() if value != before[name]},
        )
    return after
