"""What belongs to a merchant itself: settings, gateway accounts, staff, the audit log."""

from datetime import date
from typing import Any

from sqlalchemy import CheckConstraint, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.models.base import Base, FenColumn, Instant, TenantRow, of_merchant, refers


class MerchantSettings(TenantRow, Base):
    """A merchant's own limits; one row. `withdrawal_max_fen` is of one, `_daily_fen` of a day.

    Caps are per shopper, over all campaigns; unset is none. Acts above `approval_limit_fen` need a
    second person. Points are worth 1 / `points_per_yuan` yuan each.
    """

    __tablename__ = "merchant_settings"
    __table_args__ = (
        UniqueConstraint("merchant_id"),
        CheckConstraint("daily_subsidy_cap_fen >= 0", name="daily_subsidy_cap_fen_positive"),
        CheckConstraint(
            "withdrawal_max_fen BETWEEN 10 AND 199999 AND withdrawal_daily_fen >= 10",
            name="withdrawal_limits",
        ),
        CheckConstraint(
            "monthly_subsidy_cap_fen >= 0 AND daily_failures_cap >= 0"
            " AND monthly_failures_cap >= 0 AND approval_limit_fen >= 0",
            name="caps_positive",
        ),
        CheckConstraint(
            "goodwill_spent_fen BETWEEN 0 AND goodwill_budget_fen", name="goodwill_kept"
        ),
        CheckConstraint(
            "points_per_yuan IN (1, 2, 4, 5, 10, 20, 25, 50, 100, 200, 500, 1000)"
            " AND points_valid_days BETWEEN 1 AND 3660",
            name="points_worth",
        ),
        CheckConstraint("withdrawal_tax_bps BETWEEN 0 AND 9999", name="withdrawal_tax"),
        of_merchant(),
    )

    daily_subsidy_cap_fen: Mapped[FenColumn | None]
    monthly_subsidy_cap_fen: Mapped[FenColumn | None]
    daily_failures_cap: Mapped[int | None]
    monthly_failures_cap: Mapped[int | None]
    goodwill_budget_fen: Mapped[FenColumn] = mapped_column(server_default=text("0"))
    goodwill_spent_fen: Mapped[FenColumn] = mapped_column(server_default=text("0"))
    approval_limit_fen: Mapped[FenColumn | None]
    points_per_yuan: Mapped[int] = mapped_column(server_default=text("100"))
    points_valid_days: Mapped[int] = mapped_column(server_default=text("365"))
    is_withdrawal_on: Mapped[bool] = mapped_column(server_default=text("true"))
    withdrawal_max_fen: Mapped[FenColumn] = mapped_column(server_default=text("20000"))
    withdrawal_daily_fen: Mapped[FenColumn] = mapped_column(server_default=text("200000"))
    withdrawal_tax_bps: Mapped[int] = mapped_column(server_default=text("0"))
    withdrawal_tax_category: Mapped[str] = mapped_column(server_default="undetermined")


class GatewayAccount(TenantRow, Base):
    """A merchant's number and keys at a gateway; the keys are sealed.

    After a rotation the former keys still verify what the gateway signs with them, until retired.
    """

    __tablename__ = "gateway_accounts"
    __table_args__ = (
        UniqueConstraint("merchant_id", "gateway", "mch_no"),
        UniqueConstraint("merchant_id", "public_id"),
        CheckConstraint("gateway IN ('wechat', 'alipay')", name="gateway_known"),
        of_merchant(),
    )

    public_id: Mapped[str]
    gateway: Mapped[str]
    mch_no: Mapped[str]
    app_id: Mapped[str]
    credentials_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    former_credentials_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    rotated_at: Mapped[Instant | None]
    created_at: Mapped[Instant]


class GatewayQuota(TenantRow, Base):
    """How fast one account may be asked for one thing, shared by all workers.

    `per_second` unset is the configuration's. `next_at` is the real instant of the next free slot.
    `short_since` is set (business time) while the account's balance does not suffice, `probe_at`
    when it is tried again.
    """

    __tablename__ = "gateway_quotas"
    __table_args__ = (
        UniqueConstraint("merchant_id", "gateway_account_id", "operation"),
        CheckConstraint("operation IN ('refund', 'transfer')", name="operation_known"),
        CheckConstraint("per_second > 0", name="per_second_positive"),
        CheckConstraint("(short_since IS NULL) = (probe_at IS NULL)", name="probed_while_short"),
        refers("gateway_account_id", to="gateway_accounts"),
        {"postgresql_with": {"fillfactor": 50}},
    )

    gateway_account_id: Mapped[int]
    operation: Mapped[str]
    per_second: Mapped[int | None]
    next_at: Mapped[Instant] = mapped_column(server_default=text("'epoch'"))
    short_since: Mapped[Instant | None]
    probe_at: Mapped[Instant | None]


class RefusedCallbacks(TenantRow, Base):
    """How many callbacks of an account were refused on a Shanghai day, by reason."""

    __tablename__ = "refused_callbacks"
    __table_args__ = (
        UniqueConstraint("merchant_id", "gateway_account_id", "on_date", "reason"),
        CheckConstraint("times > 0", name="times_positive"),
        refers("gateway_account_id", to="gateway_accounts"),
    )

    gateway_account_id: Mapped[int]
    on_date: Mapped[date]
    reason: Mapped[str]
    times: Mapped[int]
    last_at: Mapped[Instant]


class LoneActs(TenantRow, Base):
    """What a member of staff did alone on a Shanghai day, by kind: the approval limit's count."""

    __tablename__ = "lone_acts"
    __table_args__ = (
        UniqueConstraint("merchant_id", "staff_id", "kind", "on_date"),
        CheckConstraint("amount_fen >= 0", name="amount_not_negative"),
        refers("staff_id", to="staff"),
    )

    staff_id: Mapped[int]
    kind: Mapped[str]
    on_date: Mapped[date]
    amount_fen: Mapped[int]


class MerchantFunds(TenantRow, Base):
    """What a merchant's gateway accounts hold, and what wallets and commitments may take of it.

    Measured by a job. `short_since` is set while the second is more.
    """

    __tablename__ = "merchant_funds"
    __table_args__ = (
        UniqueConstraint("merchant_id"),
        CheckConstraint("(short_since IS NOT NULL) = (owed_fen > held_fen)", name="short_if_owed"),
        of_merchant(),
    )

    held_fen: Mapped[FenColumn]
    owed_fen: Mapped[FenColumn]
    measured_at: Mapped[Instant]
    short_since: Mapped[Instant | None]


class Staff(TenantRow, Base):
    """A person who works for the merchant, with a role."""

    __tablename__ = "staff"
    __table_args__ = (
        UniqueConstraint("merchant_id", "public_id"),
        CheckConstraint("role IN ('owner', 'operator', 'viewer')", name="role_known"),
        of_merchant(),
    )

    public_id: Mapped[str]
    name: Mapped[str]
    role: Mapped[str]
    created_at: Mapped[Instant]
    disabled_at: Mapped[Instant | None]


class AuditEntry(TenantRow, Base):
    """One write by staff: who, what, why, before and after; append-only."""

    __tablename__ = "audit_log"
    __table_args__ = (
        refers("staff_id", to="staff"),
        Index(
            "ix_audit_log_refused",
            "merchant_id",
            "at",
            postgresql_where=text("action = 'session.refused'"),
        ),
    )

    staff_id: Mapped[int]
    action: Mapped[str]
    subject_kind: Mapped[str]
    subject_id: Mapped[int | None]
    reason: Mapped[str | None]
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]
    client_address: Mapped[str | None]
    at: Mapped[Instant]
