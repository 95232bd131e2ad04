"""The REST views: one Blueprint per noun. Transactions are opened here, or by a process."""

from api.blueprint import Blueprint
from api.views import dev_clock, groups, health, orders, webhooks

BLUEPRINTS: list[Blueprint] = [
    health.blueprint,
    groups.blueprint,
    orders.blueprint,
    webhooks.blueprint,
    dev_clock.blueprint,
]
"""All blueprints; a new noun adds its line."""
