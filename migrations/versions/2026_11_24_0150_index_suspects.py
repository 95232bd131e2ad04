"""Index the rows whose workers died, so that they are found within a herd.

Revision ID: c07e4a9b1f36
Revises: 71f0d3b8c25e
"""

import sqlalchemy as sa
from alembic import op

revision = "c07e4a9b1f36"
down_revision = "71f0d3b8c25e"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.create_index(
        "ix_work_rows_suspect",
        "work_rows",
        ["kind", "lapses", "due_at"],
        postgresql_where=sa.text("state = 'due' AND lapses >= 2"),
    )


def downgrade() -> None:
    op.drop_index("ix_work_rows_suspect", "work_rows")
