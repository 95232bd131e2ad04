"""Shoppers, their logins and addresses, and their days (counters of limits)."""

from datetime import date

from sqlalchemy import CheckConstraint, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.models.base import Base, Instant, TenantRow, of_merchant, refers


class Shopper(TenantRow, Base):
    """A person of one merchant's mini-program, known by (app id, openid).

    The telephone number is sealed; its keyed hash keeps it one shopper's in a mini-program.
    """

    __tablename__ = "shoppers"
    __table_args__ = (
        UniqueConstraint("merchant_id", "app_id", "openid"),
        UniqueConstraint("merchant_id", "public_id"),
        CheckConstraint("flag IN ('review', 'block')", name="flag_known"),
        CheckConstraint("(phone_sealed IS NULL) = (phone_hash IS NULL)", name="phone_whole"),
        Index(
            "uq_shoppers_phone",
            "merchant_id",
            "app_id",
            "phone_hash",
            unique=True,
            postgresql_where=text("phone_hash IS NOT NULL"),
        ),
        refers("came_by_share_id", to="shares", closes_a_cycle=True),
        Index("ix_shoppers_came_by_share", "merchant_id", "came_by_share_id"),
        Index(
            "ix_shoppers_came",
            "merchant_id",
            "created_at",
            postgresql_where=text("came_by_share_id IS NOT NULL"),
        ),
        of_merchant(),
    )

    public_id: Mapped[str]
    app_id: Mapped[str]
    openid: Mapped[str]
    nickname: Mapped[str]
    language: Mapped[str] = mapped_column(server_default="zh")
    flag: Mapped[str | None]
    came_by_share_id: Mapped[int | None]
    created_at: Mapped[Instant]
    phone_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    phone_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    followed_at: Mapped[Instant | None]


class ShopperLogin(TenantRow, Base):
    """A login of a shopper: the refresh token's hash, and where it came from."""

    __tablename__ = "shopper_logins"
    __table_args__ = (
        UniqueConstraint("merchant_id", "refresh_hash"),
        refers("shopper_id", to="shoppers"),
        Index("ix_shopper_logins_shopper", "merchant_id", "shopper_id"),
        Index(
            "ix_shopper_logins_family",
            "merchant_id",
            "family_id",
            postgresql_where=text("family_id IS NOT NULL"),
        ),
    )

    shopper_id: Mapped[int]
    refresh_hash: Mapped[bytes] = mapped_column(LargeBinary)
    client_address: Mapped[str | None]
    device: Mapped[str | None]
    channel: Mapped[str | None]
    created_at: Mapped[Instant]
    expires_at: Mapped[Instant]
    revoked_at: Mapped[Instant | None]
    family_id: Mapped[int | None]
    replaced_at: Mapped[Instant | None]


class Address(TenantRow, Base):
    """A delivery address of a shopper, sealed."""

    __tablename__ = "addresses"
    __table_args__ = (
        UniqueConstraint("merchant_id", "public_id"),
        refers("shopper_id", to="shoppers"),
        Index("ix_addresses_shopper", "merchant_id", "shopper_id"),
    )

    public_id: Mapped[str]
    shopper_id: Mapped[int]
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    is_default: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[Instant]
    removed_at: Mapped[Instant | None]


class ShopperDay(TenantRow, Base):
    """A shopper's Shanghai day: the participations and the expired holds of orders placed on it."""

    __tablename__ = "shopper_days"
    __table_args__ = (
        UniqueConstraint("merchant_id", "shopper_id", "on_day"),
        CheckConstraint("participations >= 0 AND expired_holds >= 0", name="counts_positive"),
        refers("shopper_id", to="shoppers"),
    )

    shopper_id: Mapped[int]
    on_day: Mapped[date]
    participations: Mapped[int] = mapped_column(server_default=text("0"))
    expired_holds: Mapped[int] = mapped_column(server_default=text("0"))
