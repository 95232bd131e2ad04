"""A campaign's phases and its published rules over HTTP, and raising its budget against others."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from domain import clock
from domain.campaigns.phases import CampaignPhase
from domain.database import transaction
from tests.api.callers import Caller, Mall
from tests.api.merchant.test_campaigns import PATH, draft, product, publish, terms

pytestmark = pytest.mark.transactional
__all__ = ["product"]

DAY = timedelta(days=1)


def draft_and_publish(mall: Mall, product: dict[str, str], **changes: Any) -> str:
    campaign_id: str = draft(mall.operator, product, **changes).json["id"]
    assert publish(mall.operator, campaign_id, "no_subsidy_cap").status_code == 201
    return campaign_id


def set_window(campaign_id: str, starts_at: datetime, ends_at: datetime) -> None:
    with transaction() as session:
        session.execute(
            text("UPDATE campaigns SET starts_at = :a, ends_at = :b WHERE public_id = :id"),
            {"a": starts_at, "b": ends_at, "id": campaign_id},
        )


class TestPhases:
    @pytest.fixture
    def campaigns(self, mall: Mall, product: dict[str, str]) -> dict[str, str]:
        """One campaign of each phase, by the phase it is to be found in."""
        now = clock.real_now()
        made = {"draft": draft(mall.operator, product, title="draft").json["id"]}
        for name in ("upcoming", "running", "paused", "expired", "expired_paused", "ended"):
            made[name] = draft_and_publish(mall, product, title=name)
        set_window(made["upcoming"], now + DAY, now + 2 * DAY)
        for name, verb in (("paused", "pause"), ("expired_paused", "pause"), ("ended", "end")):
            mall.operator.post(f"{PATH}/{made[name]}/{verb}", reason="x")
        for name in ("expired", "expired_paused", "ended"):
            set_window(made[name], now - 2 * DAY, now - DAY)
        return made

    def test_campaign_says_its_phase(self, mall: Mall, campaigns: dict[str, str]) -> None:
        phases = {
            name: mall.viewer.get(f"{PATH}/{campaign_id}").json["phase"]
            for name, campaign_id in campaigns.items()
        }

        assert phases == {**{name: name for name in campaigns}, "expired_paused": "expired"}

    def test_list_of_a_phase_is_what_says_that_phase(
        self, mall: Mall, campaigns: dict[str, str]
    ) -> None:
        listed = {
            phase.value: mall.viewer.get(PATH, phase=phase.value).json["items"]
            for phase in CampaignPhase
        }

        titles = {phase: [one["title"] for one in items] for phase, items in listed.items()}
        assert titles == {
            **{name: [name] for name in campaigns if name != "expired_paused"},
            "expired": ["expired_paused", "expired"],
            "archived": [],
        }
        assert all(one["phase"] == phase for phase, items in listed.items() for one in items)

    def test_window_ends_at_its_instant(self, mall: Mall, product: dict[str, str]) -> None:
        campaign_id = draft_and_publish(mall, product)
        now = clock.real_now()

        set_window(campaign_id, now - DAY, now)
        over = mall.viewer.get(f"{PATH}/{campaign_id}").json["phase"]
        set_window(campaign_id, now - DAY, now + timedelta(minutes=1))

        assert over == "expired"
        assert mall.viewer.get(f"{PATH}/{campaign_id}").json["phase"] == "running"

    def test_unknown_phase_is_refused(self, mall: Mall) -> None:
        assert mall.viewer.get(PATH, phase="sold").status_code == 422


class TestRules:
    def test_each_version_keeps_the_text_that_was_shown(
        self, mall: Mall, product: dict[str, str]
    ) -> None:
        campaign_id = draft_and_publish(mall, product)
        points = terms(product, subsidy={"kind": "points", "amount_fen": 200})
        mall.operator.patch(f"{PATH}/{campaign_id}", terms=points)
        publish(mall.operator, campaign_id, "no_subsidy_cap")

        listed = mall.viewer.get(f"{PATH}/{campaign_id}/rules").json["items"]
        first = mall.viewer.get(f"{PATH}/{campaign_id}/rules/1").json

        assert [(one["number"], one["is_in_force"]) for one in listed] == [(2, True), (1, False)]
        assert first == listed[1]
        assert first["published_by"] == "operator"
        assert any("2 元现金补贴" in line for line in first["rules_text_zh"])
        assert any("积分" in line for line in listed[0]["rules_text_zh"])
        assert not any("积分" in line for line in first["rules_text_zh"])
        assert first["terms"]["subsidy"]["kind"] == "cash"

    def test_rules_in_force_are_what_shoppers_read_whatever_the_draft_says(
        self, mall: Mall, product: dict[str, str]
    ) -> None:
        campaign_id = draft_and_publish(mall, product)
        mall.owner.patch("/v1/merchant/settings", daily_subsidy_cap_fen=3000, reason="x")
        mall.operator.patch(f"{PATH}/{campaign_id}", terms=terms(product, group_size=5))

        [rules] = mall.viewer.get(f"{PATH}/{campaign_id}/rules").json["items"]
        for caller, language in ((mall.shopper, "en"), (chinese(mall.shopper), "zh")):
            shown = caller.get(f"/v1/campaigns/{campaign_id}").json["rules_text"]
            assert rules[f"rules_text_{language}"] + rules[f"caps_text_{language}"] == shown

    def test_rules_are_there_when_the_campaign_is_over(
        self, mall: Mall, product: dict[str, str]
    ) -> None:
        campaign_id = draft_and_publish(mall, product)
        now = clock.real_now()
        set_window(campaign_id, now - 2 * DAY, now - DAY)
        expired = mall.viewer.get(f"{PATH}/{campaign_id}/rules").json["items"]
        mall.operator.post(f"{PATH}/{campaign_id}/end", reason="x")

        ended = mall.viewer.get(f"{PATH}/{campaign_id}/rules").json["items"]

        assert expired == ended
        assert ended[0]["rules_text_zh"]

    def test_versions_come_page_by_page(self, mall: Mall, product: dict[str, str]) -> None:
        campaign_id = draft_and_publish(mall, product)
        for size in (4, 5):
            mall.operator.patch(f"{PATH}/{campaign_id}", terms=terms(product, group_size=size))
            publish(mall.operator, campaign_id, "no_subsidy_cap")

        page = mall.viewer.get(f"{PATH}/{campaign_id}/rules", limit=2).json
        rest = mall.viewer.get(f"{PATH}/{campaign_id}/rules", cursor=page["next_cursor"]).json

        assert [one["number"] for one in page["items"] + rest["items"]] == [3, 2, 1]
        assert rest["next_cursor"] is None

    def test_draft_has_no_rules_yet(self, mall: Mall, product: dict[str, str]) -> None:
        campaign_id = draft(mall.operator, product).json["id"]

        missing = mall.viewer.get(f"{PATH}/{campaign_id}/rules/1")

        assert mall.viewer.get(f"{PATH}/{campaign_id}/rules").json["items"] == []
        assert (missing.status_code, missing.json["code"]) == (404, "rule_version_not_found")


class TestRaising:
    @pytest.mark.parametrize(
        ("field", "was_field", "was"),
        [("budget_fen", "budget_was_fen", 1_000_000), ("stock_units", "stock_was_units", 1000)],
    )
    def test_second_of_two_raises_is_told_of_the_first(
        self, mall: Mall, product: dict[str, str], field: str, was_field: str, was: int
    ) -> None:
        path = f"{PATH}/{draft_and_publish(mall, product)}"
        mine = {field: was + 500, was_field: was, "reason": "more"}

        first = mall.operator.patch(path, **mine)
        again = mall.operator.patch(path, **mine)
        other = mall.owner.patch(path, **{field: was + 800, was_field: was, "reason": "more"})

        assert (first.status_code, again.status_code) == (200, 200)
        assert (other.status_code, other.json["code"]) == (409, "campaign_changed")
        assert (other.json["field"], other.json["now"]) == (field, was + 500)
        assert mall.viewer.get(path).json[field] == was + 500


def chinese(caller: Caller) -> Caller:
    return Caller(caller.client, caller.token, "zh")
