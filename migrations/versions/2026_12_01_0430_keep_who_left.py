"""Keep when a member left, and whether a payment was a new shopper's.

Whoever left its first group is new still. Orders of earlier releases are new if they were the first
that was paid.

Revision ID: c4d90a7e2b15
Revises: 8d20b6f4a71c
"""

import sqlalchemy as sa
from alembic import op

revision = "c4d90a7e2b15"
down_revision = "8d20b6f4a71c"
branch_labels = None
depends_on = None

_LEFT = """
    UPDATE orders o SET left_at = m.occurred_at
    FROM state_moves m
    WHERE m.merchant_id = o.merchant_id AND m.machine = 'order' AND m.subject_id = o.id
        AND m.from_state = 'paid' AND m.to_state = 'refunding' AND m.actor LIKE 'shopper:%'
        AND o.group_id IS NOT NULL
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.add_column("orders", sa.Column("is_new_paid", sa.Boolean(), nullable=True))
    op.add_column("orders", sa.Column("left_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(_LEFT)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.drop_column("orders", "left_at")
    op.drop_column("orders", "is_new_paid")
