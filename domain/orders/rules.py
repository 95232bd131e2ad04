"""Rules of placing an order: how long a hold lasts. Pure."""

from datetime import datetime, timedelta

HOLD = timedelta(minutes=5)
ALONE_HOLD = timedelta(minutes=15)
RELEASING_LIMIT = timedelta(minutes=15)
LAST_JOIN = timedelta(minutes=1)
RELEASES_AT_ONCE = 2
OPENING_MARGIN = timedelta(minutes=30)


def hold_until(at: datetime, deadline_at: datetime | None) -> datetime:
    """Return when an unpaid seat's hold runs out: after 5 minutes, or at the deadline."""
    until = at + HOLD
    return until if deadline_at is None else min(until, deadline_at)
