import pytest

from console import formats


@pytest.mark.parametrize(
    ("fen", "text"),
    [(0, "¥0.00"), (5, "¥0.05"), (1990, "¥19.90"), (123456789, "¥1,234,567.89"), (-250, "-¥2.50")],
)
def test_fen_become_yuan(fen: int, text: str) -> None:
    assert formats.yuan(fen) == text


@pytest.mark.parametrize(
    ("fen", "chinese", "english"),
    [
        (99_999, "¥999.99", "¥999.99"),
        (728_000, "¥7,280", "¥7,280"),
        (3_197_600, "¥3.20 万", "¥31,976"),
        (238_800_000, "¥238.8 万", "¥2.39M"),
        (25_000_000_000, "¥2.50 亿", "¥250.0M"),
        (-3_000_000, "-¥3.00 万", "-¥30,000"),
    ],
)
def test_large_amounts_are_short_on_cards(fen: int, chinese: str, english: str) -> None:
    assert formats.short_yuan(fen, "zh") == chinese
    assert formats.short_yuan(fen, "en") == english


def test_counts_have_thousands_and_become_short() -> None:
    assert formats.count(1234567) == "1,234,567"
    assert formats.short_count(9999, "zh") == "9,999"
    assert formats.short_count(123456, "zh") == "12.35 万"


@pytest.mark.parametrize(
    ("bps", "text"), [(6134, "61.3%"), (6135, "61.4%"), (0, "0.0%"), (10_000, "100.0%")]
)
def test_basis_points_become_percent(bps: int, text: str) -> None:
    assert formats.percent(bps) == text


def test_thousandths_become_a_ratio() -> None:
    assert formats.ratio(1624) == "1.62"
    assert formats.ratio(1625) == "1.63"


@pytest.mark.parametrize(
    ("seconds", "chinese", "english"),
    [
        (0, "0 秒", "0s"),
        (42, "42 秒", "42s"),
        (60, "1 分", "1m"),
        (190, "3 分 10 秒", "3m 10s"),
        (7500, "2 小时 5 分", "2h 5m"),
        (86_400, "1 天", "1d"),
        (90_061, "1 天 1 小时", "1d 1h"),
        (3601, "1 小时", "1h"),
        (-3, "0 秒", "0s"),
    ],
)
def test_durations_name_their_two_largest_units(seconds: int, chinese: str, english: str) -> None:
    assert formats.span(seconds, "zh") == chinese
    assert formats.span(seconds, "en") == english


def test_instants_are_shown_in_china() -> None:
    assert formats.clock_time("2026-11-22T16:00:05Z") == "11-23 00:00:05"
    assert formats.day_time("2026-12-31T15:59:59Z") == "2026-12-31 23:59"


def test_null_is_a_dash_in_every_unit() -> None:
    written = {
        formats.yuan(None),
        formats.short_yuan(None, "zh"),
        formats.count(None),
        formats.short_count(None, "en"),
        formats.percent(None),
        formats.ratio(None),
        formats.span(None, "zh"),
        formats.clock_time(None),
        formats.day_time(None),
    }

    assert written == {"—"}


@pytest.mark.parametrize(
    ("typed", "fen"),
    [(19.9, 1990), (0.01, 1), (1.005, 101), (29.99, 2999), (1234567.89, 123456789)],
)
def test_typed_yuan_become_whole_fen(typed: float, fen: int) -> None:
    assert formats.fen_of(typed) == fen
