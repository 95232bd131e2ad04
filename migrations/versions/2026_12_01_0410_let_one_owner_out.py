"""Let whoever asked for another approval limit approve it alone after a day.

Revision ID: 5e1f7a90c3d2
Revises: 5d2f8c41a9e7
"""

from alembic import op

revision = "5e1f7a90c3d2"
down_revision = "5d2f8c41a9e7"
branch_labels = None
depends_on = None

NAME = "second_person"
ONLY_A_SECOND = "decided_by <> requested_by OR state = 'withdrawn'"
ALONE = "(kind = 'approval_limit' AND decided_at >= requested_at + interval '24 hours')"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.drop_constraint(op.f("ck_approvals_second_person"), "approvals")
    op.create_check_constraint(NAME, "approvals", f"{ONLY_A_SECOND} OR {ALONE}")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.drop_constraint(op.f("ck_approvals_second_person"), "approvals")
    op.execute(
        "ALTER TABLE approvals ADD CONSTRAINT ck_approvals_second_person"
        f" CHECK ({ONLY_A_SECOND}) NOT VALID"
    )
