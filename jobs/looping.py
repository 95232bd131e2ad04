"""The frame of every job: look, work, look again, until nothing is due or the time is up."""

import time
from collections.abc import Callable
from datetime import datetime

from domain.database import read_clock

BUDGET_SECONDS = 10.0
ASIDE_SECONDS = 2.0
"""For what nobody waits for as for a credit: it gets the lesser part of a queue in a herd."""


def until_done(work: Callable[[datetime], int], *, seconds: float = BUDGET_SECONDS) -> int:
    """Repeat `work` until it finds nothing; returns how much was done.

    A job ends after some seconds all the same, so that the others on its queue get their turn; the
    next look goes on.
    """
    ends_at = time.monotonic() + seconds
    total = 0
    while done := work(read_clock()):
        total += done
        if time.monotonic() >= ends_at:
            break
    return total
