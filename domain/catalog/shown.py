"""Products as shoppers see them: what can be bought alone, for money or for points."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.catalog.errors import ProductNotFound


@dataclass(frozen=True, slots=True)
class ShownProduct:
    """A product with its variants; the unit cost stays inside."""

    row_id: int
    id: str
    title: str
    description: str
    category: str
    images: list[str]
    variants: list[dict[str, Any]]


_SHOWN = """
    SELECT p.id AS row_id, p.public_id AS id, p.title, p.description, p.category, p.images,
        v.variants
    FROM products p
    CROSS JOIN LATERAL (
        SELECT jsonb_agg(jsonb_build_object(
            'id', s.public_id, 'title', s.title, 'list_price_fen', s.list_price_fen,
            'alone_price_fen', coalesce(s.alone_price_fen, s.list_price_fen),
            'points_price_fen', s.points_price_fen, 'is_sold_out', s.stock_units = 0
            ) ORDER BY s.id) AS variants,
            bool_or(s.points_price_fen IS NOT NULL) AS is_for_points
        FROM variants s
        WHERE s.merchant_id = p.merchant_id AND s.product_id = p.id
    ) v
    WHERE p.merchant_id = :merchant_id AND p.archived_at IS NULL AND v.variants IS NOT NULL
"""
_PAGE = text(
    _SHOWN
    + """
        AND (NOT :for_points OR v.is_for_points)
        AND (CAST(:category AS text) IS NULL OR p.category = :category)
        AND (CAST(:below_id AS bigint) IS NULL OR p.id < :below_id)
    ORDER BY p.id DESC
    LIMIT :limit
    """
)
_ONE = text(_SHOWN + " AND p.public_id = :public_id")


@dataclass(frozen=True, slots=True)
class ProductFilter:
    """Which products: of a category, or with a price in points."""

    category: str | None = None
    for_points: bool = False


def list_shown(
    session: Session, merchant_id: int, which: ProductFilter, *, below_id: int | None, limit: int
) -> list[ShownProduct]:
    """List a merchant's products, newest first, below an inner id."""
    values = {
        "merchant_id": merchant_id,
        "category": which.category,
        "for_points": which.for_points,
        "below_id": below_id,
        "limit": limit,
    }
    return [ShownProduct(**row) for row in session.execute(_PAGE, values).mappings()]


def find_shown(session: Session, merchant_id: int, public_id: str) -> ShownProduct:
    """Find a product. Raises ProductNotFound."""
    values = {"merchant_id": merchant_id, "public_id": public_id}
    row = session.execute(_ONE, values).mappings().one_or_none()
    if row is None:
        raise ProductNotFound
    return ShownProduct(**row)
