"""Coupons, passes and points: what a shopper may spend instead of money, each at face value."""

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.models.base import Base, FenColumn, Instant, Moving, TenantRow, in_states, refers
from domain.states import INSTRUMENT

SOURCES = "source IN ('grant', 'reward', 'gift')"


class Instrument(Moving, TenantRow, Base):
    """A coupon (`value_fen` off an order from `threshold_fen` on) or a pass (a free seat).

    `source` and `source_id` name what issued it: a grant, a reward or a gift; each issues one.
    `order_id` is the order it is reserved for or spent on.
    """

    __tablename__ = "instruments"
    __table_args__ = (
        UniqueConstraint("merchant_id", "public_id"),
        UniqueConstraint("merchant_id", "source", "source_id"),
        in_states(INSTRUMENT),
        CheckConstraint("kind IN ('coupon', 'pass')", name="kind_known"),
        CheckConstraint(SOURCES, name="source_known"),
        CheckConstraint("value_fen > 0 AND threshold_fen >= 0", name="value_positive"),
        CheckConstraint(
            "(order_id IS NOT NULL) = (state IN ('reserved', 'spent'))", name="order_while_used"
        ),
        refers("shopper_id", to="shoppers"),
        refers("order_id", to="orders"),
        Index("ix_instruments_shopper", "merchant_id", "shopper_id", "id"),
        Index(
            "ix_instruments_expiring",
            "expires_at",
            postgresql_where=text("state = 'issued'"),
        ),
        Index(
            "ix_instruments_unwarned",
            "expires_at",
            postgresql_where=text("state = 'issued' AND warned_at IS NULL"),
        ),
        Index(
            "ix_instruments_order",
            "merchant_id",
            "order_id",
            postgresql_where=text("order_id IS NOT NULL"),
        ),
        {"postgresql_with": {"fillfactor": 80}},
    )

    public_id: Mapped[str]
    shopper_id: Mapped[int]
    kind: Mapped[str]
    state: Mapped[str]
    value_fen: Mapped[FenColumn]
    threshold_fen: Mapped[FenColumn]
    source: Mapped[str]
    source_id: Mapped[int]
    issued_at: Mapped[Instant]
    expires_at: Mapped[Instant]
    order_id: Mapped[int | None]
    warned_at: Mapped[Instant | None]


class PointLot(TenantRow, Base):
    """Points issued at once, in fen at face value; spent oldest expiry first.

    `value_fen` = left + spent + expired + clawed back.
    """

    __tablename__ = "point_lots"
    __table_args__ = (
        UniqueConstraint("merchant_id", "public_id"),
        UniqueConstraint("merchant_id", "source", "source_id"),
        CheckConstraint(SOURCES, name="source_known"),
        CheckConstraint("value_fen > 0", name="value_positive"),
        CheckConstraint(
            "left_fen >= 0 AND spent_fen >= 0 AND expired_fen >= 0 AND clawed_back_fen >= 0"
            " AND value_fen = left_fen + spent_fen + expired_fen + clawed_back_fen",
            name="value_kept",
        ),
        refers("shopper_id", to="shoppers"),
        Index(
            "ix_point_lots_left",
            "merchant_id",
            "shopper_id",
            "expires_at",
            postgresql_where=text("left_fen > 0"),
        ),
        Index("ix_point_lots_shopper", "merchant_id", "shopper_id", "id"),
        Index("ix_point_lots_expiring", "expires_at", postgresql_where=text("left_fen > 0")),
        Index(
            "ix_point_lots_unwarned",
            "expires_at",
            postgresql_where=text("left_fen > 0 AND warned_at IS NULL"),
        ),
        {"postgresql_with": {"fillfactor": 80}},
    )

    public_id: Mapped[str]
    shopper_id: Mapped[int]
    source: Mapped[str]
    source_id: Mapped[int]
    value_fen: Mapped[FenColumn]
    left_fen: Mapped[FenColumn]
    spent_fen: Mapped[FenColumn] = mapped_column(server_default=text("0"))
    expired_fen: Mapped[FenColumn] = mapped_column(server_default=text("0"))
    clawed_back_fen: Mapped[FenColumn] = mapped_column(server_default=text("0"))
    issued_at: Mapped[Instant]
    expires_at: Mapped[Instant]
    warned_at: Mapped[Instant | None]


class PointUse(TenantRow, Base):
    """What an order took out of one lot; given back at most once."""

    __tablename__ = "point_uses"
    __table_args__ = (
        UniqueConstraint("merchant_id", "order_id", "lot_id"),
        CheckConstraint("amount_fen > 0", name="amount_positive"),
        refers("order_id", to="orders"),
        refers("lot_id", to="point_lots"),
        Index("ix_point_uses_lot", "merchant_id", "lot_id"),
    )

    order_id: Mapped[int]
    lot_id: Mapped[int]
    amount_fen: Mapped[FenColumn]
    used_at: Mapped[Instant]
    returned_at: Mapped[Instant | None]
