"""Let staff flag shoppers.

Revision ID: 1d93b5e07fa4
Revises: 8c2a41d7e6b0
"""

from alembic import op

revision = "1d93b5e07fa4"
down_revision = "8c2a41d7e6b0"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("GRANT UPDATE (flag) ON shoppers TO pinbu_merchant")


def downgrade() -> None:
    op.execute("REVOKE UPDATE (flag) ON shoppers FROM pinbu_merchant")
