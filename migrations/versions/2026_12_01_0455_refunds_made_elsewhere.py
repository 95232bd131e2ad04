"""Record refunds made at the gateway's own console, and those settled offline.

Revision ID: 8a3c6e1d9f52
Revises: a41c7d90e6f3
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "8a3c6e1d9f52"
down_revision = "a41c7d90e6f3"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql"
_KINDS = (
    "'wallet', 'gateway', 'order_deposits', 'sales', 'refunds_payable', 'subsidy_expense',"
    " 'withdrawals_payable', 'tax_payable', 'coupons_payable', 'passes_payable', 'points_payable',"
    " 'external_points_payable', 'reward_expense', 'goodwill_expense', 'breakage'"
)
_NEW_KINDS = "'refunds_elsewhere', 'settled_offline'"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.add_column("refunds", sa.Column("elsewhere_no", sa.Text))
    op.add_column(
        "refunds", sa.Column("is_covered", sa.Boolean, nullable=False, server_default=sa.false())
    )
    op.create_index(
        "uq_refunds_elsewhere",
        "refunds",
        ["merchant_id", "payment_id", "elsewhere_no"],
        unique=True,
        postgresql_where=sa.text("elsewhere_no IS NOT NULL"),
    )
    op.create_index(
        "ix_refunds_elsewhere_no",
        "refunds",
        ["merchant_id", "elsewhere_no"],
        postgresql_where=sa.text("elsewhere_no IS NOT NULL"),
    )
    op.drop_index("uq_refunds_one_live", "refunds")
    op.create_index(
        "uq_refunds_one_live",
        "refunds",
        ["merchant_id", "payment_id", "purpose"],
        unique=True,
        postgresql_where=sa.text("state <> 'closed' AND elsewhere_no IS NULL"),
    )
    op.execute((_SQL / "legal_moves_4.sql").read_text())
    op.execute((_SQL / "refund_start_2.sql").read_text())
    op.execute((_SQL / "ledger_accounts_4.sql").read_text())
    _check_ledger_kinds(f"{_KINDS}, {_NEW_KINDS}")
    op.execute(
        "INSERT INTO ledger_accounts (merchant_id, kind, owner_id)"  # noqa: S608 - constants only
        f" SELECT m.id, k.kind, 0 FROM merchants m, unnest(ARRAY[{_NEW_KINDS}]) AS k (kind)"
    )


def downgrade() -> None:
    op.execute(
        """
        CREATE OR REPLACE FUNCTION check_refund_start() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF EXISTS (SELECT 1 FROM new_rows WHERE state NOT IN ('requested')) THEN
                RAISE EXCEPTION 'a refund starts as requested' USING ERRCODE = 'check_violation';
            END IF;
            RETURN NULL;
        END $$;
        """
    )
    op.execute((_SQL / "ledger_accounts_3.sql").read_text())
    op.execute((_SQL / "legal_moves_3.sql").read_text())
    op.drop_index("uq_refunds_one_live", "refunds")
    op.create_index(
        "uq_refunds_one_live",
        "refunds",
        ["merchant_id", "payment_id", "purpose"],
        unique=True,
        postgresql_where=sa.text("state <> 'closed'"),
    )
    op.drop_index("ix_refunds_elsewhere_no", "refunds")
    op.drop_index("uq_refunds_elsewhere", "refunds")
    op.drop_column("refunds", "is_covered")
    op.drop_column("refunds", "elsewhere_no")
    op.execute(
        f"DELETE FROM ledger_accounts WHERE kind IN ({_NEW_KINDS})"  # noqa: S608 - constants only
    )
    _check_ledger_kinds(_KINDS)


def _check_ledger_kinds(kinds: str) -> None:
    op.execute(
        "ALTER TABLE ledger_accounts DROP CONSTRAINT ck_ledger_accounts_kind_known,"
        f" ADD CONSTRAINT ck_ledger_accounts_kind_known CHECK (kind IN ({kinds}))"
    )
