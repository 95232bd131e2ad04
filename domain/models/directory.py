"""The directory: unique globally, without row-level security, read only to find the tenant."""

from datetime import date
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.models.base import Base, Instant


class Merchant(Base):
    """A tenant: one mall."""

    __tablename__ = "merchants"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    public_id: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    created_at: Mapped[Instant]


class MerchantApp(Base):
    """A mini-program of a merchant; the secret is sealed, and empty on Alipay, which has none.

    `token_sealed` is WeChat's access token, good until `token_expires_at`; who holds the lease
    fetches the next one. Both instants are real time. `message_templates` names the template of a
    subscribe message by the notice's key.
    """

    __tablename__ = "merchant_apps"
    __table_args__ = (
        CheckConstraint("platform IN ('wechat', 'alipay')", name="platform_known"),
        CheckConstraint("(token_sealed IS NULL) = (token_expires_at IS NULL)", name="token_whole"),
    )

    app_id: Mapped[str] = mapped_column(primary_key=True)
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"), index=True)
    secret_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    platform: Mapped[str] = mapped_column(server_default=text("'wechat'"))
    token_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    token_expires_at: Mapped[Instant | None]
    token_lease_until: Mapped[Instant | None]
    message_templates: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))


class GatewayAddress(Base):
    """The public id of a gateway account, as it stands in callback URLs."""

    __tablename__ = "gateway_addresses"

    public_id: Mapped[str] = mapped_column(primary_key=True)
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"), index=True)
    gateway_account_id: Mapped[int]


class StaffLogin(Base):
    """A login name of a member of staff; the password is an argon2id hash."""

    __tablename__ = "staff_logins"
    __table_args__ = (CheckConstraint("login = lower(login)", name="login_lower"),)

    login: Mapped[str] = mapped_column(primary_key=True)
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"), index=True)
    staff_id: Mapped[int]
    password_hash: Mapped[str]


class StaffSession(Base):
    """A session of staff: an opaque token, stored hashed, read at every request."""

    __tablename__ = "staff_sessions"

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"))
    staff_id: Mapped[int]
    created_at: Mapped[Instant]
    expires_at: Mapped[Instant]
    revoked_at: Mapped[Instant | None]
    client_address: Mapped[str | None]


class SignInFailure(Base):
    """A sign-in of staff that failed or is under way; no tenant's: the login may be nobody's."""

    __tablename__ = "sign_in_failures"
    __table_args__ = (
        Index("ix_sign_in_failures_login", "login_hash", "at"),
        Index("ix_sign_in_failures_network", "network", "at"),
        Index("ix_sign_in_failures_at", "at"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    login_hash: Mapped[bytes] = mapped_column(LargeBinary)
    network: Mapped[str]
    device: Mapped[str | None]
    at: Mapped[Instant]


class ShareToken(Base):
    """A share's token, which finds its merchant."""

    __tablename__ = "share_tokens"

    token: Mapped[str] = mapped_column(primary_key=True)
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"))
    share_id: Mapped[int]


class ClockOffset(Base):
    """How far the business clock runs ahead of real time; one row, moved in development only."""

    __tablename__ = "clock_offset"
    __table_args__ = (
        CheckConstraint("only_row", name="one_row"),
        CheckConstraint("offset_seconds >= 0", name="forward"),
    )

    only_row: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    offset_seconds: Mapped[float]


class AuditRun(Base):
    """What a night's audit of the whole mall found.

    `broken` and `late` are lists, empty where all holds, and where nobody was served late.
    """

    __tablename__ = "audit_runs"

    on_date: Mapped[date] = mapped_column(primary_key=True)
    audited_at: Mapped[Instant]
    seconds: Mapped[int]
    checks: Mapped[int]
    broken: Mapped[list[Any]]
    late: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))


Index("ix_staff_sessions_staff", StaffSession.merchant_id, StaffSession.staff_id)
DIRECTORY = frozenset(
    {
        "merchants",
        "merchant_apps",
        "gateway_addresses",
        "staff_logins",
        "sign_in_failures",
        "staff_sessions",
        "share_tokens",
        "clock_offset",
        "audit_runs",
    }
)
