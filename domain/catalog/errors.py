"""What can be wrong with a product or a variant."""

from domain.errors import Conflict, NotFound, Rejected


class ProductNotFound(NotFound):
    """No such product of this merchant."""


class VariantNotFound(NotFound):
    """No such variant of this merchant."""


class StockBelowZero(Conflict):
    """The change would take more stock than there is."""


class AlonePriceAboveList(Rejected):
    """Buying alone would cost more than the list price that is shown."""


class PointsPriceNotWhole(Rejected):
    """The price in points is not the worth of whole points; `point_fen` is what one is worth."""
