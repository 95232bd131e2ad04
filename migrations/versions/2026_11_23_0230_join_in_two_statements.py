"""Join in two statements: one that looks and locks, one that writes.

Revision ID: e83b20c6f114
Revises: c41f8a26d7e9
"""

from pathlib import Path

from alembic import op

revision = "e83b20c6f114"
down_revision = "c41f8a26d7e9"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql"
_FUNCTIONS = ("prepare_join", "take_idempotency_key", "lock_shopper_days")


def upgrade() -> None:
    op.execute((_SQL / "joining_1.sql").read_text())


def downgrade() -> None:
    for name in _FUNCTIONS:
        op.execute(f"DROP FUNCTION {name}")
