"""The REST views: one Blueprint per noun. Transactions are opened here, or by a process."""

from api.blueprint import Blueprint
from api.views import auth, campaigns, dev_clock, groups, health, me, orders, webhooks
from api.views.merchant import audit_log, products, sessions, settings, shoppers
from api.views.merchant import campaigns as merchant_campaigns

BLUEPRINTS: list[Blueprint] = [
    health.blueprint,
    auth.blueprint,
    campaigns.blueprint,
    me.blueprint,
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
]
"""All blueprints; a new noun adds its line."""
