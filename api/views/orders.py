"""Orders: buying alone, reading, giving up, paying."""

from typing import Any

from flask import Response, jsonify

from api.auth import require_shopper
from api.blueprint import Blueprint
from api.idempotency import request_key
from api.limits import order_limiter, payment_check_limiter
from api.paging import PageArguments, answer_page, page_of, read_page
from api.refusals import GATEWAY, PLACING
from api.schemas.fields import NothingSchema
from api.schemas.orders import BuyAloneArguments, OrderSchema, PreparedPaymentSchema
from api.telling import tell_order
from domain.checkout.buying_alone import buy_alone
from domain.checkout.checking_payments import check_payments
from domain.checkout.commands import Basket, BuyAlone, Client
from domain.checkout.errors import StockExhausted, VariantNotSold
from domain.checkout.giving_up import give_up_order
from domain.checkout.paying import PreparePayment, prepare_payment
from domain.database import read_clock, reading
from domain.errors import TooManyAttempts
from domain.orders.errors import NothingToPay, OrderNotCancellable, OrderNotFound
from domain.orders.queries import find_order, list_orders
from domain.points.errors import NotForPoints, TooFewPoints

blueprint = Blueprint("orders", __name__, url_prefix="/v1", description="Orders", caller="shopper")

_LARGEST_ID = 2**63 - 1


def _answer_order(status: int, order: dict[str, Any]) -> Response:
    return _answer(status, tell_order(order))


def _answer(status: int, body: dict[str, Any]) -> Response:
    response = jsonify(body)
    response.status_code = status
    return response


@blueprint.route(
    "/orders",
    methods=["POST"],
    headers=("Idempotency-Key", "X-Device-Id", "X-Channel"),
    refuses=(
        *PLACING,
        VariantNotSold,
        StockExhausted,
        NotForPoints,
        TooFewPoints,
    ),
    name="buy_alone",
)
@blueprint.arguments(BuyAloneArguments)
@blueprint.response(201, OrderSchema)
def buy(body: dict[str, Any]) -> Response:
    """Buy a product alone."""
    caller = require_shopper()
    order_limiter().spend(caller.key)
    basket = Basket(
        shopper=caller.key,
        key=request_key(caller, body),
        variant_id=body["variant_id"],
        use_wallet=body["use_wallet"],
        use_points=body["use_points"],
        coupon_id=body["coupon_id"],
        pass_id=body["pass_id"],
        address=body["address"],
        client=Client(caller.client_address, caller.device, caller.channel),
    )
    return _answer_order(
        201, buy_alone(BuyAlone(basket, for_points=body["for_points"]), at=read_clock())
    )


@blueprint.route(
    "/orders/<id:order_id>", methods=["GET"], refuses=(OrderNotFound,), name="show_order"
)
@blueprint.response(200, OrderSchema)
def read(order_id: str) -> Response:
    """Read one of my orders."""
    with reading() as session:
        return _answer_order(200, find_order(session, require_shopper().key, order_id).to_json())


@blueprint.route("/me/orders", methods=["GET"], name="list_orders")
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, page_of(OrderSchema))
def mine(arguments: dict[str, Any]) -> Response:
    """List my orders, newest first."""
    page = read_page(arguments, "orders", int)
    with reading() as session:
        rows = list_orders(
            session,
            require_shopper().key,
            before_id=_LARGEST_ID if page.after is None else page.after[0],
            limit=page.limit + 1,
        )
    answer = answer_page(rows, page, "orders", lambda row: (row[0],))
    return _answer(
        200, {**answer, "items": [tell_order(view.to_json()) for _, view in answer["items"]]}
    )


@blueprint.route(
    "/orders/<id:order_id>/cancellation",
    methods=["POST"],
    headers=("Idempotency-Key",),
    refuses=(
        OrderNotFound,
        OrderNotCancellable,
    ),
    name="give_up_order",
)
@blueprint.arguments(NothingSchema, required=False)
@blueprint.response(201, OrderSchema)
def give_up(_: dict[str, Any], order_id: str) -> Response:
    """Give up an unpaid order, or leave an open group before its deadline."""
    caller = require_shopper()
    key = request_key(caller)
    return _answer_order(201, give_up_order(caller.key, order_id, key, at=read_clock()))


@blueprint.route(
    "/orders/<id:order_id>/payments",
    methods=["POST"],
    headers=("Idempotency-Key",),
    refuses=(
        OrderNotFound,
        NothingToPay,
        *GATEWAY,
    ),
    name="pay_order",
)
@blueprint.arguments(NothingSchema, required=False)
@blueprint.response(201, PreparedPaymentSchema)
def pay(_: dict[str, Any], order_id: str) -> Response:
    """Prepare a payment; the answer goes to `wx.requestPayment` as it is."""
    caller = require_shopper()
    command = PreparePayment(caller.key, order_id, request_key(caller))
    return _answer(201, prepare_payment(command, at=read_clock()))


@blueprint.route(
    "/orders/<id:order_id>/payments/check",
    methods=["POST"],
    refuses=(OrderNotFound, TooManyAttempts),
    name="check_payment",
)
@blueprint.arguments(NothingSchema, required=False)
@blueprint.response(200, OrderSchema)
def check(_: dict[str, Any], order_id: str) -> Response:
    """Have my payment looked up now: the client was told that it succeeded. Poll the order then."""
    caller = require_shopper()
    payment_check_limiter().spend(caller.key)
    return _answer_order(200, check_payments(caller.key, order_id, at=read_clock()))
