"""Keep mini-programs' access tokens and message templates, notices' messages, shoppers' phones.

The previous release reads and writes none of it; to it no app has templates.

Revision ID: c48d20f7a915
Revises: 7b1e4c90d2a8
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "c48d20f7a915"
down_revision = "7b1e4c90d2a8"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)
_COLUMNS = {
    "merchant_apps": (
        sa.Column("token_sealed", sa.LargeBinary()),
        sa.Column("token_expires_at", _INSTANT),
        sa.Column("token_lease_until", _INSTANT),
        sa.Column(
            "message_templates", JSONB(), nullable=False, server_default=sa.text("'{}'::jsonb")
        ),
    ),
    "shoppers": (
        sa.Column("phone_sealed", sa.LargeBinary()),
        sa.Column("phone_hash", sa.LargeBinary()),
    ),
    "notices": (sa.Column("sent_at", _INSTANT), sa.Column("send_result", sa.Text())),
}
_CHECKS = (
    (
        "ck_merchant_apps_token_whole",
        "merchant_apps",
        "(token_sealed IS NULL) = (token_expires_at IS NULL)",
    ),
    ("ck_shoppers_phone_whole", "shoppers", "(phone_sealed IS NULL) = (phone_hash IS NULL)"),
    ("ck_notices_send_result_known", "notices", "send_result IN ('sent', 'refused', 'failed')"),
    ("ck_notices_sent_whole", "notices", "(sent_at IS NULL) = (send_result IS NULL)"),
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    for table, columns in _COLUMNS.items():
        for column in columns:
            op.add_column(table, column)
    for name, table, condition in _CHECKS:
        # All rows satisfy them: their columns are new, and null.
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({condition}) NOT VALID")
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")
    op.create_index(
        "uq_shoppers_phone",
        "shoppers",
        ["merchant_id", "app_id", "phone_hash"],
        unique=True,
        postgresql_where=sa.text("phone_hash IS NOT NULL"),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.drop_index("uq_shoppers_phone", "shoppers")
    for table, columns in _COLUMNS.items():
        for column in columns:
            op.drop_column(table, column.name)
