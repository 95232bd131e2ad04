"""Preparing a payment: its number is recorded first, then the gateway is asked, then its answer.

No row is locked while the gateway is called. A repeat uses the same number, which gateways answer
alike.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from domain import idempotency, work
from domain.checkout.hearing import keep_statement
from domain.clock import iso
from domain.database import reading, transaction
from domain.gateways.errors import GatewayRejected, GatewayUnknown
from domain.gateways.protocol import PrepayRequest
from domain.idempotency import RequestKey
from domain.money import Fen
from domain.orders.errors import NothingToPay, OrderNotFound
from domain.payments.accounts import Account, account_of_merchant, callback_url, find_account
from domain.public_ids import new_public_id
from domain.settlement.releasing import DRIVE_PAYMENT
from domain.states import OrderState

FIRST_POLL = timedelta(seconds=30)

_ORDER = text(
    """
    SELECT o.id, o.state, o.releasing_at, o.hold_expires_at, o.payable_fen, p.title, s.app_id
    FROM orders o
    JOIN shoppers s ON s.merchant_id = o.merchant_id AND s.id = o.shopper_id
    JOIN variants v ON v.merchant_id = o.merchant_id AND v.id = o.variant_id
    JOIN products p ON p.merchant_id = v.merchant_id AND p.id = v.product_id
    WHERE o.merchant_id = :merchant_id AND o.shopper_id = :shopper_id AND o.public_id = :order
    FOR NO KEY UPDATE OF o
    """
)
_OPEN_PAYMENT = text(
    """
    SELECT public_id FROM payments
    WHERE merchant_id = :merchant_id AND order_id = :order_id
        AND state IN ('created', 'pending', 'unknown')
    """
)
_CREATE = text(
    """
    INSERT INTO payments (merchant_id, public_id, order_id, gateway_account_id, state, amount_fen,
        description, expires_at, created_at, moved_at, moved_by)
    VALUES (:merchant_id, :public_id, :order_id, :account_id, 'created', :amount, :description,
        :expires_at, :at, :at, :actor)
    RETURNING id
    """
)
_INTENT = text(
    """
    SELECT p.id, p.public_id, p.gateway_account_id, p.state, p.amount_fen, p.prepay_id,
        p.expires_at, p.description, s.app_id, s.openid
    FROM payments p
    JOIN orders o ON o.merchant_id = p.merchant_id AND o.id = p.order_id
    JOIN shoppers s ON s.merchant_id = o.merchant_id AND s.id = o.shopper_id
    WHERE p.merchant_id = :merchant_id AND p.public_id = :payment
    """
)
_PREPARED = text(
    """
    UPDATE payments SET prepay_id = :prepay_id,
        state = CASE WHEN state IN ('created', 'unknown') THEN 'pending' ELSE state END,
        moved_at = :at, moved_by = 'gateway:prepay'
    WHERE merchant_id = :merchant_id AND id = :id
    """
)
_UNPREPARED = text(
    """
    UPDATE payments SET state = :state, moved_at = :at, moved_by = 'gateway:prepay'
    WHERE merchant_id = :merchant_id AND id = :id AND state = 'created'
    """
)


@dataclass(frozen=True, slots=True)
class PreparePayment:
    """A shopper wants to pay an order (public id)."""

    shopper: tuple[int, int]
    order_id: str
    key: RequestKey


def prepare_payment(command: PreparePayment, *, at: datetime) -> dict[str, Any]:
    """Return what the client needs to pay; may be repeated with its key.

    Raises OrderNotFound, NothingToPay, NoGatewayAccount, Busy, GatewayUnknown and its kin.
    """
    merchant_id = command.shopper[0]
    with transaction() as session:
        done = idempotency.take(session, command.key)
        payment_no = done["payment_id"] if done else _record_intent(session, command, at=at)
    with reading() as session:
        intent = session.execute(_INTENT, {"merchant_id": merchant_id, "payment": payment_no}).one()
        account = find_account(session, (merchant_id, intent.gateway_account_id))
    if intent.state not in ("created", "pending", "unknown"):
        raise NothingToPay(state=intent.state)
    prepay_id = intent.prepay_id or _ask_gateway(account, intent, at=at)
    return {
        "payment_id": payment_no,
        "expires_at": iso(intent.expires_at),
        "client_parameters": account.provider.client_parameters(prepay_id, intent.app_id),
    }


def _record_intent(session: Session, command: PreparePayment, *, at: datetime) -> str:
    merchant_id, shopper_id = command.shopper
    order = session.execute(
        _ORDER, {"merchant_id": merchant_id, "shopper_id": shopper_id, "order": command.order_id}
    ).first()
    if order is None:
        raise OrderNotFound
    if (
        order.state != OrderState.PLACED
        or order.releasing_at is not None
        or order.hold_expires_at <= at
    ):
        raise NothingToPay(state=order.state)
    payment_no: str | None = session.execute(
        _OPEN_PAYMENT, {"merchant_id": merchant_id, "order_id": order.id}
    ).scalar()
    if payment_no is None:
        payment_no = _create(session, command, order, at=at)
    idempotency.store(session, command.key, {"payment_id": payment_no}, at=at)
    return payment_no


def _create(session: Session, command: PreparePayment, order: Row[Any], *, at: datetime) -> str:
    merchant_id, shopper_id = command.shopper
    payment_no = new_public_id()
    payment_id = session.execute(
        _CREATE,
        {
            "merchant_id": merchant_id,
            "public_id": payment_no,
            "order_id": order.id,
            "account_id": account_of_merchant(session, merchant_id, app_id=order.app_id).id,
            "amount": order.payable_fen,
            "description": order.title,
            "expires_at": order.hold_expires_at,
            "at": at,
            "actor": f"shopper:{shopper_id}",
        },
    ).scalar_one()
    work.put(session, DRIVE_PAYMENT, [(merchant_id, payment_id)], due_at=at + FIRST_POLL)
    return payment_no


def _ask_gateway(account: Account, intent: Row[Any], *, at: datetime) -> str:
    try:
        prepared = account.provider.prepay(
            PrepayRequest(
                out_trade_no=intent.public_id,
                description=intent.description,
                amount_fen=Fen(intent.amount_fen),
                app_id=intent.app_id,
                payer_id=intent.openid,
                expires_at=intent.expires_at,
                notify_url=callback_url(account, "payment"),
            )
        )
    except (GatewayUnknown, GatewayRejected) as error:
        keep_statement(account.key, error, number=intent.public_id, heard_by="answer", at=at)
        state = "unknown" if isinstance(error, GatewayUnknown) else "closed"
        _note(account, intent, _UNPREPARED, state=state, at=at)
        raise
    _note(account, intent, _PREPARED, prepay_id=prepared.prepay_id, at=at)
    return prepared.prepay_id


def _note(account: Account, intent: Row[Any], statement: Any, **values: Any) -> None:
    with transaction() as session:
        session.execute(statement, {"merchant_id": account.merchant_id, "id": intent.id, **values})
