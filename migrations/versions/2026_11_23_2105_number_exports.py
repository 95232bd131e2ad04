"""Number the files that brands' points are exported in: each is confirmed by its number.

Revision ID: 71f0d3b8c25e
Revises: e5b90a27d41c
"""

from alembic import op

revision = "71f0d3b8c25e"
down_revision = "e5b90a27d41c"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE external_issues ADD COLUMN export BIGINT")
    op.execute("UPDATE external_issues SET export = 1 WHERE state = 'exported'")
    op.execute(
        "ALTER TABLE external_issues ADD CONSTRAINT ck_external_issues_export_numbered"
        " CHECK (state <> 'exported' OR export IS NOT NULL)"
    )
    op.create_index(
        "ix_external_issues_export", "external_issues", ["merchant_id", "programme_id", "export"]
    )


def downgrade() -> None:
    op.drop_index("ix_external_issues_export", "external_issues")
    op.drop_column("external_issues", "export")
