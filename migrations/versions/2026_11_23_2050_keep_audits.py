"""Keep what each night's audit found.

Revision ID: e5b90a27d41c
Revises: c07d1f5ae926
"""

from alembic import op

revision = "e5b90a27d41c"
down_revision = "c07d1f5ae926"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(
        """
        CREATE TABLE audit_runs (
            on_date DATE NOT NULL,
            audited_at TIMESTAMP WITH TIME ZONE NOT NULL,
            seconds BIGINT NOT NULL,
            checks BIGINT NOT NULL,
            broken JSONB NOT NULL,
            CONSTRAINT pk_audit_runs PRIMARY KEY (on_date)
        )
        """
    )
    op.execute("GRANT SELECT, INSERT ON audit_runs TO pinbu_core")


def downgrade() -> None:
    op.drop_table("audit_runs")
