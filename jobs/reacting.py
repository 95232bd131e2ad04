"""Jobs that give consumers their facts."""

from domain.checkout import reacting
from jobs.looping import ASIDE_SECONDS, until_done
from jobs.reactions import REACTIONS


def notify() -> int:
    """Write notices to shoppers."""
    return until_done(
        lambda at: reacting.consume_facts("notify", REACTIONS["notify"], at=at),
        seconds=ASIDE_SECONDS,
    )
