"""How far a herd is settled: groups whose deadline has come, and the refunds that follow.

The herd is what has come due since the oldest deadline that is not settled yet; where all are, of
the last quarter of an hour. Groups whose work is parked wait for a person: they are told apart.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.refunds.queries import RefundQueue, list_queues

QUIET_WINDOW = timedelta(minutes=15)
RATE_WINDOW = timedelta(minutes=1)
LATE_AFTER = timedelta(minutes=3)
"""After how long an unsettled member is an alarm: well before the 10 minutes are over."""

# Work that failed is due again within minutes; its group is past its deadline all the same.
UNSETTLED = """
    SELECT g.id, g.campaign_id, least(g.deadline_at, g.cut_at) AS due_at, g.taken,
        w.state = 'parked' AS is_parked
    FROM (
        SELECT w.subject_id, w.state FROM work_rows w
        WHERE w.merchant_id = :merchant_id AND w.kind = 'settle_group' AND w.state = 'due'
            AND w.due_at <= CAST(:at AS timestamptz) + interval '5 minutes'
        UNION ALL
        SELECT w.subject_id, w.state FROM work_rows w
        WHERE w.merchant_id = :merchant_id AND w.kind = 'settle_group' AND w.state = 'leased'
        UNION ALL
        SELECT w.subject_id, w.state FROM work_rows w
        WHERE w.merchant_id = :merchant_id AND w.kind = 'settle_group' AND w.state = 'parked'
    ) w
    JOIN groups g ON g.merchant_id = :merchant_id AND g.id = w.subject_id
    WHERE g.state IN ('open', 'closing') AND least(g.deadline_at, g.cut_at) <= :at
"""
"""Groups of a merchant whose deadline has come and that are not over, at `:at`."""
_LEFT = text(
    f"""
    SELECT count(*) FILTER (WHERE NOT u.is_parked) AS groups,
        min(u.due_at) FILTER (WHERE NOT u.is_parked) AS oldest_at,
        count(*) FILTER (WHERE u.is_parked) AS parked
    FROM ({UNSETTLED}) u
    """  # noqa: S608
)
# Who was over before the deadline came was never of the herd.
_SETTLED = text(
    """
    SELECT count(*) AS groups, count(*) FILTER (WHERE g.ended_at > :rate_since) AS lately
    FROM groups g
    WHERE g.merchant_id = :merchant_id AND g.ended_at >= :since AND g.ended_at <= :at
        AND least(g.deadline_at, g.cut_at) BETWEEN :since AND g.ended_at
    """
)


@dataclass(frozen=True, slots=True)
class Progress:
    """A herd: groups settled, left and parked, the oldest left, the rate, and the refunds."""

    since_at: datetime
    settled: int
    left: int
    parked: int
    oldest_left_at: datetime | None
    settled_per_minute: int
    refunds: tuple[RefundQueue, ...]

    def to_json(self, at: datetime) -> dict[str, Any]:
        """Return the herd as REST answers it at an instant."""
        oldest = self.oldest_left_at
        return {
            "since_at": self.since_at,
            "settled": self.settled,
            "left": self.left,
            "parked": self.parked,
            "oldest_left_at": oldest,
            "oldest_left_seconds": None if oldest is None else int((at - oldest).total_seconds()),
            "settled_per_minute": self.settled_per_minute,
            "expected_end_at": self._expected_end(at),
            "refunds": [queue.to_json() for queue in self.refunds],
        }

    def _expected_end(self, at: datetime) -> datetime | None:
        """Return when nothing will be left at this rate; None where none is left or none moves."""
        if not self.left or not self.settled_per_minute:
            return None
        return at + timedelta(minutes=self.left / self.settled_per_minute)


def show_progress(session: Session, merchant_id: int, *, at: datetime) -> Progress:
    """Show how far a merchant's herd is settled."""
    left = session.execute(_LEFT, {"merchant_id": merchant_id, "at": at}).one()
    since = left.oldest_at or at - QUIET_WINDOW
    rate_since = max(since, at - RATE_WINDOW)
    settled = session.execute(
        _SETTLED,
        {"merchant_id": merchant_id, "at": at, "since": since, "rate_since": rate_since},
    ).one()
    seconds = max(1.0, (at - rate_since).total_seconds())
    return Progress(
        since_at=since,
        settled=settled.groups,
        left=left.groups,
        parked=left.parked,
        oldest_left_at=left.oldest_at,
        settled_per_minute=round(settled.lately * RATE_WINDOW.total_seconds() / seconds),
        refunds=tuple(list_queues(session, merchant_id, at=at)),
    )
