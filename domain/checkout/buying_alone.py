"""Buying a product alone, at its list price unless set: stock is held until paid or given up.

What is held is limited as a seat is: one unpaid hold at a time, so many expired ones a day.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from domain import clock, idempotency
from domain.checkout import placing
from domain.checkout.choosing_means import choose_means, redeem_points
from domain.checkout.commands import BuyAlone
from domain.checkout.errors import StockExhausted, VariantNotSold
from domain.instruments.errors import MeansConflict
from domain.ledger import posting
from domain.orders.errors import ExpiredHoldLimitReached
from domain.orders.queries import ADDRESS_PURPOSE, OrderView
from domain.orders.rules import ALONE_HOLD
from domain.points.errors import NotForPoints
from domain.public_ids import new_public_id
from domain.risk.recording import Judged, record_decisions
from domain.risk.rules import Decision, Outcome, judge_purchase
from domain.sealing import seal
from domain.settlement.applying_payments import sell_alone
from domain.settlement.locking import lock_orders
from domain.settlement.spending import Means, take_means
from domain.states import OrderState
from domain.terms import Limits

LIMITS = Limits()
"""Those of a campaign that says nothing else."""

_LOCK = text(
    """
    SELECT counts.holds, counts.releases, counts.expired_holds, s.flag
    FROM shoppers s
    CROSS JOIN LATERAL lock_shopper(s.merchant_id, s.id, NULL, :today, :today) counts
    WHERE s.merchant_id = :merchant_id AND s.id = :shopper_id
    """
)
_TAKE_STOCK = text(
    """
    UPDATE variants v SET stock_units = stock_units - 1
    FROM products p
    WHERE v.merchant_id = :merchant_id AND v.public_id = :variant AND v.stock_units > 0
        AND p.merchant_id = v.merchant_id AND p.id = v.product_id AND p.archived_at IS NULL
    RETURNING v.id, v.list_price_fen, coalesce(v.alone_price_fen, v.list_price_fen) AS price_fen,
        v.points_price_fen, coalesce((
            SELECT m.points_per_yuan FROM merchant_settings m WHERE m.merchant_id = v.merchant_id
        ), 100) AS points_per_yuan
    """
)
_EXISTS = text(
    """
    SELECT 1 FROM variants v
    JOIN products p ON p.merchant_id = v.merchant_id AND p.id = v.product_id
    WHERE v.merchant_id = :merchant_id AND v.public_id = :variant AND p.archived_at IS NULL
    """
)
_PLACE = text(
    """
    INSERT INTO orders (merchant_id, public_id, shopper_id, variant_id, state, price_fen,
        list_price_fen, instrument_id, instrument_fen, points_fen, wallet_fen, payable_fen,
        placed_on, placed_at, hold_expires_at, address_sealed, client_address, device, channel,
        risk_outcome, moved_at, moved_by)
    VALUES (:merchant_id, :public_id, :shopper_id, :variant_id, 'placed', :price, :list_price,
        :instrument_id, :instrument, :points, :wallet, :payable, :placed_on, :at,
        :hold_expires_at, :address, :client_address, :device, :channel, :risk_outcome, :at, :actor)
    RETURNING id
    """
)


def buy_alone(command: BuyAlone, *, at: datetime) -> dict[str, Any]:
    """Place an order for one unit; returns its body. May be repeated with its key.

    Raises VariantNotSold, StockExhausted, UnpaidHoldExists, ReleasesExist, ExpiredHoldLimitReached,
    JoinBlocked, what is wrong with its means, NotForPoints, TooFewPoints, Busy,
    IdempotencyKeyReused.
    """
    basket = command.basket
    with placing.placement(basket, at=at) as session:
        done = idempotency.take(session, basket.key)
        return done if done is not None else _buy(session, command, at=at)


def admit(session: Session, shopper: tuple[int, int], *, at: datetime) -> Decision:
    """Check a shopper's limits and risk; locks the shopper, then its day.

    Raises ReleasesExist, ExpiredHoldLimitReached, or Blocked.
    """
    seen = session.execute(
        _LOCK,
        {"merchant_id": shopper[0], "shopper_id": shopper[1], "today": clock.shanghai_day(at)},
    ).one()
    decision = judge_purchase(has_unpaid_hold=seen.holds > 0, flag=seen.flag)
    if decision.outcome is Outcome.BLOCK:
        raise placing.Blocked(decision)
    placing.check_releases(seen.releases)
    if seen.expired_holds >= LIMITS.expired_holds_per_day:
        raise ExpiredHoldLimitReached(limit=LIMITS.expired_holds_per_day)
    return decision


def _buy(session: Session, command: BuyAlone, *, at: datetime) -> dict[str, Any]:
    basket = command.basket
    merchant_id, shopper_id = basket.shopper
    decision = admit(session, basket.shopper, at=at)
    wanted = {"merchant_id": merchant_id, "variant": basket.variant_id}
    variant = session.execute(_TAKE_STOCK, wanted).first()
    if variant is None:
        is_sold = session.execute(_EXISTS, wanted).first() is not None
        raise StockExhausted if is_sold else VariantNotSold(field="variant_id")
    price_fen, means = _price(session, command, variant, at=at)
    view = OrderView(
        id=new_public_id(),
        state="placed",
        seat_state=None,
        group_id=None,
        campaign_id=None,
        variant_id=basket.variant_id,
        price_fen=price_fen,
        instrument_fen=means.instrument_fen,
        points_fen=means.points_fen,
        wallet_fen=means.wallet_fen,
        payable_fen=price_fen - means.total_fen,
        quote_fen=None,
        quote_least_fen=None,
        quote_parts=None,
        placed_at=at,
        hold_expires_at=at + ALONE_HOLD,
        address=basket.address,
        coupon_id=basket.coupon_id,
        pass_id=basket.pass_id,
    )
    order_id = session.execute(
        _PLACE,
        {
            "merchant_id": merchant_id,
            "public_id": view.id,
            "shopper_id": shopper_id,
            "variant_id": variant.id,
            "price": price_fen,
            "list_price": variant.list_price_fen,
            "instrument_id": means.instrument_id,
            "instrument": means.instrument_fen,
            "points": means.points_fen,
            "wallet": means.wallet_fen,
            "payable": view.payable_fen,
            "placed_on": clock.shanghai_day(at),
            "at": at,
            "hold_expires_at": view.hold_expires_at,
            "address": None
            if basket.address is None
            else seal(basket.address, purpose=ADDRESS_PURPOSE),
            "client_address": basket.client.address,
            "device": basket.client.device,
            "channel": basket.client.channel,
            "risk_outcome": decision.outcome.value,
            "actor": f"shopper:{shopper_id}",
        },
    ).scalar_one()
    record_decisions(
        session, [Judged(merchant_id, shopper_id, order_id, decision)], point="join", at=at
    )
    taken = take_means(session, (merchant_id, order_id), shopper_id, means, at=at)
    posting.post(session, taken, at=at)
    if not view.payable_fen:
        [order] = lock_orders(session, [(merchant_id, order_id)])
        sell_alone(session, order, receipt=None, paid_at=at, at=at, actor=f"shopper:{shopper_id}")
        view = replace(view, state=OrderState.FULFILLING.value, paid_at=at)
    body = view.to_json()
    idempotency.store(session, basket.key, body, at=at)
    return body


def _price(
    session: Session, command: BuyAlone, variant: Row[Any], *, at: datetime
) -> tuple[int, Means]:
    """Return the price (fen) and the locked means that pay it, as far as the gateway need not."""
    basket = command.basket
    if not command.for_points:
        per_yuan = variant.points_per_yuan
        means = choose_means(session, basket, variant.price_fen, points_per_yuan=per_yuan, at=at)
        return variant.price_fen, means
    if variant.points_price_fen is None:
        raise NotForPoints(field="for_points")
    if basket.pass_id or basket.coupon_id or basket.use_points or basket.use_wallet:
        raise MeansConflict
    price_fen = variant.points_price_fen
    return price_fen, redeem_points(session, basket.shopper, price_fen, at=at)
