"""Count what a shopper has that is being released; no refund is accepted after it arrived.

Revision ID: 8b2f64d1c7e0
Revises: 5e1f7a90c3d2
"""

from pathlib import Path

from alembic import op

revision = "8b2f64d1c7e0"
down_revision = "5e1f7a90c3d2"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql"
_FUNCTIONS = ("prepare_join", "lock_shopper")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    _drop()
    op.execute((_SQL / "joining_4.sql").read_text())
    op.execute("UPDATE refunds SET accepted_at = arrived_at WHERE accepted_at > arrived_at")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    _drop()
    former = (_SQL / "joining_2.sql").read_text()
    begin, end = "-- Locks a shopper, then its day", "-- Takes the key, looks at a group"
    op.execute(former[former.index(begin) : former.index(end)])
    op.execute((_SQL / "joining_3.sql").read_text())


def _drop() -> None:
    for name in _FUNCTIONS:
        op.execute(f"DROP FUNCTION {name}")
