"""The figures of a merchant over a period: its total, the period before, and each day."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from domain.analytics.campaigns import find_campaign_id
from domain.analytics.counting import PREVIOUS, TOTAL, Period, count_period
from domain.analytics.definitions import figures_of

Figures = dict[str, int | None]


@dataclass(frozen=True, slots=True)
class PeriodFigures:
    """The figures of a period; `days` has each of its days in order."""

    total: Figures
    previous: Figures
    days: list[tuple[date, Figures]]


def measure_period(
    session: Session, merchant_id: int, period: Period, *, campaign: str | None = None
) -> PeriodFigures:
    """Measure a period, of all campaigns or of one (public id). Raises CampaignNotFound."""
    campaign_id = None if campaign is None else find_campaign_id(session, merchant_id, campaign)
    counts = count_period(session, merchant_id, period, campaign_id=campaign_id)
    return PeriodFigures(
        total=figures_of(counts[TOTAL]),
        previous=figures_of(counts[PREVIOUS]),
        days=[(on, figures_of(counts[on.isoformat()])) for on in period.days],
    )
