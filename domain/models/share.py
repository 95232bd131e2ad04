"""Shares of a group, and their visits."""

from sqlalchemy import Identity, Index, PrimaryKeyConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from domain.models.base import Base, Instant, TenantRow, of_merchant, refers


class Share(TenantRow, Base):
    """One shopper's share of one group; its token is in the directory too."""

    __tablename__ = "shares"
    __table_args__ = (
        UniqueConstraint("merchant_id", "group_id", "shopper_id"),
        UniqueConstraint("merchant_id", "token"),
        of_merchant(),
        refers("group_id", to="groups"),
        refers("shopper_id", to="shoppers"),
    )

    token: Mapped[str]
    group_id: Mapped[int]
    shopper_id: Mapped[int]
    created_at: Mapped[Instant]


class Visit(Base):
    """One opening of a share, by a known shopper or not; append-only, partitioned by time."""

    __tablename__ = "visits"
    __table_args__ = (
        PrimaryKeyConstraint("merchant_id", "id", "occurred_at"),
        of_merchant(),
        Index("ix_visits_share", "merchant_id", "share_id"),
        Index("ix_visits_occurred", "merchant_id", "occurred_at"),
        Index("ix_visits_shopper", "merchant_id", "shopper_id", "occurred_at"),
        {"postgresql_partition_by": "RANGE (occurred_at)"},
    )

    merchant_id: Mapped[int]
    id: Mapped[int] = mapped_column(Identity())
    occurred_at: Mapped[Instant]
    share_id: Mapped[int]
    shopper_id: Mapped[int | None]
    client_address: Mapped[str | None]
    device: Mapped[str | None]
