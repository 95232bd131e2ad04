"""The span of local days a page looks at: presets by code, and the span before."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from console.formats import SHANGHAI, instant

PRESETS = ("today", "yesterday", "7d", "30d", "90d", "custom")
DEFAULT_PRESET = "7d"
LONGEST_DAYS = 366
_LENGTHS = {"7d": 7, "30d": 30, "90d": 90}


@dataclass(frozen=True)
class Period:
    """A span of local days, both ends included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """Return how many days it has."""
        return (self.last - self.first).days + 1

    @property
    def before(self) -> "Period":
        """Return the span of the same length that ends where this one begins."""
        length = timedelta(days=self.days)
        return Period(self.first - length, self.last - length)


def local_day(server_time: str) -> date:
    """Return the day it is in China by the API's clock."""
    return instant(server_time).astimezone(SHANGHAI).date()


def period_of(preset: str, today: date) -> Period:
    """Return the span of a preset; the current day is its last, except for yesterday."""
    if preset == "yesterday":
        return Period(today - timedelta(days=1), today - timedelta(days=1))
    return Period(today - timedelta(days=_LENGTHS.get(preset, 1) - 1), today)


def custom_period(first: date, last: date, today: date) -> Period:
    """Return a span as chosen, no later than today and no longer than a year."""
    last = min(last, today)
    first = max(min(first, last), last - timedelta(days=LONGEST_DAYS - 1))
    return Period(first, last)


def read_day(text: str | None) -> date | None:
    """Read a date of the address bar; None if it is none."""
    try:
        return datetime.strptime(text or "", "%Y-%m-%d").replace(tzinfo=SHANGHAI).date()
    except ValueError:
        return None
