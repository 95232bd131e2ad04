from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.campaigns.rules_text import Margins, write_live_caps, write_rules_text
from domain.terms import (
    Caps,
    GroupPrice,
    Levers,
    Limits,
    RewardRule,
    SubsidyKind,
    SubsidyRule,
    Terms,
)
from domain.texts import Language

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


@pytest.mark.parametrize(
    ("caps", "zh", "en"),
    [
        (Caps(), ["没有每人每天的补贴上限"], ["no daily cap"]),
        (Caps(day_fen=2000), ["每天最多发放补贴 20 元"], ["at most 20 yuan of subsidies a day"]),
        (
            Caps(month_fen=9000, day_failures=2, month_failures=7),
            ["没有每人每天", "每月最多发放补贴 90 元", "每天最多 2 次", "每月最多 7 次"],
            ["no daily cap", "at most 90 yuan", "at most 2 failures", "at most 7 failures"],
        ),
    ],
)
def test_live_caps_are_told_with_their_amounts(caps: Caps, zh: list[str], en: list[str]) -> None:
    for language, parts in (("zh", zh), ("en", en)):
        lines = write_live_caps(caps, language=language)  # type: ignore[arg-type]
        assert all(part in line for part, line in zip(parts, lines, strict=True))


def lines_of(language: Language, **changes: Any) -> list[str]:
    return write_rules_text(
        replace(TERMS, **changes), MARGINS, variant_titles=TITLES, language=language
    )


RICH = {
    "subsidy": SubsidyRule(
        SubsidyKind.CASH,
        1000,
        least_fen=500,
        new_shopper_fen=200,
        invite_fen=100,
        invites_most=3,
        delay_seconds=7200,
    ),
    "reward": RewardRule(formed_fen=500, failed_fen=300, threshold_fen=2000, valid_days=30),
    "caps": Caps(day_fen=2000, month_failures=4),
    "levers": Levers(
        full_from_seats=2, consolation_fen=100, least_paid_seconds=1800, is_pool_open=False
    ),
}


def test_every_rule_is_told_in_chinese() -> None:
    lines = lines_of("zh", **RICH)

    for told in (
        "本活动的团只能通过成员的分享参加。",
        "拼团失败：到期未满员，每位已付款的成员获得全额退款，另得 5 至 10 元之间的随机现金补贴，"
        "每一分钱的金额机会均等。",
        "首次在本商家付款的新用户（中途退团的订单不算），补贴另加 2 元，每人仅一次。",
        "截止时，本团每有一个名额由好友通过您的分享付款（好友参团时带着您的分享，没有带的以其最近打开"
        "或注册时所用的本团分享为准），您的补贴另加 1 元，最多计 3 人。",
        "截止时团内已付款名额不足 2 个的，每人补贴最多 1 元。",
        "付款须在截止前至少 30 分钟完成，之后付款的名额只退款，没有补贴。",
        "以上补贴延后 2 小时发放：10 分钟从截止后 2 小时起算。",
        "本活动每人每天最多发放补贴 20 元。",
        "本活动每人每月最多 4 次拼团失败有补贴。",
        "邀请奖励：您邀请的新用户首次拼团成功，您得一张 5 元优惠券（满 20 元可用，有效期 30 天）；"
        "每位好友只奖励一次，以其参团所凭的分享为准，没有的以此前 7 天内最近打开的分享为准。",
    ):
        assert told in lines


def test_pass_worth_the_price_is_told_as_a_free_seat() -> None:
    def told(language: Language, amount_fen: int) -> str:
        rule = SubsidyRule(SubsidyKind.PASS, amount_fen, valid_days=30)
        return " ".join(lines_of(language, subsidy=rule, prices=(GroupPrice(1, 1990),)))

    assert "可免费参加一次本活动，或其他价格不超过 19.9 元" in told("zh", 1990)
    assert "one seat of this campaign for free" in told("en", 1990)
    assert "本活动，或其他" not in told("zh", 1989)


@pytest.mark.parametrize("kind", list(SubsidyKind))
@pytest.mark.parametrize("least_fen", [None, 500])
def test_both_languages_tell_every_kind_alike(kind: SubsidyKind, least_fen: int | None) -> None:
    if kind is SubsidyKind.PASS:
        least_fen = None
    rule = SubsidyRule(kind, 1000, least_fen=least_fen, valid_days=30, threshold_fen=1500)

    zh, en = (lines_of(language, **{**RICH, "subsidy": rule}) for language in ("zh", "en"))

    assert len(zh) == len(en)
    assert not any("{" in line or line.startswith("rules.") for line in zh + en)
    assert "10 元" in " ".join(zh)
    assert "10 yuan" in " ".join(en)
