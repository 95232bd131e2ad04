"""Products and their variants."""

from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.models.base import Base, FenColumn, Instant, TenantRow, of_merchant, refers


class Product(TenantRow, Base):
    """What is sold. `default_subsidy` is the subsidy rule of a campaign that names none."""

    __tablename__ = "products"
    __table_args__ = (UniqueConstraint("merchant_id", "public_id"), of_merchant())

    public_id: Mapped[str]
    title: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="")
    category: Mapped[str] = mapped_column(server_default="")
    images: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    default_subsidy: Mapped[dict[str, Any] | None]
    created_at: Mapped[Instant]
    archived_at: Mapped[Instant | None]


class Variant(TenantRow, Base):
    """One variant: its list price, private unit cost, and the stock that is sold alone.

    A campaign's stock is a number of its own, not taken out of `stock_units`. One with a points
    price (in fen, at face value) may be had for points alone.
    """

    __tablename__ = "variants"
    __table_args__ = (
        UniqueConstraint("merchant_id", "public_id"),
        CheckConstraint("list_price_fen > 0", name="list_price_fen_positive"),
        CheckConstraint("alone_price_fen > 0", name="alone_price_fen_positive"),
        CheckConstraint("points_price_fen > 0", name="points_price_fen_positive"),
        CheckConstraint("unit_cost_fen >= 0", name="unit_cost_fen_positive"),
        CheckConstraint("stock_units >= 0", name="stock_units_positive"),
        refers("product_id", to="products"),
        Index("ix_variants_product", "merchant_id", "product_id"),
    )

    public_id: Mapped[str]
    product_id: Mapped[int]
    title: Mapped[str]
    list_price_fen: Mapped[FenColumn]
    alone_price_fen: Mapped[FenColumn | None]
    points_price_fen: Mapped[FenColumn | None]
    unit_cost_fen: Mapped[FenColumn | None]
    stock_units: Mapped[int] = mapped_column(server_default=text("0"))
