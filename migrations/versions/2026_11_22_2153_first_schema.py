"""First schema: tables, row-level security, rights, triggers.

Rules: expand, then contract; short locks only; works with the previous release of the code.

Revision ID: da109c918a59
Revises:
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "da109c918a59"
down_revision = None
branch_labels = None
depends_on = None


_SQL = Path(__file__).parent.parent / "sql"
_PARTITIONED = ("state_moves", "risk_decisions", "visits")
_DIRECTORY = (
    "merchants",
    "merchant_apps",
    "gateway_addresses",
    "staff_logins",
    "staff_sessions",
    "share_tokens",
    "clock_offset",
)
_APPEND_ONLY = (
    "audit_log",
    "facts",
    "ledger_entries",
    "ledger_transactions",
    "risk_decisions",
    "rule_versions",
    "state_moves",
    "visits",
)
_CHANGING = (
    "addresses",
    "campaign_movements",
    "campaigns",
    "gateway_accounts",
    "grants",
    "groups",
    "idempotency_keys",
    "ledger_accounts",
    "merchant_settings",
    "notices",
    "orders",
    "payments",
    "products",
    "refunds",
    "shares",
    "shopper_days",
    "shopper_logins",
    "shoppers",
    "staff",
    "variants",
    "work_rows",
)
_MERCHANT_WRITES = (
    "INSERT, UPDATE ON merchant_settings, products, variants",
    "INSERT ON audit_log, rule_versions, state_moves, campaigns",
    "UPDATE (title, state, starts_at, ends_at, draft_terms, rule_version_id, budget_fen, stock_units,"
    " moved_at, moved_by) ON campaigns",
)


def _secure() -> None:
    for table in _PARTITIONED:
        op.execute(f"CREATE TABLE {table}_part_rest PARTITION OF {table} DEFAULT")
    for table in (*_APPEND_ONLY, *_CHANGING):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY core_all ON {table} TO pinbu_core USING (true) WITH CHECK (true)"
        )
        op.execute(
            f"CREATE POLICY merchant_own ON {table} TO pinbu_merchant USING"
            " (merchant_id = nullif(current_setting('pinbu.merchant_id', true), '')::bigint)"
        )
        op.execute(f"GRANT SELECT ON {table} TO pinbu_merchant")
    op.execute("GRANT USAGE ON SCHEMA public TO pinbu_core, pinbu_merchant")
    for table in _APPEND_ONLY:
        op.execute(f"GRANT SELECT, INSERT ON {table} TO pinbu_core")
    for table in (*_CHANGING, *_DIRECTORY):
        op.execute(f"GRANT SELECT, INSERT, UPDATE ON {table} TO pinbu_core")
    op.execute("GRANT DELETE ON idempotency_keys TO pinbu_core")
    for rights in _MERCHANT_WRITES:
        op.execute(f"GRANT {rights} TO pinbu_merchant")
    op.execute("INSERT INTO clock_offset (offset_seconds) VALUES (0)")
    for name in ("state_moves_1.sql", "ledger_1.sql"):
        op.execute((_SQL / name).read_text())


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.create_table(
        "clock_offset",
        sa.Column("only_row", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("offset_seconds", sa.Double(), nullable=False),
        sa.CheckConstraint("offset_seconds >= 0", name=op.f("ck_clock_offset_forward")),
        sa.CheckConstraint("only_row", name=op.f("ck_clock_offset_one_row")),
        sa.PrimaryKeyConstraint("only_row", name=op.f("pk_clock_offset")),
    )
    op.create_table(
        "merchants",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merchants")),
        sa.UniqueConstraint("public_id", name=op.f("uq_merchants_public_id")),
    )
    op.create_table(
        "risk_decisions",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("point", sa.Text(), nullable=False),
        sa.Column("shopper_id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("fired", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("inputs", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('allow', 'review', 'block')", name=op.f("ck_risk_decisions_outcome_known")
        ),
        sa.CheckConstraint(
            "point IN ('join', 'pay', 'settle')", name=op.f("ck_risk_decisions_point_known")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", "occurred_at", name=op.f("pk_risk_decisions")),
        postgresql_partition_by="RANGE (occurred_at)",
    )
    op.create_index(
        "ix_risk_decisions_shopper",
        "risk_decisions",
        ["merchant_id", "shopper_id", "occurred_at"],
        unique=False,
    )
    op.create_table(
        "state_moves",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("machine", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=False),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "(machine, from_state, to_state) IN (('campaign', 'draft', 'published'), ('campaign', 'published', 'paused'), ('campaign', 'published', 'ended'), ('campaign', 'paused', 'published'), ('campaign', 'paused', 'ended'), ('campaign', 'ended', 'archived'), ('group', 'pending', 'open'), ('group', 'pending', 'abandoned'), ('group', 'open', 'formed'), ('group', 'open', 'frozen'), ('group', 'open', 'closing'), ('group', 'open', 'closed'), ('group', 'frozen', 'formed'), ('group', 'frozen', 'formed_short'), ('group', 'frozen', 'closed'), ('group', 'closing', 'failed'), ('group', 'closing', 'cancelled'), ('group', 'closing', 'closed'), ('group', 'closing', 'formed'), ('seat', 'held', 'taken'), ('seat', 'held', 'releasing'), ('seat', 'releasing', 'taken'), ('seat', 'releasing', 'released'), ('seat', 'taken', 'released'), ('order', 'placed', 'paid'), ('order', 'placed', 'expired'), ('order', 'placed', 'cancelled'), ('order', 'paid', 'fulfilling'), ('order', 'paid', 'refunding'), ('order', 'fulfilling', 'fulfilled'), ('order', 'fulfilling', 'refunding'), ('order', 'fulfilled', 'aftersale'), ('order', 'aftersale', 'fulfilled'), ('order', 'aftersale', 'refunding'), ('order', 'refunding', 'refunded'), ('payment', 'created', 'pending'), ('payment', 'created', 'succeeded'), ('payment', 'created', 'unknown'), ('payment', 'created', 'closing'), ('payment', 'created', 'closed'), ('payment', 'pending', 'succeeded'), ('payment', 'pending', 'closing'), ('payment', 'pending', 'unknown'), ('payment', 'closing', 'closed'), ('payment', 'closing', 'succeeded'), ('payment', 'unknown', 'pending'), ('payment', 'unknown', 'succeeded'), ('payment', 'unknown', 'closing'), ('payment', 'unknown', 'closed'), ('payment', 'closed', 'succeeded'), ('refund', 'requested', 'sending'), ('refund', 'sending', 'accepted'), ('refund', 'sending', 'needs_funds'), ('refund', 'sending', 'unknown'), ('refund', 'sending', 'rejected'), ('refund', 'sending', 'requested'), ('refund', 'sending', 'arrived'), ('refund', 'sending', 'abnormal'), ('refund', 'sending', 'closed'), ('refund', 'needs_funds', 'sending'), ('refund', 'unknown', 'sending'), ('refund', 'unknown', 'arrived'), ('refund', 'unknown', 'abnormal'), ('refund', 'unknown', 'closed'), ('refund', 'accepted', 'arrived'), ('refund', 'accepted', 'abnormal'), ('refund', 'accepted', 'closed'), ('refund', 'abnormal', 'arrived'), ('refund', 'closed', 'requested'), ('refund', 'rejected', 'requested'), ('refund', 'rejected', 'settled_offline'), ('grant', 'decided', 'scheduled'), ('grant', 'decided', 'issued'), ('grant', 'decided', 'held'), ('grant', 'decided', 'zero'), ('grant', 'scheduled', 'issued'), ('grant', 'scheduled', 'held'), ('grant', 'held', 'issued'), ('grant', 'held', 'denied'), ('grant', 'issued', 'clawed_back'))",
            name=op.f("ck_state_moves_edge_legal"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", "occurred_at", name=op.f("pk_state_moves")),
        postgresql_partition_by="RANGE (occurred_at)",
    )
    op.create_index(
        "ix_state_moves_subject",
        "state_moves",
        ["merchant_id", "machine", "subject_id"],
        unique=False,
    )
    op.create_table(
        "facts",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "payload",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_facts_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_facts")),
    )
    op.create_table(
        "gateway_accounts",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("gateway", sa.Text(), nullable=False),
        sa.Column("mch_no", sa.Text(), nullable=False),
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.Column("credentials_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("gateway IN ('wechat')", name=op.f("ck_gateway_accounts_gateway_known")),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_gateway_accounts_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_gateway_accounts")),
        sa.UniqueConstraint(
            "merchant_id",
            "gateway",
            "mch_no",
            name=op.f("uq_gateway_accounts_merchant_id_gateway_mch_no"),
        ),
        sa.UniqueConstraint(
            "merchant_id", "public_id", name=op.f("uq_gateway_accounts_merchant_id_public_id")
        ),
    )
    op.create_table(
        "gateway_addresses",
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("gateway_account_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_gateway_addresses_merchant_id")
        ),
        sa.PrimaryKeyConstraint("public_id", name=op.f("pk_gateway_addresses")),
    )
    op.create_index(
        op.f("ix_gateway_addresses_merchant_id"), "gateway_addresses", ["merchant_id"], unique=False
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.BigInteger(), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_idempotency_keys_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_idempotency_keys")),
        sa.UniqueConstraint(
            "merchant_id", "caller", "key", name=op.f("uq_idempotency_keys_merchant_id_caller_key")
        ),
    )
    op.create_index("ix_idempotency_keys_created", "idempotency_keys", ["created_at"], unique=False)
    op.create_table(
        "ledger_accounts",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("balance_fen", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(balance_fen IS NOT NULL) = (kind = 'wallet')",
            name=op.f("ck_ledger_accounts_balance_of_wallets"),
        ),
        sa.CheckConstraint(
            "kind IN ('wallet', 'gateway', 'order_deposits', 'sales', 'refunds_payable', 'subsidy_expense')",
            name=op.f("ck_ledger_accounts_kind_known"),
        ),
        sa.CheckConstraint(
            "balance_fen >= 0", name=op.f("ck_ledger_accounts_balance_fen_positive")
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_ledger_accounts_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_ledger_accounts")),
        sa.UniqueConstraint(
            "merchant_id",
            "kind",
            "owner_id",
            name=op.f("uq_ledger_accounts_merchant_id_kind_owner_id"),
        ),
        postgresql_with={"fillfactor": 70},
    )
    op.create_table(
        "ledger_transactions",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("ref_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_ledger_transactions_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_ledger_transactions")),
        sa.UniqueConstraint(
            "merchant_id",
            "kind",
            "ref_id",
            name=op.f("uq_ledger_transactions_merchant_id_kind_ref_id"),
        ),
    )
    op.create_table(
        "merchant_apps",
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_merchant_apps_merchant_id")
        ),
        sa.PrimaryKeyConstraint("app_id", name=op.f("pk_merchant_apps")),
    )
    op.create_index(
        op.f("ix_merchant_apps_merchant_id"), "merchant_apps", ["merchant_id"], unique=False
    )
    op.create_table(
        "merchant_settings",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("daily_cash_cap_fen", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "daily_cash_cap_fen >= 0", name=op.f("ck_merchant_settings_daily_cash_cap_fen_positive")
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_merchant_settings_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_merchant_settings")),
        sa.UniqueConstraint("merchant_id", name=op.f("uq_merchant_settings_merchant_id")),
    )
    op.create_table(
        "products",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("category", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "images",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_products_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_products")),
        sa.UniqueConstraint(
            "merchant_id", "public_id", name=op.f("uq_products_merchant_id_public_id")
        ),
    )
    op.create_table(
        "share_tokens",
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("share_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_share_tokens_merchant_id")
        ),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_share_tokens")),
    )
    op.create_table(
        "shoppers",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.Column("openid", sa.Text(), nullable=False),
        sa.Column("nickname", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), server_default="zh", nullable=False),
        sa.Column("flag", sa.Text(), nullable=True),
        sa.Column("came_by_share_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("flag IN ('review', 'block')", name=op.f("ck_shoppers_flag_known")),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_shoppers_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_shoppers")),
        sa.UniqueConstraint(
            "merchant_id", "app_id", "openid", name=op.f("uq_shoppers_merchant_id_app_id_openid")
        ),
        sa.UniqueConstraint(
            "merchant_id", "public_id", name=op.f("uq_shoppers_merchant_id_public_id")
        ),
    )
    op.create_index(
        "ix_shoppers_came_by_share", "shoppers", ["merchant_id", "came_by_share_id"], unique=False
    )
    op.create_table(
        "staff",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "role IN ('owner', 'operator', 'viewer')", name=op.f("ck_staff_role_known")
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_staff_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_staff")),
        sa.UniqueConstraint(
            "merchant_id", "public_id", name=op.f("uq_staff_merchant_id_public_id")
        ),
    )
    op.create_table(
        "staff_logins",
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("staff_id", sa.BigInteger(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.CheckConstraint("login = lower(login)", name=op.f("ck_staff_logins_login_lower")),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_staff_logins_merchant_id")
        ),
        sa.PrimaryKeyConstraint("login", name=op.f("pk_staff_logins")),
    )
    op.create_index(
        op.f("ix_staff_logins_merchant_id"), "staff_logins", ["merchant_id"], unique=False
    )
    op.create_table(
        "staff_sessions",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("staff_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_staff_sessions_merchant_id")
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_staff_sessions")),
    )
    op.create_index(
        "ix_staff_sessions_staff", "staff_sessions", ["merchant_id", "staff_id"], unique=False
    )
    op.create_table(
        "visits",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("share_id", sa.BigInteger(), nullable=False),
        sa.Column("shopper_id", sa.BigInteger(), nullable=True),
        sa.Column("client_address", sa.Text(), nullable=True),
        sa.Column("device", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_visits_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", "occurred_at", name=op.f("pk_visits")),
        postgresql_partition_by="RANGE (occurred_at)",
    )
    op.create_index("ix_visits_share", "visits", ["merchant_id", "share_id"], unique=False)
    op.create_index(
        "ix_visits_shopper", "visits", ["merchant_id", "shopper_id", "occurred_at"], unique=False
    )
    op.create_table(
        "work_rows",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), server_default="due", nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("fence", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('due', 'leased', 'done', 'parked')", name=op.f("ck_work_rows_state_known")
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_work_rows_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_work_rows")),
        sa.UniqueConstraint(
            "merchant_id",
            "kind",
            "subject_id",
            name=op.f("uq_work_rows_merchant_id_kind_subject_id"),
        ),
        postgresql_with={"fillfactor": 70},
    )
    op.create_index(
        "ix_work_rows_due",
        "work_rows",
        ["kind", "due_at"],
        unique=False,
        postgresql_where=sa.text("state = 'due'"),
    )
    op.create_index(
        "ix_work_rows_leased",
        "work_rows",
        ["kind", "leased_until"],
        unique=False,
        postgresql_where=sa.text("state = 'leased'"),
    )
    op.create_index(
        "ix_work_rows_parked",
        "work_rows",
        ["kind"],
        unique=False,
        postgresql_where=sa.text("state = 'parked'"),
    )
    op.create_table(
        "addresses",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("shopper_id", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("is_default", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["merchant_id", "shopper_id"],
            ["shoppers.merchant_id", "shoppers.id"],
            name=op.f("fk_addresses_merchant_id_shopper_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_addresses")),
        sa.UniqueConstraint(
            "merchant_id", "public_id", name=op.f("uq_addresses_merchant_id_public_id")
        ),
    )
    op.create_index(
        "ix_addresses_shopper", "addresses", ["merchant_id", "shopper_id"], unique=False
    )
    op.create_table(
        "audit_log",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("staff_id", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("after", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("client_address", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "staff_id"],
            ["staff.merchant_id", "staff.id"],
            name=op.f("fk_audit_log_merchant_id_staff_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_audit_log")),
    )
    op.create_table(
        "campaigns",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("draft_terms", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("rule_version_id", sa.BigInteger(), nullable=True),
        sa.Column("budget_fen", sa.BigInteger(), nullable=False),
        sa.Column("committed_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("spent_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("stock_units", sa.BigInteger(), nullable=False),
        sa.Column("stock_committed", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("stock_consumed", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("groups_opened", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("groups_formed", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("groups_failed", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("people_paid", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("moved_by", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('draft', 'published', 'paused', 'ended', 'archived')",
            name=op.f("ck_campaigns_state_known"),
        ),
        sa.CheckConstraint(
            "committed_fen >= 0 AND spent_fen >= 0 AND committed_fen + spent_fen <= budget_fen",
            name=op.f("ck_campaigns_budget_kept"),
        ),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_campaigns_window_ordered")),
        sa.CheckConstraint(
            "stock_committed >= 0 AND stock_consumed >= 0 AND stock_committed + stock_consumed <= stock_units",
            name=op.f("ck_campaigns_stock_kept"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "product_id"],
            ["products.merchant_id", "products.id"],
            name=op.f("fk_campaigns_merchant_id_product_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_campaigns_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_campaigns")),
        sa.UniqueConstraint(
            "merchant_id", "public_id", name=op.f("uq_campaigns_merchant_id_public_id")
        ),
    )
    op.create_index(
        "ix_campaigns_product", "campaigns", ["merchant_id", "product_id"], unique=False
    )
    op.create_table(
        "ledger_entries",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("transaction_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_fen <> 0", name=op.f("ck_ledger_entries_amount_fen_not_zero")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "account_id"],
            ["ledger_accounts.merchant_id", "ledger_accounts.id"],
            name=op.f("fk_ledger_entries_merchant_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "transaction_id"],
            ["ledger_transactions.merchant_id", "ledger_transactions.id"],
            name=op.f("fk_ledger_entries_merchant_id_transaction_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_ledger_entries")),
    )
    op.create_index(
        "ix_ledger_entries_account",
        "ledger_entries",
        ["merchant_id", "account_id", "id"],
        unique=False,
    )
    op.create_index(
        "ix_ledger_entries_transaction",
        "ledger_entries",
        ["merchant_id", "transaction_id"],
        unique=False,
    )
    op.create_table(
        "shopper_days",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("shopper_id", sa.BigInteger(), nullable=False),
        sa.Column("on_day", sa.Date(), nullable=False),
        sa.Column("participations", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("expired_holds", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "cash_reserved_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False
        ),
        sa.Column("cash_used_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint(
            "cash_reserved_fen >= 0 AND cash_used_fen >= 0",
            name=op.f("ck_shopper_days_cash_positive"),
        ),
        sa.CheckConstraint(
            "participations >= 0 AND expired_holds >= 0",
            name=op.f("ck_shopper_days_counts_positive"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "shopper_id"],
            ["shoppers.merchant_id", "shoppers.id"],
            name=op.f("fk_shopper_days_merchant_id_shopper_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_shopper_days")),
        sa.UniqueConstraint(
            "merchant_id",
            "shopper_id",
            "on_day",
            name=op.f("uq_shopper_days_merchant_id_shopper_id_on_day"),
        ),
    )
    op.create_table(
        "shopper_logins",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("shopper_id", sa.BigInteger(), nullable=False),
        sa.Column("refresh_hash", sa.LargeBinary(), nullable=False),
        sa.Column("client_address", sa.Text(), nullable=True),
        sa.Column("device", sa.Text(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["merchant_id", "shopper_id"],
            ["shoppers.merchant_id", "shoppers.id"],
            name=op.f("fk_shopper_logins_merchant_id_shopper_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_shopper_logins")),
        sa.UniqueConstraint(
            "merchant_id", "refresh_hash", name=op.f("uq_shopper_logins_merchant_id_refresh_hash")
        ),
    )
    op.create_index(
        "ix_shopper_logins_shopper", "shopper_logins", ["merchant_id", "shopper_id"], unique=False
    )
    op.create_table(
        "variants",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("list_price_fen", sa.BigInteger(), nullable=False),
        sa.Column("alone_price_fen", sa.BigInteger(), nullable=True),
        sa.Column("unit_cost_fen", sa.BigInteger(), nullable=True),
        sa.Column("stock_units", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint(
            "alone_price_fen > 0", name=op.f("ck_variants_alone_price_fen_positive")
        ),
        sa.CheckConstraint("list_price_fen > 0", name=op.f("ck_variants_list_price_fen_positive")),
        sa.CheckConstraint("stock_units >= 0", name=op.f("ck_variants_stock_units_positive")),
        sa.CheckConstraint("unit_cost_fen >= 0", name=op.f("ck_variants_unit_cost_fen_positive")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "product_id"],
            ["products.merchant_id", "products.id"],
            name=op.f("fk_variants_merchant_id_product_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_variants")),
        sa.UniqueConstraint(
            "merchant_id", "public_id", name=op.f("uq_variants_merchant_id_public_id")
        ),
    )
    op.create_index("ix_variants_product", "variants", ["merchant_id", "product_id"], unique=False)
    op.create_table(
        "rule_versions",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("terms", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("text_zh", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("text_en", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("acknowledged", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_by", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "campaign_id"],
            ["campaigns.merchant_id", "campaigns.id"],
            name=op.f("fk_rule_versions_merchant_id_campaign_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "published_by"],
            ["staff.merchant_id", "staff.id"],
            name=op.f("fk_rule_versions_merchant_id_published_by"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_rule_versions")),
        sa.UniqueConstraint(
            "merchant_id",
            "campaign_id",
            "number",
            name=op.f("uq_rule_versions_merchant_id_campaign_id_number"),
        ),
    )
    op.create_table(
        "groups",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("rule_version_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("largest_subsidy_fen", sa.BigInteger(), nullable=False),
        sa.Column("taken", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("held", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("releasing", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("leader_id", sa.BigInteger(), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deadline_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cut_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("moved_by", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('pending', 'open', 'frozen', 'closing', 'formed', 'formed_short', 'failed', 'cancelled', 'closed', 'abandoned')",
            name=op.f("ck_groups_state_known"),
        ),
        sa.CheckConstraint(
            "taken >= 0 AND held >= 0 AND releasing >= 0 AND taken + held + releasing <= size",
            name=op.f("ck_groups_seats_kept"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "campaign_id"],
            ["campaigns.merchant_id", "campaigns.id"],
            name=op.f("fk_groups_merchant_id_campaign_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "leader_id"],
            ["shoppers.merchant_id", "shoppers.id"],
            name=op.f("fk_groups_merchant_id_leader_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "rule_version_id"],
            ["rule_versions.merchant_id", "rule_versions.id"],
            name=op.f("fk_groups_merchant_id_rule_version_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_groups")),
        sa.UniqueConstraint(
            "merchant_id", "public_id", name=op.f("uq_groups_merchant_id_public_id")
        ),
        postgresql_with={"fillfactor": 80},
    )
    op.create_index(
        "ix_groups_campaign", "groups", ["merchant_id", "campaign_id", "id"], unique=False
    )
    op.create_index("ix_groups_ended", "groups", ["merchant_id", "ended_at"], unique=False)
    op.create_index(
        "ix_groups_fullest",
        "groups",
        ["merchant_id", "campaign_id", sa.literal_column("(taken + held) DESC"), "deadline_at"],
        unique=False,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "campaign_movements",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("committed_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("spent_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("stock_committed", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("stock_consumed", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("groups_opened", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("groups_formed", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("groups_failed", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("people_paid", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("folded_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["merchant_id", "campaign_id"],
            ["campaigns.merchant_id", "campaigns.id"],
            name=op.f("fk_campaign_movements_merchant_id_campaign_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "group_id"],
            ["groups.merchant_id", "groups.id"],
            name=op.f("fk_campaign_movements_merchant_id_group_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_campaign_movements")),
        sa.UniqueConstraint(
            "merchant_id",
            "group_id",
            "reason",
            "order_id",
            name=op.f("uq_campaign_movements_merchant_id_group_id_reason_order_id"),
        ),
    )
    op.create_index(
        "ix_campaign_movements_unfolded",
        "campaign_movements",
        ["merchant_id", "campaign_id"],
        unique=False,
        postgresql_where=sa.text("folded_at IS NULL"),
    )
    op.create_table(
        "shares",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=False),
        sa.Column("shopper_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "group_id"],
            ["groups.merchant_id", "groups.id"],
            name=op.f("fk_shares_merchant_id_group_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "shopper_id"],
            ["shoppers.merchant_id", "shoppers.id"],
            name=op.f("fk_shares_merchant_id_shopper_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_shares_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_shares")),
        sa.UniqueConstraint(
            "merchant_id",
            "group_id",
            "shopper_id",
            name=op.f("uq_shares_merchant_id_group_id_shopper_id"),
        ),
        sa.UniqueConstraint("merchant_id", "token", name=op.f("uq_shares_merchant_id_token")),
    )
    op.create_table(
        "orders",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=True),
        sa.Column("campaign_id", sa.BigInteger(), nullable=True),
        sa.Column("shopper_id", sa.BigInteger(), nullable=False),
        sa.Column("variant_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("seat_state", sa.Text(), nullable=True),
        sa.Column("price_fen", sa.BigInteger(), nullable=False),
        sa.Column("list_price_fen", sa.BigInteger(), nullable=False),
        sa.Column("wallet_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("payable_fen", sa.BigInteger(), nullable=False),
        sa.Column("quote_fen", sa.BigInteger(), nullable=True),
        sa.Column("quote_parts", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("placed_on", sa.Date(), nullable=False),
        sa.Column("cap_on", sa.Date(), nullable=True),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("hold_expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("releasing_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("release_reason", sa.Text(), nullable=True),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_first_paid", sa.Boolean(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("address_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("client_address", sa.Text(), nullable=True),
        sa.Column("device", sa.Text(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("share_id", sa.BigInteger(), nullable=True),
        sa.Column("risk_outcome", sa.Text(), server_default="allow", nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("moved_by", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "seat_state IN ('held', 'taken', 'releasing', 'released')",
            name=op.f("ck_orders_seat_state_known"),
        ),
        sa.CheckConstraint(
            "state IN ('placed', 'paid', 'fulfilling', 'fulfilled', 'aftersale', 'refunding', 'refunded', 'expired', 'cancelled')",
            name=op.f("ck_orders_state_known"),
        ),
        sa.CheckConstraint(
            "(quote_fen IS NULL) = (group_id IS NULL)", name=op.f("ck_orders_quote_in_group")
        ),
        sa.CheckConstraint(
            "(seat_state IS NULL) = (group_id IS NULL)", name=op.f("ck_orders_seat_in_group")
        ),
        sa.CheckConstraint(
            "price_fen > 0 AND wallet_fen >= 0 AND payable_fen >= 0 AND price_fen = wallet_fen + payable_fen",
            name=op.f("ck_orders_price_split"),
        ),
        sa.CheckConstraint(
            "quote_fen >= 0 AND quote_fen <= price_fen", name=op.f("ck_orders_quote_within_price")
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "campaign_id"],
            ["campaigns.merchant_id", "campaigns.id"],
            name=op.f("fk_orders_merchant_id_campaign_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "group_id"],
            ["groups.merchant_id", "groups.id"],
            name=op.f("fk_orders_merchant_id_group_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "share_id"],
            ["shares.merchant_id", "shares.id"],
            name=op.f("fk_orders_merchant_id_share_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "shopper_id"],
            ["shoppers.merchant_id", "shoppers.id"],
            name=op.f("fk_orders_merchant_id_shopper_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "variant_id"],
            ["variants.merchant_id", "variants.id"],
            name=op.f("fk_orders_merchant_id_variant_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_orders_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_orders")),
        sa.UniqueConstraint(
            "merchant_id", "public_id", name=op.f("uq_orders_merchant_id_public_id")
        ),
        postgresql_with={"fillfactor": 80},
    )
    op.create_index("ix_orders_group", "orders", ["merchant_id", "group_id"], unique=False)
    op.create_index(
        "ix_orders_hold_expires",
        "orders",
        ["hold_expires_at"],
        unique=False,
        postgresql_where=sa.text("state = 'placed'"),
    )
    op.create_index(
        "ix_orders_share",
        "orders",
        ["merchant_id", "share_id"],
        unique=False,
        postgresql_where=sa.text("share_id IS NOT NULL"),
    )
    op.create_index(
        "ix_orders_shopper", "orders", ["merchant_id", "shopper_id", "id"], unique=False
    )
    op.create_index(
        "uq_orders_one_hold",
        "orders",
        ["merchant_id", "shopper_id"],
        unique=True,
        postgresql_where=sa.text("seat_state = 'held'"),
    )
    op.create_index(
        "uq_orders_one_per_group",
        "orders",
        ["merchant_id", "group_id", "shopper_id"],
        unique=True,
        postgresql_where=sa.text(
            "state IN ('placed', 'paid', 'fulfilling', 'fulfilled', 'aftersale')"
        ),
    )
    op.create_table(
        "grants",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("shopper_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("quote_fen", sa.BigInteger(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("parts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("deadline_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("moved_by", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('cash')", name=op.f("ck_grants_kind_known")),
        sa.CheckConstraint(
            "state IN ('decided', 'scheduled', 'issued', 'held', 'zero', 'denied', 'clawed_back')",
            name=op.f("ck_grants_state_known"),
        ),
        sa.CheckConstraint(
            "amount_fen >= 0 AND amount_fen <= quote_fen", name=op.f("ck_grants_within_quote")
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "campaign_id"],
            ["campaigns.merchant_id", "campaigns.id"],
            name=op.f("fk_grants_merchant_id_campaign_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "group_id"],
            ["groups.merchant_id", "groups.id"],
            name=op.f("fk_grants_merchant_id_group_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "order_id"],
            ["orders.merchant_id", "orders.id"],
            name=op.f("fk_grants_merchant_id_order_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "shopper_id"],
            ["shoppers.merchant_id", "shoppers.id"],
            name=op.f("fk_grants_merchant_id_shopper_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_grants")),
        sa.UniqueConstraint("merchant_id", "order_id", name=op.f("uq_grants_merchant_id_order_id")),
        sa.UniqueConstraint(
            "merchant_id", "public_id", name=op.f("uq_grants_merchant_id_public_id")
        ),
        postgresql_with={"fillfactor": 80},
    )
    op.create_index("ix_grants_group", "grants", ["merchant_id", "group_id"], unique=False)
    op.create_index(
        "ix_grants_shopper", "grants", ["merchant_id", "shopper_id", "id"], unique=False
    )
    op.create_table(
        "notices",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("shopper_id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("parameters", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["merchant_id", "order_id"],
            ["orders.merchant_id", "orders.id"],
            name=op.f("fk_notices_merchant_id_order_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "shopper_id"],
            ["shoppers.merchant_id", "shoppers.id"],
            name=op.f("fk_notices_merchant_id_shopper_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_notices")),
        sa.UniqueConstraint(
            "merchant_id", "order_id", "key", name=op.f("uq_notices_merchant_id_order_id_key")
        ),
    )
    op.create_index(
        "ix_notices_shopper", "notices", ["merchant_id", "shopper_id", "id"], unique=False
    )
    op.create_index(
        "ix_notices_unseen",
        "notices",
        ["merchant_id", "shopper_id", "id"],
        unique=False,
        postgresql_where=sa.text("seen_at IS NULL"),
    )
    op.create_table(
        "payments",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("gateway_account_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("prepay_id", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_fen", sa.BigInteger(), nullable=True),
        sa.Column("transaction_no", sa.Text(), nullable=True),
        sa.Column("succeeded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("learned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("moved_by", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "(state = 'succeeded') = (received_fen IS NOT NULL)",
            name=op.f("ck_payments_received_if_succeeded"),
        ),
        sa.CheckConstraint(
            "state IN ('created', 'pending', 'unknown', 'closing', 'closed', 'succeeded')",
            name=op.f("ck_payments_state_known"),
        ),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_payments_amount_fen_positive")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "gateway_account_id"],
            ["gateway_accounts.merchant_id", "gateway_accounts.id"],
            name=op.f("fk_payments_merchant_id_gateway_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "order_id"],
            ["orders.merchant_id", "orders.id"],
            name=op.f("fk_payments_merchant_id_order_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_payments")),
        sa.UniqueConstraint(
            "merchant_id",
            "gateway_account_id",
            "transaction_no",
            name=op.f("uq_payments_merchant_id_gateway_account_id_transaction_no"),
        ),
        sa.UniqueConstraint(
            "merchant_id", "public_id", name=op.f("uq_payments_merchant_id_public_id")
        ),
        postgresql_with={"fillfactor": 80},
    )
    op.create_index("ix_payments_order", "payments", ["merchant_id", "order_id"], unique=False)
    op.create_index(
        "uq_payments_one_open",
        "payments",
        ["merchant_id", "order_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('created', 'pending', 'unknown')"),
    )
    op.create_table(
        "refunds",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("moved_by", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('requested', 'sending', 'accepted', 'needs_funds', 'unknown', 'rejected', 'abnormal', 'closed', 'arrived', 'settled_offline')",
            name=op.f("ck_refunds_state_known"),
        ),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_refunds_amount_fen_positive")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "order_id"],
            ["orders.merchant_id", "orders.id"],
            name=op.f("fk_refunds_merchant_id_order_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "payment_id"],
            ["payments.merchant_id", "payments.id"],
            name=op.f("fk_refunds_merchant_id_payment_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_refunds")),
        sa.UniqueConstraint(
            "merchant_id", "public_id", name=op.f("uq_refunds_merchant_id_public_id")
        ),
        postgresql_with={"fillfactor": 80},
    )
    op.create_index("ix_refunds_order", "refunds", ["merchant_id", "order_id"], unique=False)
    op.create_index(
        "uq_refunds_one_live",
        "refunds",
        ["merchant_id", "payment_id", "purpose"],
        unique=True,
        postgresql_where=sa.text("state <> 'closed'"),
    )
    for table, column, target in (
        ("campaigns", "rule_version_id", "rule_versions"),
        ("shoppers", "came_by_share_id", "shares"),
    ):
        op.create_foreign_key(
            f"fk_{table}_merchant_id_{column}",
            table,
            target,
            ["merchant_id", column],
            ["merchant_id", "id"],
        )
    _secure()


def downgrade() -> None:
    raise RuntimeError("there is nothing before the first schema")
