"""The audit log speaks words: every act, warning and field that the system can record has some."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from console.app_pages import audit_log
from console.texts import LANGUAGES, Texts, catalogue
from domain.interventions.approving import ACTS
from domain.merchants.changing_settings import CHANGEABLE
from domain.settlement.returning_elsewhere import PURPOSE
from domain.terms import Caps, Levers, Limits, RewardRule, SubsidyKind, SubsidyRule
from tests.console.conftest import Pages, text_of

ROOT = Path(__file__).parents[2]
ACT = re.compile(r"[a-z_]+\.[a-z_]+")
RAW = re.compile(r"[a-z]+_[a-z_]+|True|False|None")
RECORDERS = {"audit", "log", "_change", "_move", "_decide"}


def recorded_acts() -> set[str]:
    """Find the acts that the code records: texts like `campaign.paused` handed to a recorder."""
    return {
        argument.value
        for folder in ("domain", "api")
        for file in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and (getattr(node.func, "id", None) or getattr(node.func, "attr", None)) in RECORDERS
        for argument in node.args
        if isinstance(argument, ast.Constant)
        and isinstance(argument.value, str)
        and ACT.fullmatch(argument.value)
    }


def test_every_act_can_be_chosen_and_has_words() -> None:
    acts = recorded_acts()

    assert len(acts) >= 15
    assert acts <= {*audit_log.ACTIONS}
    for language in LANGUAGES:
        words = [Texts(language).named("audited", one) for one in audit_log.ACTIONS]
        assert not any(word in audit_log.ACTIONS for word in words)
        assert len({*words}) == len(words)


def test_every_warning_has_a_short_name() -> None:
    catalogue_of_warnings = (ROOT / "domain/texts/zh/warnings.po").read_text("utf-8")
    codes = re.findall(r'msgid "([a-z_]+)"', catalogue_of_warnings)

    assert len(codes) >= 12
    for language in LANGUAGES:
        assert [code for code in codes if f"warning.{code}" not in catalogue(language)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_field_of_a_campaign_and_of_the_settings_has_words(language: str) -> None:
    t = Texts(language)
    parts: dict[str, Any] = {
        "subsidy": SubsidyRule(SubsidyKind.CASH, 100),
        "caps": Caps(),
        "levers": Levers(),
        "reward": RewardRule(),
        "limits": Limits(),
    }
    fields = [
        *CHANGEABLE,
        *(f"terms.{name}.{field}" for name, one in parts.items() for field in one.to_json()),
    ]

    assert len(fields) > 35
    assert [one for one in fields if RAW.search(audit_log._named(t, one))] == []


def test_a_published_change_is_told_in_words(pages: Pages) -> None:
    pages.api.audit_log[:] = [
        {
            **pages.api.audit_log[0],
            "action": "campaign.published",
            "subject_kind": "campaign",
            "reason": "no_subsidy_cap: 已和老板确认; random_cash: 问过税务",
            "before": {
                "state": "draft",
                "terms": {
                    "levers": {"is_pool_open": True},
                    "life_seconds": 86_400,
                    "prices": [{"variant_id": "x", "group_price_fen": 1990}],
                    "subsidy": {"kind": "cash", "least_fen": None, "valid_days": 0},
                },
            },
            "after": {
                "state": "published",
                "terms": {
                    "levers": {"is_pool_open": False},
                    "life_seconds": 7200,
                    "prices": [{"variant_id": "x", "group_price_fen": 1890}],
                    "subsidy": {"kind": "points", "least_fen": 100, "valid_days": 30},
                },
            },
        }
    ]

    shown = text_of(pages.open("audit_log"))

    assert "没有补贴上限: 已和老板确认 · 随机现金: 问过税务" in shown
    assert "陌生人可以从活动页参团</small> 是 → 否" in shown
    assert "1 天 → 2 小时" in shown
    assert "¥19.90 → ¥18.90" in shown
    assert "现金 → 积分" in shown
    assert "<details><summary>另有 3 项</summary>" in shown
    told = shown[shown.index("已和老板确认") :]
    assert not RAW.search(re.sub(r"<[^>]+>", "", told))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_approval_and_refund_has_words(language: str) -> None:
    words = catalogue(language)
    ended = (ROOT / "domain/settlement/applying_payments.py").read_text("utf-8")
    purposes = {"failed", "left", PURPOSE, *re.findall(r'return "([a-z_]+)"', ended)}
    purposes -= {"seated", "repeated", "unknown"}

    assert {"late", "duplicate", "wrong_amount"} <= purposes
    assert [one for one in purposes if f"refund_purpose.{one}" not in words] == []
    assert [one for one in ACTS if f"approval_kind.{one}" not in words] == []
