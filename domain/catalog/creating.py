"""New products and variants."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from domain.catalog.queries import ProductView, find_product, lock_product, read_point_fen
from domain.catalog.rules import check_points_price, check_prices
from domain.models import Product, Variant
from domain.public_ids import new_public_id


@dataclass(frozen=True, slots=True)
class NewVariant:
    """What a variant is made of; `stock_units` is the stock sold alone."""

    title: str
    list_price_fen: int
    alone_price_fen: int | None = None
    unit_cost_fen: int | None = None
    points_price_fen: int | None = None
    stock_units: int = 0


@dataclass(frozen=True, slots=True)
class NewProduct:
    """What a product is made of."""

    title: str
    description: str = ""
    category: str = ""
    images: Sequence[str] = ()
    default_subsidy: dict[str, Any] | None = None
    variants: Sequence[NewVariant] = ()


def create_product(
    session: Session, merchant_id: int, new: NewProduct, *, at: datetime
) -> ProductView:
    """Create a product with its variants. Raises AlonePriceAboveList, PointsPriceNotWhole."""
    product = Product(
        merchant_id=merchant_id,
        public_id=new_public_id(),
        title=new.title,
        description=new.description,
        category=new.category,
        images=list(new.images),
        default_subsidy=new.default_subsidy,
        created_at=at,
        archived_at=None,
    )
    session.add(product)
    session.flush()
    for variant in new.variants:
        _variant(session, product, variant)
    session.flush()
    return find_product(session, merchant_id, product.public_id)


def add_variant(
    session: Session, merchant_id: int, product_public_id: str, new: NewVariant
) -> Variant:
    """Add a variant; locks its product. Raises ProductNotFound, and what creating raises."""
    product = lock_product(session, merchant_id, product_public_id)
    variant = _variant(session, product, new)
    session.flush()
    return variant


def _variant(session: Session, product: Product, new: NewVariant) -> Variant:
    check_prices(new.list_price_fen, new.alone_price_fen)
    check_points_price(new.points_price_fen, read_point_fen(session, product.merchant_id))
    variant = Variant(
        merchant_id=product.merchant_id,
        public_id=new_public_id(),
        product_id=product.id,
        title=new.title,
        list_price_fen=new.list_price_fen,
        alone_price_fen=new.alone_price_fen,
        unit_cost_fen=new.unit_cost_fen,
        points_price_fen=new.points_price_fen,
        stock_units=new.stock_units,
    )
    session.add(variant)
    return variant
