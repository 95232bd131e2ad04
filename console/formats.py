"""Units to text: fen, basis points, thousandths, seconds and instants; null is always a dash."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal

DASH = "—"
SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
MINUTE = 60
HOUR = 3600
DAY = 86400
COUNT_SCALES = {"zh": ((10**8, " 亿"), (10**4, " 万")), "en": ((10**9, "B"), (10**6, "M"))}
TICK_SCALES = {**COUNT_SCALES, "en": (*COUNT_SCALES["en"], (10**3, "K"))}
SPAN_WORDS = {
    "zh": (" 天 ", " 小时 ", " 分 ", " 秒"),
    "en": ("d ", "h ", "m ", "s"),
}


def yuan(fen: int | None) -> str:
    """Write fen as yuan to the fen: 199050 -> ¥1,990.50."""
    if fen is None:
        return DASH
    sign = "-" if fen < 0 else ""
    whole, rest = divmod(abs(fen), 100)
    return f"{sign}¥{whole:,}.{rest:02d}"


def short_yuan(fen: int | None, language: str) -> str:
    """Write fen for a narrow card: whole yuan from 1,000 up, then 万 and 亿 (or M and B)."""
    if fen is None:
        return DASH
    if abs(fen) < 100_000:
        return yuan(fen)
    value = Decimal(fen) / 100
    scaled = _scaled(value, language)
    return f"¥{scaled}" if value > 0 else f"-¥{scaled.lstrip('-')}"


def tick_yuan(value: float, language: str) -> str:
    """Write the yuan of an axis: ¥2.5, ¥800, ¥1.5 万 (or ¥15K)."""
    for scale, unit in TICK_SCALES[language]:
        if value >= scale:
            return f"¥{value / scale:g}{unit}"
    return f"¥{value:g}"


def count(number: int | None) -> str:
    """Write a whole number."""
    return DASH if number is None else f"{number:,}"


def short_count(number: int | None, language: str) -> str:
    """Write a whole number for a narrow card."""
    return DASH if number is None else _scaled(Decimal(number), language)


def percent(bps: int | None) -> str:
    """Write basis points as percent: 6134 -> 61.3%."""
    return DASH if bps is None else f"{_rounded(Decimal(bps) / 100, 1)}%"


def ratio(milli: int | None) -> str:
    """Write thousandths as a ratio: 1624 -> 1.62."""
    return DASH if milli is None else f"{_rounded(Decimal(milli) / 1000, 2)}"


def span(seconds: float | None, language: str) -> str:
    """Write a duration by its two largest units: 190 -> 3 分 10 秒."""
    if seconds is None:
        return DASH
    left = max(0, round(seconds))
    amounts = (left // DAY, left % DAY // HOUR, left % HOUR // MINUTE, left % MINUTE)
    first = next((place for place, amount in enumerate(amounts) if amount), 3)
    words = SPAN_WORDS[language]
    parts = [
        f"{amounts[place]}{words[place]}"
        for place in range(first, min(first + 2, 4))
        if amounts[place] or place == first
    ]
    return "".join(parts).strip()


def instant(text: str) -> datetime:
    """Read an instant of the API."""
    return datetime.fromisoformat(text).astimezone(UTC)


def api_instant(at: datetime) -> str:
    """Write an instant as the API takes it."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def clock_time(text: str | None) -> str:
    """Write an instant as month, day and time in China: 11-22 18:20:05."""
    return DASH if text is None else f"{instant(text).astimezone(SHANGHAI):%m-%d %H:%M:%S}"


def second_time(text: str | None) -> str:
    """Write an instant as date and second in China: 2026-11-22 18:20:05."""
    return DASH if text is None else f"{instant(text).astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"


def day_time(text: str | None) -> str:
    """Write an instant as date and minute in China: 2026-11-22 18:20."""
    return DASH if text is None else f"{instant(text).astimezone(SHANGHAI):%Y-%m-%d %H:%M}"


def day_span(start: str, end: str) -> str:
    """Write the local days from one instant to another: 11-22 – 11-29; 24:00 ends its day."""
    first = instant(start).astimezone(SHANGHAI)
    last = instant(end).astimezone(SHANGHAI) - timedelta(microseconds=1)
    return f"{first:%m-%d} – {last:%m-%d}"


def fen_of(yuan_typed: float) -> int:
    """Turn typed yuan into fen."""
    return int((Decimal(str(yuan_typed)) * 100).quantize(Decimal(1), ROUND_HALF_UP))


def _scaled(value: Decimal, language: str) -> str:
    for scale, unit in COUNT_SCALES[language]:
        if abs(value) >= scale:
            return f"{_rounded(value / scale, 1 if abs(value) >= 100 * scale else 2)}{unit}"
    return f"{_rounded(value, 0):,}"


def _rounded(value: Decimal, places: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
