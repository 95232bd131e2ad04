"""Count the failures that are ours apart from tries at a gateway that was not heard.

Revision ID: c41f8a26d7e9
Revises: c1e5f7a2d938
"""

import sqlalchemy as sa
from alembic import op

revision = "c41f8a26d7e9"
down_revision = "c1e5f7a2d938"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.add_column(
        "work_rows", sa.Column("failures", sa.BigInteger(), nullable=False, server_default="0")
    )


def downgrade() -> None:
    op.drop_column("work_rows", "failures")
