"""Keep when a payment that is being closed was asked about, and when the gateway answered.

Revision ID: 5e1b7a90c4d2
Revises: 3f7a1c58e0b2
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "5e1b7a90c4d2"
down_revision = "3f7a1c58e0b2"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql"
_COLUMNS = ("asked_at", "answered_at")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    for name in _COLUMNS:
        op.add_column("payments", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.execute((_SQL / "lock_seat_3.sql").read_text())


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute((_SQL / "lock_seat_2.sql").read_text())
    for name in _COLUMNS:
        op.drop_column("payments", name)
