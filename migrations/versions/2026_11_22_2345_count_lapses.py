"""Count leases in a row that ran out, so that a row that kills its worker is found.

Revision ID: b7d3a90e5c14
Revises: 4f0d92c1b7a3
"""

import sqlalchemy as sa
from alembic import op

revision = "b7d3a90e5c14"
down_revision = "4f0d92c1b7a3"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.add_column(
        "work_rows", sa.Column("lapses", sa.BigInteger(), nullable=False, server_default="0")
    )


def downgrade() -> None:
    op.drop_column("work_rows", "lapses")
