"""A shopper's own things: who I am, following, telephone, addresses, invitees, notices, results."""

from typing import Any

from api import auth, request_context
from api.blueprint import Blueprint
from api.limits import phone_limiter
from api.paging import PageArguments, answer_page, page_of, read_page
from api.refusals import GATEWAY
from api.schemas.fields import NothingSchema
from api.schemas.me import (
    AddressListSchema,
    AddressSchema,
    InviteeSchema,
    MeSchema,
    NewAddressSchema,
    NoticeSchema,
    PhoneCodeSchema,
    PhoneSchema,
    ResultListSchema,
    SeenSchema,
)
from domain.database import read_clock, reading, transaction
from domain.errors import TooManyAttempts
from domain.gateways.errors import PhoneCodeRefused
from domain.gateways.miniprogram import MiniProgram
from domain.merchants.errors import AppNotOnWechat
from domain.merchants.queries import find_wechat_app
from domain.notices.queries import NoticeView, list_notices, list_unseen_results, mark_seen
from domain.referrals.invitees import list_invitees
from domain.shoppers.addresses import (
    KeptAddress,
    PostalAddress,
    add_address,
    list_addresses,
    remove_address,
)
from domain.shoppers.errors import AddressNotFound, PhoneTaken, TooManyAddresses
from domain.shoppers.following import follow_merchant, unfollow_merchant
from domain.shoppers.phones import bind_phone, find_app_id
from domain.shoppers.queries import ShopperSelf, find_self

MOST_RESULTS = 20

blueprint = Blueprint(
    "me", __name__, url_prefix="/v1/me", description="A shopper's own things", caller="shopper"
)


@blueprint.route("")
@blueprint.response(200, MeSchema)
def show_me() -> ShopperSelf:
    """Say who is signed in."""
    caller = auth.require_shopper()
    with reading() as session:
        return find_self(session, caller.key)


@blueprint.route("/follow", methods=["POST"], name="follow_merchant")
@blueprint.arguments(NothingSchema, required=False)
@blueprint.response(204)
def follow(_: dict[str, Any]) -> None:
    """Follow the merchant; may be repeated."""
    caller = auth.require_shopper()
    at = read_clock()
    with transaction() as session:
        follow_merchant(session, caller.key, at=at)


@blueprint.route("/follow", methods=["DELETE"], name="unfollow_merchant")
@blueprint.response(204)
def unfollow() -> None:
    """Follow the merchant no more; may be repeated."""
    caller = auth.require_shopper()
    with transaction() as session:
        unfollow_merchant(session, caller.key)


@blueprint.route(
    "/phone",
    methods=["POST"],
    refuses=(
        PhoneCodeRefused,
        PhoneTaken,
        AppNotOnWechat,
        TooManyAttempts,
        *GATEWAY,
    ),
)
@blueprint.arguments(PhoneCodeSchema)
@blueprint.response(200, PhoneSchema)
def keep_phone(arguments: dict[str, Any]) -> dict[str, str]:
    """Bind my telephone number, by the code of the mini-program's button."""
    caller = auth.require_shopper()
    phone_limiter().spend(caller.key)
    with reading() as session:
        app = find_wechat_app(session, find_app_id(session, caller.key))
    phone = MiniProgram(app.app_id, app.secret).phone_number(arguments["code"])
    with transaction() as session:
        bind_phone(session, caller.key, phone)
    return {"phone": phone}


@blueprint.route("/addresses", name="list_addresses")
@blueprint.arguments(NothingSchema, location="query")
@blueprint.response(200, AddressListSchema)
def show_addresses(_: dict[str, Any]) -> dict[str, Any]:
    """List my addresses, the default first."""
    caller = auth.require_shopper()
    with reading() as session:
        return {"items": list_addresses(session, caller.key), "next_cursor": None}


@blueprint.route("/addresses", methods=["POST"], refuses=(TooManyAddresses,))
@blueprint.arguments(NewAddressSchema)
@blueprint.response(201, AddressSchema)
def keep_address(arguments: dict[str, Any]) -> KeptAddress:
    """Keep an address; the first one is the default."""
    caller = auth.require_shopper()
    is_default = arguments.pop("is_default")
    at = read_clock()
    with transaction() as session:
        return add_address(
            session, caller.key, PostalAddress(**arguments), is_default=is_default, at=at
        )


@blueprint.route("/addresses/<id:address_id>", methods=["DELETE"], refuses=(AddressNotFound,))
@blueprint.response(204)
def drop_address(address_id: str) -> None:
    """Remove an address; orders keep their own copy."""
    caller = auth.require_shopper()
    at = read_clock()
    with transaction() as session:
        remove_address(session, caller.key, address_id, at=at)


@blueprint.route("/invitees", name="list_invitees")
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, page_of(InviteeSchema))
def show_invitees(arguments: dict[str, Any]) -> dict[str, Any]:
    """List who came by my shares and what each brought, newest first."""
    caller = auth.require_shopper()
    page = read_page(arguments, "me.invitees", int)
    below_id = page.after[0] if page.after else None
    with reading() as session:
        found = list_invitees(session, caller.key, below_id=below_id, limit=page.limit + 1)
    return answer_page(found, page, "me.invitees", lambda invitee: (invitee.row_id,))


@blueprint.route("/notices", name="list_notices")
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, page_of(NoticeSchema))
def show_notices(arguments: dict[str, Any]) -> dict[str, Any]:
    """List my notices, newest first, in the language asked for."""
    caller = auth.require_shopper()
    page = read_page(arguments, "me.notices", int)
    below_id = page.after[0] if page.after else None
    with reading() as session:
        found = list_notices(session, caller.key, below_id=below_id, limit=page.limit + 1)
    answer = answer_page(found, page, "me.notices", lambda notice: (notice.row_id,))
    return answer | {"items": [_written(notice) for notice in answer["items"]]}


@blueprint.route("/results", name="list_results")
@blueprint.arguments(NothingSchema, location="query")
@blueprint.response(200, ResultListSchema)
def show_results(_: dict[str, Any]) -> dict[str, Any]:
    """List how my groups ended, as far as I have not seen it: for the pop-up."""
    caller = auth.require_shopper()
    with reading() as session:
        found = list_unseen_results(session, caller.key, limit=MOST_RESULTS)
    items = [_written(notice) | {"outcome": notice.key.removeprefix("group.")} for notice in found]
    return {"items": items, "next_cursor": None}


@blueprint.route("/notices/seen", methods=["POST"])
@blueprint.arguments(SeenSchema)
@blueprint.response(204)
def see_notices(arguments: dict[str, Any]) -> None:
    """Mark notices seen; may be repeated."""
    caller = auth.require_shopper()
    at = read_clock()
    with transaction() as session:
        mark_seen(session, caller.key, arguments["ids"], at=at)


def _written(notice: NoticeView) -> dict[str, Any]:
    return {
        "id": notice.id,
        "key": notice.key,
        "text": notice.text(request_context.language()),
        "parameters": notice.parameters,
        "created_at": notice.created_at,
        "seen_at": notice.seen_at,
    }
