"""Let merchants have Alipay accounts, and mini-programs on Alipay.

The previous release writes neither column nor value: its apps and accounts stay WeChat's.

Revision ID: 7b1e4c90d2a8
Revises: 93e6b8d2fa07
"""

import sqlalchemy as sa
from alembic import op

revision = "7b1e4c90d2a8"
down_revision = "93e6b8d2fa07"
branch_labels = None
depends_on = None

_GATEWAYS = "ck_gateway_accounts_gateway_known"
_PLATFORMS = "ck_merchant_apps_platform_known"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.drop_constraint(op.f(_GATEWAYS), "gateway_accounts")
    op.create_check_constraint(
        op.f(_GATEWAYS), "gateway_accounts", "gateway IN ('wechat', 'alipay')"
    )
    op.add_column(
        "merchant_apps", sa.Column("platform", sa.Text(), nullable=False, server_default="wechat")
    )
    op.create_check_constraint(
        op.f(_PLATFORMS), "merchant_apps", "platform IN ('wechat', 'alipay')"
    )


def downgrade() -> None:
    op.drop_column("merchant_apps", "platform")
    op.drop_constraint(op.f(_GATEWAYS), "gateway_accounts")
    op.create_check_constraint(op.f(_GATEWAYS), "gateway_accounts", "gateway IN ('wechat')")
