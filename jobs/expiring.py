"""Jobs that expire coupons, passes and points, and tell of what expires soon."""

from domain.checkout import expiring
from jobs.looping import ASIDE_SECONDS, until_done


def expire() -> int:
    """Expire what is over."""
    return until_done(lambda at: expiring.expire_due(at=at), seconds=ASIDE_SECONDS)


def warn() -> int:
    """Tell of what expires within days."""
    return until_done(lambda at: expiring.warn_of_expiring(at=at), seconds=ASIDE_SECONDS)
