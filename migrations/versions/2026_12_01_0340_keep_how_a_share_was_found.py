"""Keep how an order's share was found; a join without a token looks for the last one opened.

What earlier orders came by was named by their token. The previous release writes shares without
saying so: that, too, means the token.

Revision ID: 3f7a1c58e0b2
Revises: c07e4a9b1f36
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "3f7a1c58e0b2"
down_revision = "c07e4a9b1f36"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql"
_KNOWN = "share_source IN ('token', 'visit', 'registration')"
_OF_A_SHARE = "share_source IS NULL OR share_id IS NOT NULL"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.add_column("orders", sa.Column("share_source", sa.Text()))
    for name, condition in {"share_source_known": _KNOWN, "source_of_share": _OF_A_SHARE}.items():
        op.execute(
            f"ALTER TABLE orders ADD CONSTRAINT ck_orders_{name} CHECK ({condition}) NOT VALID"
        )
        op.execute(f"ALTER TABLE orders VALIDATE CONSTRAINT ck_orders_{name}")
    op.execute("DROP FUNCTION prepare_join")
    op.execute((_SQL / "joining_3.sql").read_text())


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP FUNCTION prepare_join")
    former = (_SQL / "joining_2.sql").read_text()
    op.execute(former[former.index("CREATE FUNCTION prepare_join") :])
    op.drop_column("orders", "share_source")
