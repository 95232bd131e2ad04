"""One campaign's page: its phase, the rules in force against the draft, more budget and stock."""

from typing import Any

import pytest

from console.drafting import worst_group_fen
from console.parts.rules_text import differences
from tests.console.conftest import Pages, text_of
from tests.console.fake_data import Json
from tests.console.test_pages import asked_paths, body_of, button

OPEN_RAISE = ("parts.raising", "open_raise")


def published(pages: Pages) -> Json:
    found = next(one for one in pages.api.campaigns if one["state"] == "published")
    found |= {"budget_fen": 100_000, "spent_fen": 30_000, "committed_fen": 10_000}
    return found


class TestPhases:
    def test_campaign_past_its_end_says_so_and_shows_its_rules(self, pages: Pages) -> None:
        campaign = published(pages)
        campaign["ends_at"] = "2026-01-01T00:00:00Z"

        page = pages.open("campaigns", id=campaign["id"])

        assert "已到期" in text_of(page)
        assert "3 人成团。" in text_of(page)
        assert not page.warning
        assert not any("/check" in path for path in asked_paths(pages.api, "GET"))
        assert "追加预算" not in [one.label for one in page.button]

    def test_ended_campaign_shows_its_rules(self, pages: Pages) -> None:
        campaign = published(pages)
        campaign["state"] = "ended"

        page = pages.open("campaigns", id=campaign["id"])

        assert "3 人成团。" in text_of(page)
        assert not page.warning

    @pytest.mark.parametrize("phase", ["running", "paused", "draft", "expired"])
    def test_list_is_by_phase(self, pages: Pages, phase: str) -> None:
        pages.api.campaigns[1]["ends_at"] = "2026-01-01T00:00:00Z"

        page = pages.open("campaigns", phase=phase)

        wanted = {
            "running": [pages.api.campaigns[0], pages.api.campaigns[3]],
            "paused": [pages.api.campaigns[2]],
            "draft": [pages.api.campaigns[4]],
            "expired": [pages.api.campaigns[1]],
        }
        shown = [one.key for one in page.button if one.key and one.key.startswith("open_")]
        assert shown == [f"open_{one['id']}" for one in wanted[phase]]

    def test_phase_with_nothing_in_it_says_so(self, pages: Pages) -> None:
        page = pages.open("campaigns", phase="upcoming")

        assert "没有这个阶段的活动" in text_of(page)


class TestRules:
    def test_rules_in_force_are_shown_not_the_drafts(self, pages: Pages) -> None:
        campaign = published(pages)
        campaign["terms"] = {**campaign["terms"], "group_size": 5}
        campaign["has_unpublished_changes"] = True

        page = pages.open("campaigns", id=campaign["id"])

        shown = text_of(page)
        assert "<li>3 人成团。</li>" in shown
        assert '<li class="gone"><b>−</b><span>3 人成团。</span></li>' in shown
        assert '<li class="come"><b>+</b><span>5 人成团。</span></li>' in shown
        assert "<li>5 人成团。</li>" not in shown

    def test_older_version_can_be_read(self, pages: Pages) -> None:
        campaign = published(pages)
        page = pages.open("campaigns", id=campaign["id"])
        [versions] = [one for one in page.selectbox if one.label == "规则版本"]

        versions.select_index(1).run()

        assert "已被替换" in versions.options[1]
        assert "生效中" in versions.options[0]
        assert not page.exception

    def test_draft_shows_what_it_would_say(self, pages: Pages) -> None:
        draft = next(one for one in pages.api.campaigns if one["state"] == "draft")

        page = pages.open("campaigns", id=draft["id"])

        assert "发布后用户会看到的规则" in text_of(page)
        assert "补贴超过差价的一半" in page.warning[0].value

    def test_difference_leaves_out_what_stays(self) -> None:
        found = list(differences(["a", "b", "c"], ["a", "x", "c", "d"]))

        assert found == [("gone", "b"), ("come", "x"), ("come", "d")]


