"""Keep what a gateway was told a payment is for: a repeated prepay must say the same.

Revision ID: 8a4e6d21c7f3
Revises: 1d93b5e07fa4
"""

import sqlalchemy as sa
from alembic import op

revision = "8a4e6d21c7f3"
down_revision = "1d93b5e07fa4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.add_column(
        "payments", sa.Column("description", sa.Text(), nullable=False, server_default="")
    )


def downgrade() -> None:
    op.drop_column("payments", "description")
