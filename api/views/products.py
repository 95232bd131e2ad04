"""Products, for shoppers: what can be bought alone, for money or for points."""

from typing import Any

from api import auth
from api.blueprint import Blueprint
from api.paging import answer_page, page_of, read_page
from api.schemas.products import ProductArguments, ShownProductSchema
from domain.catalog.errors import ProductNotFound
from domain.catalog.shown import ProductFilter, ShownProduct, find_shown, list_shown
from domain.database import reading

blueprint = Blueprint(
    "products",
    __name__,
    url_prefix="/v1/products",
    description="Products, for shoppers",
    caller="mall",
)


@blueprint.route("", name="list_products")
@blueprint.arguments(ProductArguments, location="query")
@blueprint.response(200, page_of(ShownProductSchema))
def list_(arguments: dict[str, Any]) -> dict[str, Any]:
    """List products, newest first: all, of a category, or those that points can buy."""
    merchant_id = auth.require_merchant_of_shopper()
    page = read_page(arguments, "products", int)
    with reading() as session:
        found = list_shown(
            session,
            merchant_id,
            ProductFilter(arguments["category"], arguments["for_points"]),
            below_id=page.after[0] if page.after else None,
            limit=page.limit + 1,
        )
    return answer_page(found, page, "products", lambda product: (product.row_id,))


@blueprint.route("/<id:product_id>", refuses=(ProductNotFound,), name="show_product")
@blueprint.response(200, ShownProductSchema)
def show(product_id: str) -> ShownProduct:
    """Show a product."""
    merchant_id = auth.require_merchant_of_shopper()
    with reading() as session:
        return find_shown(session, merchant_id, product_id)
