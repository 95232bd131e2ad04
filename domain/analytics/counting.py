"""Counting what figures are made of, for a period of Shanghai days, the one before it, each day.

Where the period has not ended, the one before it is counted up to the same time of its last day, so
that hours are compared with as many hours.
"""

from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from domain import clock
from domain.analytics.statements import OF_CAMPAIGN, OF_MERCHANT

TOTAL = "total"
PREVIOUS = "previous"


@dataclass(frozen=True, slots=True)
class Period:
    """Shanghai days, both ends included."""

    first: date
    last: date

    @property
    def length(self) -> int:
        """Return how many days it has."""
        return (self.last - self.first).days + 1

    @property
    def previous(self) -> "Period":
        """Return the period of the same length that ends the day before."""
        length = timedelta(days=self.length)
        return Period(self.first - length, self.last - length)

    def previous_until(self, at: datetime) -> datetime:
        """Return the instant up to which the period before is comparable, seen from `at`."""
        begins = clock.day_start(self.first)
        ends = clock.day_start(self.last + timedelta(days=1))
        length = timedelta(days=self.length)
        return max(begins, min(at, ends)) - length if at < ends else begins

    @property
    def days(self) -> list[date]:
        """List the days."""
        return [self.first + timedelta(days=n) for n in range(self.length)]


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted in one day or span; each field is a column of a statement."""

    groups_opened: int = 0
    groups_formed: int = 0
    groups_failed: int = 0
    solo_failures: int = 0
    seats_formed: int = 0
    paid_formed_fen: int = 0
    discount_fen: int = 0
    people_paid: int = 0
    paid_all_fen: int = 0
    subsidies_issued: int = 0
    subsidies_issued_fen: int = 0
    subsidies_credited: int = 0
    subsidies_credited_fen: int = 0
    subsidised_shoppers: int = 0
    subsidy_spenders: int = 0
    credit_seconds_p50: int | None = None
    credit_seconds_p99: int | None = None
    credit_seconds_max: int | None = None
    shoppers_registered: int = 0
    new_shoppers_registered: int = 0
    new_shoppers_paid: int = 0
    share_visits: int = 0
    invitations: int = 0
    first_outcomes: int = 0
    repurchase_shoppers: int = 0


_NAMES = frozenset(field.name for field in fields(Counts))


def count_period(
    session: Session,
    merchant_id: int,
    period: Period,
    *,
    at: datetime,
    campaign_id: int | None = None,
) -> dict[str, Counts]:
    """Count a period and the one before it; keys are TOTAL, PREVIOUS, and days (`2026-11-22`).

    PREVIOUS reaches as far into its last day as `at` does into the period's.

    Reads each row once for both; distinct counts and percentiles are made for each key, since days
    do not add up to them.
    """
    values = parameters(merchant_id, period, campaign_id=campaign_id)
    values["previous_end"] = period.previous_until(at)
    days = [on.isoformat() for on in (*period.previous.days, *period.days)]
    found: dict[str, dict[str, Any]] = {key: {} for key in (TOTAL, PREVIOUS, *days)}
    for statement in (OF_MERCHANT if campaign_id is None else OF_CAMPAIGN).values():
        for row in session.execute(statement, values).mappings():
            if row["day"] is not None:
                key = days[row["day"] - 1]
            elif row["is_total"] is not None:
                key = TOTAL if row["is_total"] else PREVIOUS
            else:
                continue
            found[key].update({n: v for n, v in row.items() if n in _NAMES and v is not None})
    return {key: Counts(**found[key]) for key in (TOTAL, PREVIOUS, *days[period.length :])}


def parameters(merchant_id: int, period: Period, *, campaign_id: int | None) -> dict[str, Any]:
    """Return what the statements take: where the days of both periods begin, as instants."""
    days = [*period.previous.days, *period.days]
    return {
        "merchant_id": merchant_id,
        "campaign_id": campaign_id,
        "starts": [clock.day_start(on) for on in days],
        "window_start": clock.day_start(days[0]),
        "period_start": clock.day_start(period.first),
        "window_end": clock.day_start(period.last + timedelta(days=1)),
    }
