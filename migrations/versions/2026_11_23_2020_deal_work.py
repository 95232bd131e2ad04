"""Index due work by merchant, so that a claim can deal it among those that wait.

Revision ID: 9a41c6d2e083
Revises: 3c8d51f0e7a2
"""

import sqlalchemy as sa
from alembic import op

revision = "9a41c6d2e083"
down_revision = "3c8d51f0e7a2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.create_index(
        "ix_work_rows_due_by_merchant",
        "work_rows",
        ["kind", "merchant_id", "due_at"],
        postgresql_where=sa.text("state = 'due'"),
    )


def downgrade() -> None:
    op.drop_index("ix_work_rows_due_by_merchant", "work_rows")
