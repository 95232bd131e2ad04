"""Let the serving roles read which schema they talk to (readiness).

Revision ID: 8c2a41d7e6b0
Revises: 5b1f7c0a9d21
"""

from alembic import op

revision = "8c2a41d7e6b0"
down_revision = "5b1f7c0a9d21"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("GRANT SELECT ON alembic_version TO pinbu_core, pinbu_merchant")


def downgrade() -> None:
    op.execute("REVOKE SELECT ON alembic_version FROM pinbu_core, pinbu_merchant")
