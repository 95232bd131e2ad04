"""Pay in two statements: one that looks and locks, one that writes.

Revision ID: 93e6b8d2fa07
Revises: 5d7c0e4b93a6
"""

from pathlib import Path

from alembic import op

revision = "93e6b8d2fa07"
down_revision = "5d7c0e4b93a6"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql"
_FUNCTIONS = ("lock_payment", "lock_seat")


def upgrade() -> None:
    op.execute((_SQL / "paying_1.sql").read_text())


def downgrade() -> None:
    for name in _FUNCTIONS:
        op.execute(f"DROP FUNCTION {name}")
