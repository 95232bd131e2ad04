"""Products and variants, for staff."""

from typing import Any

from sqlalchemy.orm import Session

from api import auth
from api.blueprint import Blueprint
from api.paging import PageArguments, answer_page, page_of, read_page
from api.schemas.merchant.products import (
    NewProductSchema,
    NewVariantSchema,
    ProductChangeSchema,
    ProductSchema,
    VariantChangeSchema,
    VariantSchema,
)
from api.views.merchant.campaigns import read_subsidy
from domain.campaigns.drafting import check_default_subsidy
from domain.campaigns.errors import TermsInvalid
from domain.catalog import queries
from domain.catalog.changing import change_product
from domain.catalog.creating import NewProduct, NewVariant, add_variant, create_product
from domain.catalog.errors import (
    AlonePriceAboveList,
    PointsPriceNotWhole,
    ProductNotFound,
    StockBelowZero,
    VariantNotFound,
)
from domain.catalog.queries import ProductView
from domain.database import merchant_transaction, read_clock
from domain.merchants.auditing import audit
from domain.merchants.rules import Role
from domain.models import Variant
from domain.points.errors import ProgrammeNotFound
from domain.publishing.errors import WarningsNotAcknowledged
from domain.publishing.publishing import Acknowledgement
from domain.publishing.repricing import ChangeVariant, change_variant_on_sale

blueprint = Blueprint(
    "merchant-products",
    __name__,
    url_prefix="/v1/merchant",
    description="Products and variants, for staff",
    caller="staff",
)


@blueprint.route("/products")
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, page_of(ProductSchema))
def list_products(arguments: dict[str, Any]) -> dict[str, Any]:
    """List products, newest first."""
    caller = auth.require_staff()
    page = read_page(arguments, "merchant.products", int)
    below_id = page.after[0] if page.after else None
    with merchant_transaction(caller.merchant_id) as session:
        found = queries.list_products(
            session, caller.merchant_id, below_id=below_id, limit=page.limit + 1
        )
    return answer_page(found, page, "merchant.products", lambda product: (product.key[1],))


@blueprint.route(
    "/products",
    methods=["POST"],
    role=Role.OPERATOR,
    refuses=(
        TermsInvalid,
        AlonePriceAboveList,
        PointsPriceNotWhole,
        ProgrammeNotFound,
    ),
)
@blueprint.arguments(NewProductSchema)
@blueprint.response(201, ProductSchema)
def add_product(arguments: dict[str, Any]) -> ProductView:
    """Make a product with its variants."""
    caller = auth.require_staff()
    at = read_clock()
    variants = [NewVariant(**variant) for variant in arguments.pop("variants")]
    with merchant_transaction(caller.merchant_id) as session:
        _read_default_subsidy(session, caller.merchant_id, arguments)
        product = create_product(
            session, caller.merchant_id, NewProduct(**arguments, variants=variants), at=at
        )
        audit(
            session,
            caller.actor,
            "product.created",
            subject_kind="product",
            subject_id=product.key[1],
            at=at,
            after={
                **queries.product_to_json(product),
                "variants": [queries.variant_to_json(variant) for variant in product.variants],
            },
        )
    return product


@blueprint.route("/products/<id:product_id>", refuses=(ProductNotFound,))
@blueprint.response(200, ProductSchema)
def show_product(product_id: str) -> ProductView:
    """Show a product."""
    caller = auth.require_staff()
    with merchant_transaction(caller.merchant_id) as session:
        return queries.find_product(session, caller.merchant_id, product_id)


@blueprint.route(
    "/products/<id:product_id>",
    methods=["PATCH"],
    role=Role.OPERATOR,
    refuses=(
        ProductNotFound,
        TermsInvalid,
        ProgrammeNotFound,
    ),
)
@blueprint.arguments(ProductChangeSchema)
@blueprint.response(200, ProductSchema)
def edit_product(arguments: dict[str, Any], product_id: str) -> ProductView:
    """Change a product."""
    caller = auth.require_staff()
    reason = arguments.pop("reason")
    at = read_clock()
    with merchant_transaction(caller.merchant_id) as session:
        _read_default_subsidy(session, caller.merchant_id, arguments)
        changed = change_product(session, caller.merchant_id, product_id, arguments)
        if changed.before != changed.after:
            audit(
                session,
                caller.actor,
                "product.changed",
                subject_kind="product",
                subject_id=changed.product.key[1],
                at=at,
                reason=reason,
                before=changed.before,
                after=changed.after,
            )
    return changed.product


def _read_default_subsidy(session: Session, merchant_id: int, arguments: dict[str, Any]) -> None:
    """Check a default subsidy that is given, and write it as the product keeps it."""
    given = arguments.get("default_subsidy")
    if given is not None:
        rule = check_default_subsidy(
            session, merchant_id, read_subsidy(given), given["programme_id"]
        )
        arguments["default_subsidy"] = rule.to_json()


@blueprint.route(
    "/products/<id:product_id>/variants",
    methods=["POST"],
    role=Role.OPERATOR,
    refuses=(
        ProductNotFound,
        AlonePriceAboveList,
        PointsPriceNotWhole,
    ),
    name="add_variant",
)
@blueprint.arguments(NewVariantSchema)
@blueprint.response(201, VariantSchema)
def add_variant_of_product(arguments: dict[str, Any], product_id: str) -> Variant:
    """Add a variant to a product."""
    caller = auth.require_staff()
    at = read_clock()
    with merchant_transaction(caller.merchant_id) as session:
        variant = add_variant(session, caller.merchant_id, product_id, NewVariant(**arguments))
        audit(
            session,
            caller.actor,
            "variant.created",
            subject_kind="variant",
            subject_id=variant.id,
            at=at,
            after=queries.variant_to_json(variant),
        )
    return variant


@blueprint.route(
    "/variants/<id:variant_id>",
    methods=["PATCH"],
    role=Role.OPERATOR,
    refuses=(
        VariantNotFound,
        AlonePriceAboveList,
        PointsPriceNotWhole,
        StockBelowZero,
        WarningsNotAcknowledged,
    ),
)
@blueprint.arguments(VariantChangeSchema)
@blueprint.response(200, VariantSchema)
def edit_variant(arguments: dict[str, Any], variant_id: str) -> Variant:
    """Change a variant; its stock by a difference.

    New prices of a variant on sale may need acknowledgements, as publishing does.
    """
    caller = auth.require_staff()
    reason, stock_delta = arguments.pop("reason"), arguments.pop("stock_delta")
    acknowledged = [Acknowledgement(a["code"], a["reason"]) for a in arguments.pop("acknowledged")]
    command = ChangeVariant(caller.actor, variant_id, arguments, stock_delta, reason, acknowledged)
    return change_variant_on_sale(command, at=read_clock())
