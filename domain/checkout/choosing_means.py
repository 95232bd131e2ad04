"""Choosing what pays an order beside the gateway, and locking it."""

from datetime import datetime

from sqlalchemy.orm import Session

from domain.checkout.commands import Basket
from domain.instruments.errors import MeansConflict
from domain.instruments.rules import InstrumentKind, paid_by
from domain.ledger import balances
from domain.money import point_fen
from domain.points import rules as points
from domain.points.errors import TooFewPoints
from domain.settlement.spending import Means, lock_instrument, lock_lots


def choose_means(
    session: Session, basket: Basket, price_fen: int, *, points_per_yuan: int, at: datetime
) -> Means:
    """Choose and lock what pays: a pass alone, or coupon, then points, then wallet.

    Raises MeansConflict, what `instruments.rules.paid_by` does, CouponNotFound, PassNotFound.
    """
    if basket.pass_id is not None:
        if basket.coupon_id is not None or basket.use_points or basket.use_wallet:
            raise MeansConflict
        free = lock_instrument(session, basket.shopper, basket.pass_id, InstrumentKind.PASS)
        return Means(free, paid_by(free, price_fen, at=at))
    means = Means()
    if basket.coupon_id is not None:
        coupon = lock_instrument(session, basket.shopper, basket.coupon_id, InstrumentKind.COUPON)
        means = Means(coupon, paid_by(coupon, price_fen, at=at))
    if basket.use_points:
        lots = lock_lots(session, basket.shopper, at=at)
        unit = point_fen(points_per_yuan)
        part = min(sum(lot.left_fen for lot in lots), price_fen - means.total_fen) // unit * unit
        means = means._replace(points_fen=part, lots=tuple(points.take(lots, part)))
    if basket.use_wallet:
        balance = balances.locked_wallet_balance(session, basket.shopper)
        means = means._replace(wallet_fen=min(balance, price_fen - means.total_fen))
    return means


def redeem_points(
    session: Session, shopper: tuple[int, int], price_fen: int, *, at: datetime
) -> Means:
    """Lock the points that pay a points price (fen) whole. Raises TooFewPoints."""
    lots = lock_lots(session, shopper, at=at)
    left = sum(lot.left_fen for lot in lots)
    if left < price_fen:
        raise TooFewPoints(left_fen=left)
    return Means(points_fen=price_fen, lots=tuple(points.take(lots, price_fen)))
