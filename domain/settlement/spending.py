"""Spending coupons, passes, points and wallets on an order, and giving them back, each once.

All are taken out when the order is placed; a coupon or pass is spent once the order is paid. What
is left of its value is lost, and comes back with it. Points come back into the lots they were of.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.arrays import array
from domain.instruments.errors import CouponNotFound, InstrumentNotUsable, PassNotFound
from domain.instruments.rules import LEAST_LIFE_AFTER_FAILURE, InstrumentKind, Usable
from domain.ledger.posting import (
    BREAKAGE,
    COUPONS_PAYABLE,
    ORDER_DEPOSITS,
    PASSES_PAYABLE,
    POINTS_PAYABLE,
    WALLET,
    Posting,
)
from domain.points import rules as points
from domain.settlement.locking import Key, LockedOrder, columns
from domain.states import InstrumentState

HOLDER_OF = {InstrumentKind.COUPON: COUPONS_PAYABLE, InstrumentKind.PASS: PASSES_PAYABLE}


class Means(NamedTuple):
    """What pays an order beside the gateway: the instrument with its part, then fen."""

    instrument: Usable | None = None
    instrument_fen: int = 0
    points_fen: int = 0
    wallet_fen: int = 0
    lots: tuple[tuple[int, int], ...] = ()

    @property
    def total_fen(self) -> int:
        """Return all that the gateway need not pay."""
        return self.instrument_fen + self.points_fen + self.wallet_fen

    @property
    def instrument_id(self) -> int | None:
        """Return the inner id of the coupon or pass."""
        return None if self.instrument is None else self.instrument.id


_LOCK_INSTRUMENT = text(
    """
    SELECT id, kind, state, value_fen, threshold_fen, expires_at FROM instruments
    WHERE merchant_id = :merchant_id AND shopper_id = :shopper_id AND public_id = :public_id
        AND kind = :kind
    FOR UPDATE
    """
)
_LOCK_LOTS = text(
    """
    SELECT id, left_fen, expires_at FROM point_lots
    WHERE merchant_id = :merchant_id AND shopper_id = :shopper_id AND left_fen > 0
        AND expires_at > :at
    ORDER BY id
    FOR UPDATE
    """
)


def lock_instrument(session: Session, shopper: Key, public_id: str, kind: InstrumentKind) -> Usable:
    """Lock a shopper's coupon or pass. Raises CouponNotFound, PassNotFound."""
    row = session.execute(
        _LOCK_INSTRUMENT,
        {
            "merchant_id": shopper[0],
            "shopper_id": shopper[1],
            "public_id": public_id,
            "kind": kind.value,
        },
    ).first()
    if row is None:
        raise CouponNotFound if kind is InstrumentKind.COUPON else PassNotFound
    return Usable(*row)


def lock_lots(session: Session, shopper: Key, *, at: datetime) -> list[points.Lot]:
    """Lock what a shopper has left of points, first to expire first."""
    values = {"merchant_id": shopper[0], "shopper_id": shopper[1], "at": at}
    rows = sorted(session.execute(_LOCK_LOTS, values), key=lambda row: (row.expires_at, row.id))
    return [points.Lot(row.id, row.left_fen) for row in rows]


_RESERVE = text(
    """
    UPDATE instruments SET state = 'reserved', order_id = :order_id, moved_at = :at,
        moved_by = :actor
    WHERE merchant_id = :merchant_id AND id = :id AND state = 'issued'
    RETURNING id
    """
)
_USE_LOTS = text(
    """
    WITH used AS (
        INSERT INTO point_uses (merchant_id, order_id, lot_id, amount_fen, used_at)
        SELECT :merchant_id, :order_id, lot, fen, :at
        FROM unnest(CAST(:lots AS bigint[]), CAST(:fens AS bigint[])) AS t (lot, fen)
        RETURNING merchant_id, lot_id, amount_fen
    )
    UPDATE point_lots l SET left_fen = l.left_fen - used.amount_fen,
        spent_fen = l.spent_fen + used.amount_fen
    FROM used WHERE l.merchant_id = used.merchant_id AND l.id = used.lot_id
    """
)


def take_means(
    session: Session, order: Key, shopper_id: int, means: Means, *, at: datetime
) -> list[Posting]:
    """Take an order's means, which are locked; returns the postings, which the caller posts.

    Raises InstrumentNotUsable if the coupon or pass was not locked, and is gone.
    """
    postings = []
    merchant_id, order_id = order
    if means.instrument is not None:
        values = {"merchant_id": merchant_id, "id": means.instrument.id, "order_id": order_id}
        reserved = session.execute(_RESERVE, {**values, "at": at, "actor": f"shopper:{shopper_id}"})
        if reserved.first() is None:
            raise InstrumentNotUsable(state=InstrumentState.RESERVED.value)
        postings += _instrument_postings(
            merchant_id,
            order_id,
            InstrumentKind(means.instrument.kind),
            value_fen=means.instrument.value_fen,
            used_fen=means.instrument_fen,
            is_back=False,
        )
    if means.lots:
        session.execute(
            _USE_LOTS,
            {
                "merchant_id": merchant_id,
                "order_id": order_id,
                "lots": array(lot for lot, _ in means.lots),
                "fens": array(fen for _, fen in means.lots),
                "at": at,
            },
        )
        postings.append(
            Posting(
                merchant_id,
                "points.spent",
                order_id,
                POINTS_PAYABLE,
                ORDER_DEPOSITS,
                means.points_fen,
            )
        )
    if means.wallet_fen:
        postings.append(
            Posting(
                merchant_id,
                "wallet.spent",
                order_id,
                WALLET,
                ORDER_DEPOSITS,
                means.wallet_fen,
                source_owner_id=shopper_id,
            )
        )
    return postings


