"""Changes of products and variants; each returns what it was before and is now, for the audit."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from domain.catalog.errors import StockBelowZero
from domain.catalog.queries import (
    ProductView,
    find_product,
    lock_product,
    lock_variant,
    product_to_json,
    read_point_fen,
    variant_to_json,
)
from domain.catalog.rules import check_points_price, check_prices
from domain.models import Variant

PRODUCT_FIELDS = frozenset({"title", "description", "category", "images", "default_subsidy"})
VARIANT_FIELDS = frozenset(
    {"title", "list_price_fen", "alone_price_fen", "unit_cost_fen", "points_price_fen"}
)


@dataclass(frozen=True, slots=True)
class ChangedProduct:
    """A changed product, with what the audit log keeps of it."""

    product: ProductView
    before: dict[str, Any]
    after: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ChangedVariant:
    """A changed variant, with what the audit log keeps of it."""

    variant: Variant
    before: dict[str, Any]
    after: dict[str, Any]


def change_product(
    session: Session, merchant_id: int, public_id: str, changes: Mapping[str, Any]
) -> ChangedProduct:
    """Change some of PRODUCT_FIELDS; locks the product. Raises ProductNotFound."""
    product = lock_product(session, merchant_id, public_id)
    before = product_to_json(product)
    for name in PRODUCT_FIELDS & changes.keys():
        setattr(product, name, changes[name])
    session.flush()
    return ChangedProduct(
        find_product(session, merchant_id, public_id), before, product_to_json(product)
    )


def change_variant(
    session: Session,
    merchant_id: int,
    public_id: str,
    changes: Mapping[str, Any],
    *,
    stock_delta: int = 0,
) -> ChangedVariant:
    """Change some of VARIANT_FIELDS, and the stock by a difference; locks the variant.

    Raises VariantNotFound, AlonePriceAboveList, PointsPriceNotWhole, StockBelowZero.
    """
    variant = lock_variant(session, merchant_id, public_id)
    before = variant_to_json(variant)
    for name in VARIANT_FIELDS & changes.keys():
        setattr(variant, name, changes[name])
    check_prices(variant.list_price_fen, variant.alone_price_fen)
    check_points_price(variant.points_price_fen, read_point_fen(session, merchant_id))
    if variant.stock_units + stock_delta < 0:
        raise StockBelowZero(field="stock_delta", stock_units=variant.stock_units)
    variant.stock_units += stock_delta
    session.flush()
    return ChangedVariant(variant, before, variant_to_json(variant))
