"""Reads of the catalogue, as staff see it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.catalog.errors import ProductNotFound, VariantNotFound
from domain.models import Product, Variant

Key = tuple[int, int]


@dataclass(frozen=True, slots=True)
class ProductView:
    """A product with its variants."""

    key: Key
    id: str
    title: str
    description: str
    category: str
    images: list[str]
    created_at: datetime
    variants: tuple[Variant, ...]


def _views(session: Session, products: Sequence[Product]) -> list[ProductView]:
    if not products:
        return []
    variants = session.scalars(
        select(Variant)
        .where(
            Variant.merchant_id == products[0].merchant_id,
            Variant.product_id.in_([product.id for product in products]),
        )
        .order_by(Variant.id)
    ).all()
    return [
        ProductView(
            key=(product.merchant_id, product.id),
            id=product.public_id,
            title=product.title,
            description=product.description,
            category=product.category,
            images=list(product.images),
            created_at=product.created_at,
            variants=tuple(v for v in variants if v.product_id == product.id),
        )
        for product in products
    ]


def list_products(
    session: Session, merchant_id: int, *, below_id: int | None, limit: int
) -> list[ProductView]:
    """List products, newest first."""
    wanted = select(Product).where(
        Product.merchant_id == merchant_id, Product.archived_at.is_(None)
    )
    if below_id is not None:
        wanted = wanted.where(Product.id < below_id)
    return _views(session, session.scalars(wanted.order_by(Product.id.desc()).limit(limit)).all())


def find_product(session: Session, merchant_id: int, public_id: str) -> ProductView:
    """Find a product. Raises ProductNotFound."""
    product = session.scalars(
        select(Product).where(Product.merchant_id == merchant_id, Product.public_id == public_id)
    ).one_or_none()
    if product is None:
        raise ProductNotFound
    return _views(session, [product])[0]


def lock_product(session: Session, merchant_id: int, public_id: str) -> Product:
    """Find a product and lock it. Raises ProductNotFound."""
    product = session.scalars(
        select(Product)
        .where(Product.merchant_id == merchant_id, Product.public_id == public_id)
        .with_for_update()
    ).one_or_none()
    if product is None:
        raise ProductNotFound
    return product


def lock_variant(session: Session, merchant_id: int, public_id: str) -> Variant:
    """Find a variant and lock it. Raises VariantNotFound."""
    variant = session.scalars(
        select(Variant)
        .where(Variant.merchant_id == merchant_id, Variant.public_id == public_id)
        .with_for_update()
    ).one_or_none()
    if variant is None:
        raise VariantNotFound
    return variant


def variant_to_json(variant: Variant) -> dict[str, Any]:
    """Write a variant as the audit log keeps it."""
    return {
        "title": variant.title,
        "list_price_fen": variant.list_price_fen,
        "alone_price_fen": variant.alone_price_fen,
        "unit_cost_fen": variant.unit_cost_fen,
        "stock_units": variant.stock_units,
    }


def product_to_json(product: Product | ProductView) -> dict[str, Any]:
    """Write a product, without its variants, as the audit log keeps it."""
    return {
        "title": product.title,
        "description": product.description,
        "category": product.category,
        "images": list(product.images),
    }
