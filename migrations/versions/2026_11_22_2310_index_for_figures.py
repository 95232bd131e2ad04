"""Index what figures, the live board and the queue of held subsidies read.

Rules: expand, then contract; short locks only; works with the previous release of the code.

Revision ID: 4f0d92c1b7a3
Revises: 8a4e6d21c7f3
"""

from alembic import op
from sqlalchemy import text

revision = "4f0d92c1b7a3"
down_revision = "8a4e6d21c7f3"
branch_labels = None
depends_on = None

_INDEXES = (
    ("ix_groups_state", "groups"),
    ("ix_groups_opened", "groups"),
    ("ix_groups_failed", "groups"),
    ("ix_orders_paid", "orders"),
    ("ix_grants_decided", "grants"),
    ("ix_grants_issued", "grants"),
    ("ix_grants_unissued", "grants"),
    ("ix_shoppers_came", "shoppers"),
    ("ix_visits_occurred", "visits"),
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.create_index("ix_groups_state", "groups", ["merchant_id", "state", "id"])
    op.create_index("ix_groups_opened", "groups", ["merchant_id", "opened_at"])
    op.create_index(
        "ix_groups_failed",
        "groups",
        ["merchant_id", text("LEAST(deadline_at, cut_at)")],
        postgresql_where=text("state = 'failed'"),
    )
    op.create_index(
        "ix_orders_paid",
        "orders",
        ["merchant_id", "paid_at"],
        postgresql_include=[
            "shopper_id",
            "campaign_id",
            "price_fen",
            "wallet_fen",
            "is_first_paid",
        ],
        postgresql_where=text("paid_at IS NOT NULL"),
    )
    op.create_index("ix_grants_decided", "grants", ["merchant_id", "decided_at"])
    op.create_index(
        "ix_grants_issued",
        "grants",
        ["merchant_id", "issued_at"],
        postgresql_where=text("issued_at IS NOT NULL"),
    )
    op.create_index(
        "ix_grants_unissued",
        "grants",
        ["merchant_id", "state", "id"],
        postgresql_where=text("state NOT IN ('decided', 'issued')"),
    )
    op.create_index(
        "ix_shoppers_came",
        "shoppers",
        ["merchant_id", "created_at"],
        postgresql_where=text("came_by_share_id IS NOT NULL"),
    )
    op.create_index("ix_visits_occurred", "visits", ["merchant_id", "occurred_at"])


def downgrade() -> None:
    for name, table in _INDEXES:
        op.drop_index(name, table)
