"""Notices to shoppers: key and parameters; the text is made in the reader's language."""

from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped

from domain.models.base import Base, Instant, TenantRow, refers


class Notice(TenantRow, Base):
    """One message in a shopper's inbox; (key, order) is unique, so that it comes once.

    One that is about no order holds its subject's number in its key.
    `send_result` is how its subscribe message ended, at `sent_at`; unset where there was none.
    """

    __tablename__ = "notices"
    __table_args__ = (
        UniqueConstraint("merchant_id", "order_id", "key"),
        Index(
            "uq_notices_without_order",
            "merchant_id",
            "shopper_id",
            "key",
            unique=True,
            postgresql_where=text("order_id IS NULL"),
        ),
        CheckConstraint("send_result IN ('sent', 'refused', 'failed')", name="send_result_known"),
        CheckConstraint("(sent_at IS NULL) = (send_result IS NULL)", name="sent_whole"),
        refers("shopper_id", to="shoppers"),
        refers("order_id", to="orders"),
        Index("ix_notices_shopper", "merchant_id", "shopper_id", "id"),
        Index(
            "ix_notices_unseen",
            "merchant_id",
            "shopper_id",
            "id",
            postgresql_where=text("seen_at IS NULL"),
        ),
    )

    shopper_id: Mapped[int]
    order_id: Mapped[int | None]
    key: Mapped[str]
    parameters: Mapped[dict[str, Any]]
    created_at: Mapped[Instant]
    seen_at: Mapped[Instant | None]
    sent_at: Mapped[Instant | None]
    send_result: Mapped[str | None]
