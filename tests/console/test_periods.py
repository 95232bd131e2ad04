from datetime import date

import pytest

from console.periods import Period, custom_period, local_day, period_of, read_day

TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("preset", "first", "last"),
    [
        ("today", date(2026, 11, 22), date(2026, 11, 22)),
        ("yesterday", date(2026, 11, 21), date(2026, 11, 21)),
        ("7d", date(2026, 11, 16), date(2026, 11, 22)),
        ("30d", date(2026, 10, 24), date(2026, 11, 22)),
        ("90d", date(2026, 8, 25), date(2026, 11, 22)),
    ],
)
def test_presets_count_back_from_today(preset: str, first: date, last: date) -> None:
    assert period_of(preset, TODAY) == Period(first, last)


def test_the_period_before_has_the_same_length_and_touches() -> None:
    week = period_of("7d", TODAY)

    assert week.before == Period(date(2026, 11, 9), date(2026, 11, 15))
    assert week.before.days == week.days == 7


def test_the_day_is_the_one_in_china() -> None:
    assert local_day("2026-11-22T15:59:59Z") == date(2026, 11, 22)
    assert local_day("2026-11-22T16:00:00Z") == date(2026, 11, 23)


def test_a_custom_period_ends_today_at_the_latest_and_is_a_year_at_most() -> None:
    assert custom_period(date(2026, 11, 20), date(2027, 1, 1), TODAY).last == TODAY
    assert custom_period(date(2020, 1, 1), TODAY, TODAY).days == 366
    assert custom_period(TODAY, date(2026, 11, 1), TODAY) == Period(
        date(2026, 11, 1), date(2026, 11, 1)
    )


def test_a_date_in_the_address_is_read_or_ignored() -> None:
    assert read_day("2026-11-22") == TODAY
    assert read_day("22.11.2026") is None
    assert read_day(None) is None
