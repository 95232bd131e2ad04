from datetime import UTC, datetime, timedelta

from domain.campaigns.rules_text import Margins, write_daily_cap, write_rules_text
from domain.terms import GroupPrice, Limits, SubsidyKind, SubsidyRule, Terms

TERMS = Terms(
    group_size=3,
    life_seconds=5_400,
    prices=(GroupPrice(1, 1990), GroupPrice(2, 2050)),
    subsidy=SubsidyRule(SubsidyKind.CASH, 1000),
    starts_at=datetime(2026, 10, 31, 16, tzinfo=UTC),
    ends_at=datetime(2026, 11, 30, 15, 59, tzinfo=UTC),
    limits=Limits(2, 5, 10),
)
MARGINS = Margins(opening=timedelta(minutes=30), joining=timedelta(minutes=1))
TITLES = {1: "原味", 2: "番茄味"}


def test_rules_are_told_in_chinese() -> None:
    lines = write_rules_text(TERMS, MARGINS, variant_titles=TITLES, language="zh")

    assert lines[:5] == [
        "活动时间：2026-11-01 00:00 至 2026-11-30 23:59（北京时间）。",
        "3 人成团：从团长付款起 1 小时 30 分钟内、且不晚于活动结束，有 3 人付款即为拼团成功。",
        "开团和团长付款须在活动结束前至少 30 分钟完成，团长逾时付款的全额退回；"
        "参团须在团截止前至少 1 分钟。",
        "拼团成功：每位成员以拼团价获得商品。拼团价：原味 19.9 元；番茄味 20.5 元。",
        "拼团失败：到期未满员，每位已付款的成员获得全额退款，另得 10 元现金补贴，金额固定。",
    ]
    assert "最多同时参加 2 个" in lines[-1]
    assert "最多参与 5 次" in lines[-1]
    assert "10 次" in lines[-1]


def test_rules_are_told_in_english() -> None:
    lines = write_rules_text(TERMS, MARGINS, variant_titles=TITLES, language="en")

    assert lines[1] == (
        "A group has 3 seats. It forms when 3 people have paid within 1 h 30 min of the leader's"
        " payment, and before the campaign ends."
    )
    assert "at least 30 min before the campaign ends" in lines[2]
    assert "原味 19.9 yuan; 番茄味 20.5 yuan" in lines[3]
    assert "cash subsidy of 10 yuan" in lines[4]


def test_both_languages_say_the_same_things_and_leave_nothing_open() -> None:
    zh, en = (
        write_rules_text(TERMS, MARGINS, variant_titles=TITLES, language=language)
        for language in ("zh", "en")
    )

    assert len(zh) == len(en) == 10
    assert not any("{" in line for line in zh + en)


def test_daily_cap_is_told_with_its_amount() -> None:
    assert "最多发放现金补贴 20 元" in write_daily_cap(2000, language="zh")
    assert "at most 20 yuan" in write_daily_cap(2000, language="en")
    assert "没有每人每天的补贴上限" in write_daily_cap(None, language="zh")
    assert "no daily cap" in write_daily_cap(None, language="en")
