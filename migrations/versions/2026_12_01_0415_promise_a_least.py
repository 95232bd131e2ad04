"""Keep the least subsidy that an order promises, beside the most.

Orders of earlier releases promised their most only: the least of those is not known.

Revision ID: 8c41d6f7a2e5
Revises: 8b2f64d1c7e0
"""

import sqlalchemy as sa
from alembic import op

revision = "8c41d6f7a2e5"
down_revision = "8b2f64d1c7e0"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.add_column("orders", sa.Column("quote_least_fen", sa.BigInteger()))
    op.execute(
        "ALTER TABLE orders ADD CONSTRAINT ck_orders_quote_least_positive"
        " CHECK (quote_least_fen >= 0) NOT VALID"
    )
    op.execute("ALTER TABLE orders VALIDATE CONSTRAINT ck_orders_quote_least_positive")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.drop_column("orders", "quote_least_fen")
