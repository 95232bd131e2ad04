"""Products and variants."""

from sqlalchemy.orm import Session

from domain import clock
from domain.models import Product, Variant
from domain.public_ids import new_public_id


def make_product(
    session: Session, merchant_id: int, *, title: str = "网红薯片 3 包", category: str = "零食"
) -> Product:
    product = Product(
        merchant_id=merchant_id,
        public_id=new_public_id(),
        title=title,
        description="",
        category=category,
        images=[],
        created_at=clock.real_now(),
        archived_at=None,
    )
    session.add(product)
    session.flush()
    return product


def make_variant(
    session: Session,
    product: Product,
    *,
    title: str = "原味",
    list_price_fen: int = 3000,
    alone_price_fen: int | None = None,
    unit_cost_fen: int | None = 1200,
    stock_units: int = 100,
) -> Variant:
    variant = Variant(
        merchant_id=product.merchant_id,
        public_id=new_public_id(),
        product_id=product.id,
        title=title,
        list_price_fen=list_price_fen,
        alone_price_fen=alone_price_fen,
        unit_cost_fen=unit_cost_fen,
        stock_units=stock_units,
    )
    session.add(variant)
    session.flush()
    return variant
