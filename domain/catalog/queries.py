"""Reads of the catalogue, as staff see it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.catalog.errors import ProductNotFound, VariantNotFound
from domain.models import ExternalProgramme, MerchantSettings, Product, Variant
from domain.money import point_fen

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
    default_subsidy: dict[str, Any] | None
    variants: tuple[Variant, ...]


def _views(session: Session, products: Sequence[Product]) -> list[ProductView]:
    if not products:
        return []
    programmes = {
        row.id: row.public_id
        for row in session.execute(
            select(ExternalProgramme.id, ExternalProgramme.public_id).where(
                ExternalProgramme.merchant_id == products[0].merchant_id
            )
        )
    }
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
            default_subsidy=_shown(product.default_subsidy, programmes),
            variants=tuple(v for v in variants if v.product_id == product.id),
        )
        for product in products
    ]


def _shown(rule: dict[str, Any] | None, programmes: Mapping[int, str]) -> dict[str, Any] | None:
    """Write a subsidy rule with its programme's public id."""
    if rule is None:
        return None
    return {**rule, "programme_id": programmes.get(rule["programme_id"])}


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


def read_point_fen(session: Session, merchant_id: int) -> int:
    """Return what a merchant's point is worth in fen, or 1 where that is less."""
    per_yuan = session.scalars(
        select(MerchantSettings.points_per_yuan).where(MerchantSettings.merchant_id == merchant_id)
    ).one()
    return point_fen(per_yuan)


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
        "points_price_fen": variant.points_price_fen,
        "stock_units": variant.stock_units,
    }


def product_to_json(product: Product | ProductView) -> dict[str, Any]:
    """Write a product, without its variants, as the audit log keeps it."""
    return {
        "title": product.title,
        "description": product.description,
        "category": product.category,
        "images": list(product.images),
        "default_subsidy": product.default_subsidy,
    }
