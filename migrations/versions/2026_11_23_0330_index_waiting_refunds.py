"""Index the refunds that wait for a person: the live board counts them every few seconds.

Revision ID: 5d7c0e4b93a6
Revises: f4a7c02d9b58
"""

import sqlalchemy as sa
from alembic import op

revision = "5d7c0e4b93a6"
down_revision = "f4a7c02d9b58"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.create_index(
        "ix_refunds_waiting",
        "refunds",
        ["merchant_id", "state", "id"],
        postgresql_where=sa.text("state IN ('rejected', 'abnormal')"),
    )


def downgrade() -> None:
    op.drop_index("ix_refunds_waiting", "refunds")
