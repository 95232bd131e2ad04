"""The REST views: one Blueprint per noun. Transactions are opened here, or by a process."""

from api.blueprint import Blueprint
from api.views import health

BLUEPRINTS: list[Blueprint] = [
    health.blueprint,
]
"""All blueprints; a new noun adds its line."""
