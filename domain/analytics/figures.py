"""The figures of a merchant over a period: its total, the period before, and each day."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from domain.analytics.campaigns import find_campaign_id
from domain.analytics.counting import PREVIOUS, TOTAL, Period, count_period
from domain.analytics.definitions import figures_of

Figures = dict[str, int | None]


@dataclass(frozen=True, slots=True)
class PeriodFigures:
    """The figures of a period; `days` has each of its days in order.

    `previous` are those of the period before, up to `previous_until`: the same time of its last day
    where this one has not ended, else its end.
    """

    total: Figures
    previous: Figures
    previous_until: datetime
    days: list[tuple[date, Figures]]


def measure_period(
    session: Session,
    merchant_id: int,
    period: Period,
    *,
    at: datetime,
    campaign: str | None = None,
) -> PeriodFigures:
    """Measure a period as of `at`, of all campaigns or of one (public id).

    Raises CampaignNotFound.
    """
    campaign_id = None if campaign is None else find_campaign_id(session, merchant_id, campaign)
    counts = count_period(session, merchant_id, period, at=at, campaign_id=campaign_id)
    return PeriodFigures(
        total=figures_of(counts[TOTAL]),
        previous=figures_of(counts[PREVIOUS]),
        previous_until=period.previous_until(at),
        days=[(on, figures_of(counts[on.isoformat()])) for on in period.days],
    )