def _instrument_postings(
    merchant_id: int,
    order_id: int,
    kind: InstrumentKind,
    *,
    value_fen: int,
    used_fen: int,
    is_back: bool,
) -> list[Posting]:
    holder = HOLDER_OF[kind]
    name = "returned" if is_back else "spent"
    moves = [(f"{kind.value}.{name}", ORDER_DEPOSITS, used_fen)]
    if value_fen > used_fen:
        moves.append((f"{kind.value}.rest_{name}", BREAKAGE, value_fen - used_fen))
    return [
        Posting(merchant_id, posted, order_id, other, holder, fen)
        if is_back
        else Posting(merchant_id, posted, order_id, holder, other, fen)
        for posted, other, fen in moves
    ]


_SPEND = text(
    """
    UPDATE instruments SET state = 'spent', moved_at = :at, moved_by = :actor
    WHERE merchant_id = :merchant_id AND id = :id AND order_id = :order_id AND state = 'reserved'
    """
)


def spend_instrument(session: Session, order: LockedOrder, *, at: datetime, actor: str) -> None:
    """Move the coupon or pass of an order that is paid now from reserved to spent."""
    if order.instrument_id is not None:
        session.execute(
            _SPEND,
            {
                "merchant_id": order.merchant_id,
                "id": order.instrument_id,
                "order_id": order.id,
                "at": at,
                "actor": actor,
            },
        )


_RELEASE = text(
    """
    WITH locked AS (
        SELECT n.merchant_id, n.id, n.order_id
        FROM instruments n
        JOIN unnest(CAST(:merchants AS bigint[]), CAST(:ids AS bigint[])) AS t (m, i)
            ON n.merchant_id = t.m AND n.order_id = t.i
        WHERE n.state IN ('reserved', 'spent')
        ORDER BY n.merchant_id, n.id FOR NO KEY UPDATE OF n
    )
    UPDATE instruments n SET state = 'issued', order_id = NULL, moved_at = :at, moved_by = :actor,
        expires_at = greatest(n.expires_at, CAST(:least_until AS timestamptz)),
        warned_at = CASE WHEN n.expires_at >= CAST(:least_until AS timestamptz)
            OR CAST(:least_until AS timestamptz) IS NULL THEN n.warned_at END
    FROM locked WHERE n.merchant_id = locked.merchant_id AND n.id = locked.id
    RETURNING n.merchant_id, locked.order_id, n.kind, n.value_fen
    """
)
_RETURN_LOTS = text(
    """
    WITH returned AS (
        UPDATE point_uses u SET returned_at = :at
        FROM unnest(CAST(:merchants AS bigint[]), CAST(:ids AS bigint[])) AS t (m, i)
        WHERE u.merchant_id = t.m AND u.order_id = t.i AND u.returned_at IS NULL
        RETURNING u.merchant_id, u.lot_id, u.amount_fen
    ), sums AS (
        SELECT merchant_id, lot_id, sum(amount_fen) AS fen FROM returned GROUP BY 1, 2
    ), locked AS (
        SELECT l.merchant_id, l.id, sums.fen FROM point_lots l
        JOIN sums ON sums.merchant_id = l.merchant_id AND sums.lot_id = l.id
        ORDER BY l.merchant_id, l.id FOR UPDATE OF l
    )
    UPDATE point_lots l SET left_fen = l.left_fen + locked.fen,
        spent_fen = l.spent_fen - locked.fen,
        expires_at = CASE WHEN l.left_fen > 0 THEN l.expires_at
            ELSE greatest(l.expires_at, CAST(:least_until AS timestamptz)) END,
        warned_at = CASE WHEN l.left_fen > 0 OR l.expires_at >= CAST(:least_until AS timestamptz)
            OR CAST(:least_until AS timestamptz) IS NULL THEN l.warned_at END
    FROM locked WHERE l.merchant_id = locked.merchant_id AND l.id = locked.id
    """
)


def give_back_means(
    session: Session,
    orders: Sequence[LockedOrder],
    *,
    at: datetime,
    actor: str,
    has_failed: bool = False,
) -> list[Posting]:
    """Give back what orders were paid with beside the gateway; returns the postings to post.

    The ledger takes each back once. `has_failed`: the group failed, or the merchant is at fault;
    coupons and passes then live 7 days more at least, and so do points of which nothing else is
    left in their lot.
    """
    least_until = at + LEAST_LIFE_AFTER_FAILURE if has_failed else None
    values = {"at": at, "least_until": least_until}
    postings = []
    with_instrument = {o.key: o for o in orders if o.instrument_fen}
    if with_instrument:
        released = session.execute(
            _RELEASE, {**columns(sorted(with_instrument)), **values, "actor": actor}
        )
        for row in released:
            postings += _instrument_postings(
                row.merchant_id,
                row.order_id,
                InstrumentKind(row.kind),
                value_fen=row.value_fen,
                used_fen=with_instrument[row.merchant_id, row.order_id].instrument_fen,
                is_back=True,
            )
    with_points = [o for o in orders if o.points_fen]
    if with_points:
        session.execute(_RETURN_LOTS, {**columns(o.key for o in with_points), **values})
    return [
        *postings,
        *(
            Posting(
                o.merchant_id, "points.returned", o.id, ORDER_DEPOSITS, POINTS_PAYABLE, o.points_fen
            )
            for o in with_points
        ),
        *(
            Posting(
                o.merchant_id,
                "wallet.returned",
                o.id,
                ORDER_DEPOSITS,
                WALLET,
                o.wallet_fen,
                destination_owner_id=o.shopper_id,
            )
            for o in orders
            if o.wallet_fen
        ),
    ]