class TestRaising:
    def test_more_budget_is_asked_for_with_a_reason(self, pages: Pages) -> None:
        campaign = published(pages)
        page = pages.open_dialog(*OPEN_RAISE, campaign, "budget")
        page.number_input(key="raise_delta").set_value(500.0).run()
        preview = text_of(page)
        page.text_area[0].input("周五预算用完")
        page.button(key="raise_confirm").click().run()

        sent = body_of(pages.api, "PATCH", f"/v1/merchant/campaigns/{campaign['id']}")
        assert sent == {"budget_fen": 150_000, "budget_was_fen": 100_000, "reason": "周五预算用完"}
        groups = 110_000 // worst_group_fen(campaign["terms"])
        assert f"还能开 <b>{groups}</b> 个团" in preview
        assert "¥1,000.00 → <b>¥1,500.00</b>" in preview

    def test_more_stock_is_in_units(self, pages: Pages) -> None:
        campaign = published(pages)
        page = pages.open_dialog(*OPEN_RAISE, campaign, "stock")
        page.number_input(key="raise_delta").set_value(60).run()
        page.text_area[0].input("补货到仓")
        page.button(key="raise_confirm").click().run()

        sent = body_of(pages.api, "PATCH", f"/v1/merchant/campaigns/{campaign['id']}")
        assert sent == {"stock_units": 3060, "stock_was_units": 3000, "reason": "补货到仓"}

    def test_without_a_reason_nothing_is_sent(self, pages: Pages) -> None:
        page = pages.open_dialog(*OPEN_RAISE, published(pages), "budget")
        page.number_input(key="raise_delta").set_value(500.0).run()
        page.button(key="raise_confirm").click().run()

        assert "请先写明原因。" in [one.value for one in page.warning]
        assert asked_paths(pages.api, "PATCH") == []

    def test_budget_is_not_lowered_below_what_is_promised(self, pages: Pages) -> None:
        page = pages.open_dialog(*OPEN_RAISE, published(pages), "budget")

        assert page.number_input(key="raise_delta").min == -600.0

    def test_above_the_limit_the_same_act_is_submitted_for_approval(self, pages: Pages) -> None:
        pages.api.settings["approval_limit_fen"] = 10_000
        campaign = published(pages)
        page = pages.open_dialog(*OPEN_RAISE, campaign, "budget")
        assert "提交审批" not in [one.label for one in page.button]
        page.number_input(key="raise_delta").set_value(500.0).run()
        page.text_area[0].input("周五预算用完")
        page.button(key="raise_confirm").click().run()
        page.button(key="raise_approval").click().run()

        assert body_of(pages.api, "POST", "/v1/merchant/approvals") == {
            "kind": "campaign_budget",
            "command": {"campaign_id": campaign["id"], "budget_fen": 150_000},
            "reason": "周五预算用完",
        }
        assert [toast.value for toast in page.toast] == ["已提交审批，等另一位同事批准"]
        assert campaign["budget_fen"] == 100_000

    def test_another_amount_is_not_submitted_with_the_refused_one(self, pages: Pages) -> None:
        pages.api.settings["approval_limit_fen"] = 10_000
        page = pages.open_dialog(*OPEN_RAISE, published(pages), "budget")
        page.number_input(key="raise_delta").set_value(500.0).run()
        page.text_area[0].input("周五预算用完")
        page.button(key="raise_confirm").click().run()
        page.number_input(key="raise_delta").set_value(50.0).run()

        assert "提交审批" not in [one.label for one in page.button]

    def test_raise_by_somebody_else_meanwhile_is_told(self, pages: Pages) -> None:
        campaign = published(pages)
        page = pages.open_dialog(*OPEN_RAISE, dict(campaign), "budget")
        campaign["budget_fen"] = 120_000
        page.number_input(key="raise_delta").set_value(500.0).run()
        page.text_area[0].input("周五预算用完")
        page.button(key="raise_confirm").click().run()

        assert "已被别人改过" in page.error[0].value
        assert campaign["budget_fen"] == 120_000

    @pytest.mark.parametrize("login", ["viewer", "operator"])
    def test_button_is_for_who_may_change(self, pages: Pages, login: str) -> None:
        page = pages.open("campaigns", login=login, id=published(pages)["id"])

        labels = [one.label for one in page.button]
        assert ("追加预算" in labels) is (login == "operator")
        assert ("追加库存" in labels) is (login == "operator")

    def test_wizard_sends_no_budget_of_a_published_campaign(self, pages: Pages) -> None:
        campaign_id = published(pages)["id"]
        page = pages.open("new_campaign", id=campaign_id)
        disabled: list[Any] = []
        for _ in range(3):
            disabled += [one.label for one in page.number_input if one.disabled]
            button(page, "下一步").click().run()
        button(page, "保存草稿").click().run()

        sent = body_of(pages.api, "PATCH", f"/v1/merchant/campaigns/{campaign_id}")
        assert not {"budget_fen", "stock_units", "reason"} & {*sent}
        assert disabled == ["活动库存", "补贴预算（元）"]
