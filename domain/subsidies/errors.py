"""What can be wrong with a subsidy."""

from domain.errors import Conflict, NotFound, Rejected


class GrantNotFound(NotFound):
    """No such subsidy of this merchant."""


class GrantNotHeld(Conflict):
    """The subsidy is not held (any more): there is nothing to decide; `state` says what it is."""


class GrantNotStuck(Conflict):
    """The subsidy is not stuck: there is nothing to try again."""


class GrantEmpty(Conflict):
    """The subsidy is zero: there is nothing to release, only to deny."""


class NothingToClawBack(Conflict):
    """All of it is spent, expired or taken back already."""


class GoodwillExhausted(Conflict):
    """The goodwill budget has less left than this; `left_fen` says how much."""


class SegmentEmpty(Conflict):
    """Nobody is of the segment: there is nothing to push."""


class NotWholePoints(Rejected):
    """The amount is not the worth of whole points; `point_fen` says what one is worth."""
