"""The REST views: one Blueprint per noun. Transactions are opened here, or by a process."""

from api.blueprint import Blueprint
from api.views import (
    auth,
    campaigns,
    dev_clock,
    groups,
    health,
    instruments,
    leaderboards,
    me,
    my_groups,
    orders,
    points,
    shares,
    subsidies,
    wallet,
    webhooks,
    withdrawals,
)
from api.views.merchant import (
    alarms,
    audit_log,
    board,
    figures,
    gateway_accounts,
    grants,
    products,
    reconciliations,
    refunds,
    sessions,
    settings,
    shoppers,
)
from api.views.merchant import campaigns as merchant_campaigns
from api.views.merchant import groups as merchant_groups
from api.views.merchant import withdrawals as merchant_withdrawals

BLUEPRINTS: list[Blueprint] = [
    health.blueprint,
    auth.blueprint,
    campaigns.blueprint,
    leaderboards.blueprint,
    shares.blueprint,
    me.blueprint,
    my_groups.blueprint,
    subsidies.blueprint,
    wallet.blueprint,
    instruments.blueprint,
    points.blueprint,
    withdrawals.blueprint,
    groups.blueprint,
    orders.blueprint,
    webhooks.blueprint,
    dev_clock.blueprint,
    sessions.open_blueprint,
    sessions.blueprint,
    products.blueprint,
    merchant_campaigns.blueprint,
    settings.blueprint,
    audit_log.blueprint,
    shoppers.blueprint,
    board.blueprint,
    alarms.blueprint,
    gateway_accounts.blueprint,
    merchant_groups.blueprint,
    figures.blueprint,
    grants.blueprint,
    refunds.blueprint,
    merchant_withdrawals.blueprint,
    reconciliations.blueprint,
]
"""All blueprints; a new noun adds its line."""
