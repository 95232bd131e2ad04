"""Index what is not told yet to expire, and a shopper's lots of points.

Revision ID: b7e2f0c4a915
Revises: 5be0a3d7c914
"""

import sqlalchemy as sa
from alembic import op

revision = "b7e2f0c4a915"
down_revision = "5be0a3d7c914"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.create_index(
        "ix_instruments_unwarned",
        "instruments",
        ["expires_at"],
        postgresql_where=sa.text("state = 'issued' AND warned_at IS NULL"),
    )
    op.create_index(
        "ix_point_lots_unwarned",
        "point_lots",
        ["expires_at"],
        postgresql_where=sa.text("left_fen > 0 AND warned_at IS NULL"),
    )
    op.create_index("ix_point_lots_shopper", "point_lots", ["merchant_id", "shopper_id", "id"])


def downgrade() -> None:
    op.drop_index("ix_point_lots_shopper", "point_lots")
    op.drop_index("ix_point_lots_unwarned", "point_lots")
    op.drop_index("ix_instruments_unwarned", "instruments")
