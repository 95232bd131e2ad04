"""What can be wrong with a coupon or a pass."""

from domain.errors import Conflict, NotFound, Rejected


class CouponNotFound(NotFound):
    """No such coupon of this shopper."""


class PassNotFound(NotFound):
    """No such pass of this shopper."""


class InstrumentNotUsable(Conflict):
    """The coupon or pass is used on another order, or taken back; `state` says which."""


class InstrumentExpired(Conflict):
    """The coupon's or pass's validity is over."""


class CouponBelowThreshold(Rejected):
    """The coupon needs a dearer order; `threshold_fen` says from where on."""


class PassTooSmall(Rejected):
    """The pass is worth less than the seat; `value_fen` says how much."""


class MeansConflict(Rejected):
    """A pass pays alone: no coupon, points or wallet beside it."""
