"""Open ledger accounts with their owners; index what a shopper is running.

Revision ID: 5b1f7c0a9d21
Revises: da109c918a59
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy import text

revision = "5b1f7c0a9d21"
down_revision = "da109c918a59"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute((_SQL / "ledger_accounts_1.sql").read_text())
    op.add_column("groups", sa.Column("paid_seats", sa.BigInteger(), nullable=True))
    op.create_index(
        "uq_payments_one_seated",
        "payments",
        ["merchant_id", "order_id"],
        unique=True,
        postgresql_where=text("outcome = 'seated'"),
    )
    op.create_index(
        "ix_orders_running",
        "orders",
        ["merchant_id", "shopper_id"],
        postgresql_where=text("state IN ('placed', 'paid')"),
    )
    op.drop_index("ix_orders_hold_expires", "orders")
    op.create_index(
        "ix_orders_hold_expires",
        "orders",
        ["hold_expires_at"],
        postgresql_where=text("state = 'placed' AND releasing_at IS NULL"),
    )
    op.create_index(
        "ix_orders_releasing",
        "orders",
        ["releasing_at"],
        postgresql_where=text("state = 'placed' AND releasing_at IS NOT NULL"),
    )


def downgrade() -> None:
    for table in ("merchants", "gateway_accounts", "shoppers"):
        op.execute(f"DROP TRIGGER open_ledger_accounts ON {table}")
    op.execute("DROP FUNCTION open_ledger_accounts()")
    op.drop_column("groups", "paid_seats")
    op.drop_index("uq_payments_one_seated", "payments")
    op.drop_index("ix_orders_running", "orders")
    op.drop_index("ix_orders_releasing", "orders")
    op.drop_index("ix_orders_hold_expires", "orders")
    op.create_index(
        "ix_orders_hold_expires",
        "orders",
        ["hold_expires_at"],
        postgresql_where=text("state = 'placed'"),
    )
