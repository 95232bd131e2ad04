"""What belongs to a merchant itself: settings, gateway accounts, staff, the audit log."""

from typing import Any

from sqlalchemy import CheckConstraint, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from domain.models.base import Base, FenColumn, Instant, TenantRow, of_merchant, refers


class MerchantSettings(TenantRow, Base):
    """A merchant's own limits; one row."""

    __tablename__ = "merchant_settings"
    __table_args__ = (
        UniqueConstraint("merchant_id"),
        CheckConstraint("daily_cash_cap_fen >= 0", name="daily_cash_cap_fen_positive"),
        of_merchant(),
    )

    daily_cash_cap_fen: Mapped[FenColumn | None]


class GatewayAccount(TenantRow, Base):
    """A merchant's number and keys at a gateway; the keys are sealed."""

    __tablename__ = "gateway_accounts"
    __table_args__ = (
        UniqueConstraint("merchant_id", "gateway", "mch_no"),
        UniqueConstraint("merchant_id", "public_id"),
        CheckConstraint("gateway IN ('wechat')", name="gateway_known"),
        of_merchant(),
    )

    public_id: Mapped[str]
    gateway: Mapped[str]
    mch_no: Mapped[str]
    app_id: Mapped[str]
    credentials_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[Instant]


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
    __table_args__ = (refers("staff_id", to="staff"),)

    staff_id: Mapped[int]
    action: Mapped[str]
    subject_kind: Mapped[str]
    subject_id: Mapped[int | None]
    reason: Mapped[str | None]
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]
    client_address: Mapped[str | None]
    at: Mapped[Instant]
