"""What a coupon or a pass pays of an order. Pure."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from domain.instruments.errors import (
    CouponBelowThreshold,
    InstrumentExpired,
    InstrumentNotUsable,
    PassTooSmall,
)
from domain.states import InstrumentState

LEAST_LIFE_AFTER_FAILURE = timedelta(days=7)
"""What a coupon or pass has left at least when it comes back from a group that failed."""


class InstrumentKind(StrEnum):
    """A coupon takes something off an order; a pass is a free seat."""

    COUPON = "coupon"
    PASS = "pass"  # noqa: S105 - a free seat, no password


class Usable(NamedTuple):
    """A locked coupon or pass."""

    id: int
    kind: str
    state: str
    value_fen: int
    threshold_fen: int
    expires_at: datetime


def paid_by(instrument: Usable, price_fen: int, *, at: datetime) -> int:
    """Return how much of a price an instrument pays, in fen.

    Raises InstrumentNotUsable, InstrumentExpired, CouponBelowThreshold, PassTooSmall.
    """
    if instrument.state == InstrumentState.EXPIRED:
        raise InstrumentExpired
    if instrument.state != InstrumentState.ISSUED:
        raise InstrumentNotUsable(state=instrument.state)
    if instrument.expires_at <= at:
        raise InstrumentExpired
    if instrument.kind == InstrumentKind.PASS:
        if instrument.value_fen < price_fen:
            raise PassTooSmall(value_fen=instrument.value_fen)
        return price_fen
    if price_fen < instrument.threshold_fen:
        raise CouponBelowThreshold(threshold_fen=instrument.threshold_fen)
    return min(instrument.value_fen, price_fen)
