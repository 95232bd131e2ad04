"""Time: real time plus the business clock's offset, and Shanghai's days. UTC everywhere else."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


def real_now() -> datetime:
    """Return the real instant: for leases, time-outs, signatures; business uses `read_clock`."""
    return datetime.now(UTC)


def shifted(offset_seconds: float) -> datetime:
    """Return the business instant of a clock that runs `offset_seconds` ahead of real time."""
    return real_now() + timedelta(seconds=offset_seconds)


def iso(at: datetime | None) -> str | None:
    """Write an instant as ISO 8601 UTC with milliseconds, as the API does."""
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def shanghai_day(at: datetime) -> date:
    """Return the Asia/Shanghai day an instant lies in."""
    return at.astimezone(SHANGHAI).date()


def ending_day(at: datetime) -> date:
    """Return the Shanghai day a deadline falls in: 24:00 belongs to the ending day."""
    return shanghai_day(at - timedelta(microseconds=1))


def day_start(on: date) -> datetime:
    """Return the instant at which a Shanghai day begins, in UTC."""
    return datetime.combine(on, time.min, tzinfo=SHANGHAI).astimezone(UTC)
