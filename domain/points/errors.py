"""What can be wrong with points."""

from domain.errors import Conflict, Rejected


class TooFewPoints(Conflict):
    """The shopper has fewer points than the price; `left_fen` says how much they are worth."""


class NotForPoints(Rejected):
    """The variant has no points price."""
