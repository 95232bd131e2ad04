"""Shoppers, for staff."""

from typing import Any

from api import auth
from api.blueprint import Blueprint
from api.paging import answer_page, page_of, read_page
from api.schemas.merchant.shoppers import FlagSchema, ShopperFilters, ShopperSchema
from domain.database import merchant_transaction, read_clock
from domain.merchants.auditing import audit
from domain.merchants.rules import Role
from domain.shoppers.errors import ShopperNotFound
from domain.shoppers.flagging import flag_shopper
from domain.shoppers.queries import ShopperLine, find_shopper
from domain.shoppers.queries import list_shoppers as list_them

blueprint = Blueprint(
    "merchant-shoppers",
    __name__,
    url_prefix="/v1/merchant/shoppers",
    description="Shoppers, for staff",
    caller="staff",
)


@blueprint.route("")
@blueprint.arguments(ShopperFilters, location="query")
@blueprint.response(200, page_of(ShopperSchema))
def list_shoppers(arguments: dict[str, Any]) -> dict[str, Any]:
    """List shoppers, newest first, by a part of the nickname or by id."""
    caller = auth.require_staff()
    page = read_page(arguments, "merchant.shoppers", int)
    with merchant_transaction(caller.merchant_id) as session:
        found = list_them(
            session,
            caller.merchant_id,
            query=arguments["query"] or None,
            below_id=page.after[0] if page.after else None,
            limit=page.limit + 1,
        )
    return answer_page(found, page, "merchant.shoppers", lambda line: (line.row_id,))


@blueprint.route(
    "/<id:shopper_id>",
    methods=["PATCH"],
    role=Role.OPERATOR,
    refuses=(ShopperNotFound,),
    name="flag_shopper",
)
@blueprint.arguments(FlagSchema)
@blueprint.response(200, ShopperSchema)
def flag(arguments: dict[str, Any], shopper_id: str) -> ShopperLine:
    """Flag a shopper, or lift the flag."""
    caller = auth.require_staff()
    at = read_clock()
    with merchant_transaction(caller.merchant_id) as session:
        row_id, before = flag_shopper(session, caller.merchant_id, shopper_id, arguments["flag"])
        audit(
            session,
            caller.actor,
            "shopper.flagged",
            subject_kind="shopper",
            subject_id=row_id,
            at=at,
            reason=arguments["reason"],
            before={"flag": before},
            after={"flag": arguments["flag"]},
        )
        return find_shopper(session, caller.merchant_id, shopper_id)
