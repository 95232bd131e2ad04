import re
from datetime import date
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.console import fake_data
from tests.console.conftest import Pages, text_of
from tests.console.fake_api import FakeApi


def metric(page: AppTest, label: str) -> AppTest:
    return next(one for one in page.metric if one.label == label)


def button(page: AppTest, label: str) -> AppTest:
    return next(one for one in page.button if one.label == label)


def chosen(api: FakeApi, state: str) -> str:
    return next(one["id"] for one in api.campaigns if one["state"] == state)


def asked_paths(api: FakeApi, method: str) -> list[str]:
    return [path for asked, path, _ in api.asked if asked == method]


def body_of(api: FakeApi, method: str, path: str) -> Any:
    return next(body for *asked, body in api.asked if asked == [method, path])


class TestOverview:
    def test_it_shows_each_number_in_its_unit(self, pages: Pages) -> None:
        page = pages.open("overview")

        assert not page.exception
        assert len(page.metric) == 12
        assert metric(page, "拼团成功率").value.endswith("%")
        assert metric(page, "已发补贴").value.startswith("¥")
        assert metric(page, "补贴到账 P99").value.endswith("秒")
        assert float(metric(page, "裂变系数·注册").value) < 10

    def test_it_compares_with_the_period_before(self, pages: Pages) -> None:
        page = pages.open("overview")

        assert metric(page, "拼团成功率").delta.endswith(("pp", "持平"))

    def test_an_unfinished_period_is_compared_with_the_same_time(self, pages: Pages) -> None:
        today, yesterday = (
            metric(pages.open("overview", range=preset), "付款人数").proto.delta_description
            for preset in ("today", "yesterday")
        )

        assert (today, yesterday) == ("较同时段", "较上期")

    def test_new_shoppers_say_which(self, pages: Pages) -> None:
        page = pages.open("overview")
        every, shared = (
            int(metric(page, label).value.replace(",", ""))
            for label in ("新注册用户", "裂变新用户")
        )

        assert every > shared
        assert "新用户" not in [one.label for one in page.metric]

    def test_a_rate_of_few_groups_is_grey_with_its_likely_range(
        self, pages: Pages, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        busy = fake_data.figures_of

        def quiet(on: date, index: int | None) -> fake_data.Json:
            return {**busy(on, index), "groups_formed": 2, "groups_failed": 1}

        monkeypatch.setattr(fake_data, "figures_of", quiet)
        page = pages.open("overview", range="today")

        rate = metric(page, "拼团成功率")
        assert (rate.value, rate.delta) == ("66.7%", "仅 3 个团")
        assert rate.proto.delta_description == "21–94%"
        assert "(21–94%)" in text_of(page)
        assert metric(pages.open("overview", range="90d"), "拼团成功率").delta != "仅 270 个团"

    def test_its_definitions_come_from_the_api(self, pages: Pages) -> None:
        page = pages.open("overview", language="en")

        assert "formed ÷ (formed + failed)" in metric(page, "Success rate").help.lower()

    def test_it_draws_six_charts(self, pages: Pages) -> None:
        page = pages.open("overview")

        assert len(page.get("plotly_chart")) == 6

    def test_the_presets_choose_the_days_and_stand_in_the_address(self, pages: Pages) -> None:
        page = pages.open("overview", range="30d")

        asked = next(path for path in asked_paths(pages.api, "GET") if "figures" in path)
        assert page.query_params["range"] == "30d"
        first, last = (part.split("=")[1] for part in asked.split("?")[1].split("&")[:2])
        assert (last > first) is True

    def test_a_campaign_of_the_address_is_asked_for(self, pages: Pages) -> None:
        campaign_id = pages.api.campaigns[1]["id"]

        pages.open("overview", campaign=campaign_id)

        assert any(f"campaign_id={campaign_id}" in path for path in asked_paths(pages.api, "GET"))

    def test_a_foreign_campaign_in_the_address_is_ignored(self, pages: Pages) -> None:
        page = pages.open("overview", campaign="NOBODYS", range="nonsense")

        assert not page.exception
        assert not any("campaign_id" in path for path in asked_paths(pages.api, "GET"))

    def test_nothing_opened_says_why_and_what_next(self, pages: Pages) -> None:
        pages.api.is_empty = True

        page = pages.open("overview")

        assert "这段时间还没有人开团" in text_of(page)
        assert not page.metric

    def test_groups_past_their_deadline_are_said_at_once(self, pages: Pages) -> None:
        page = pages.open("overview")

        [warning] = page.warning
        assert "过了截止时间" in warning.value
        assert "有 2 笔退款被支付渠道拒绝" in warning.value

    def test_figures_that_fail_offer_another_try(self, pages: Pages) -> None:
        pages.api.failing["GET /v1/merchant/figures"] = "unavailable"
        page = pages.open("overview")
        shown = page.error[0].value

        pages.api.failing.clear()
        button(page, "重试").click().run()

        assert "服务暂时不可用。" in shown
        assert "REQ7H2K9" in shown
        assert not page.error
        assert len(page.metric) == 12


class TestBoard:
    def test_it_counts_and_lists_open_groups_the_next_deadline_first(self, pages: Pages) -> None:
        page = pages.open("board")

        groups = [one for one in pages.api.groups if one["state"] == "open"]
        groups.sort(key=lambda group: group["deadline_at"])
        shown = [one.key.removeprefix("open_") for one in page.button if one.label == "详情"]
        assert shown == [group["id"] for group in groups[:30]]
        assert metric(page, "进行中").value == "32"
        assert metric(page, "停下的任务").delta == "正常"
        assert metric(page, "被拒退款").delta == "需要查看"
        assert metric(page, "异常退款").delta == "正常"
        assert metric(page, "超时未结算").delta == "最久 3 分 10 秒"

    def test_tiles_follow_the_campaign(self, pages: Pages) -> None:
        campaign_id = chosen(pages.api, "published")
        groups = [
            one
            for one in pages.api.groups
            if one["state"] == "open" and one["campaign_id"] == campaign_id
        ]

        page = pages.open("board", campaign=campaign_id)

        assert metric(page, "进行中").value == str(len(groups))
        assert 0 < len(groups) < 32
        assert metric(page, "停下的任务 (全店)").value == "0"

    def test_a_failed_tick_keeps_the_last_good_numbers_with_their_time(self, pages: Pages) -> None:
        page = pages.open("board")
        shown = [one.value for one in page.metric]
        pages.api.failing["GET /v1/merchant/groups"] = "unavailable"

        page.run()

        [warning] = page.warning
        assert re.search(r"数据停在 \d\d-\d\d \d\d:\d\d:\d\d。 服务暂时不可用。", warning.value)
        assert [one.value for one in page.metric] == shown
        assert len([one for one in page.button if one.label == "详情"]) == 30
        assert not page.error
        pages.api.failing.clear()
        assert not page.run().warning

    def test_numbers_of_another_choice_are_not_kept(self, pages: Pages) -> None:
        page = pages.open("board")
        pages.api.failing["GET /v1/merchant/groups"] = "unavailable"

        page.segmented_control(key="board_view").set_value("failed").run()

        assert "服务暂时不可用。" in page.error[0].value
        assert not page.metric

    def test_what_is_refused_for_good_is_not_hidden_by_old_numbers(self, pages: Pages) -> None:
        page = pages.open("board")
        pages.api.failing["GET /v1/merchant/board"] = "forbidden"

        page.run()

        assert "你的角色不能做这件事。" in page.warning[0].value
        assert not page.metric

    def test_the_view_chooses_the_state(self, pages: Pages) -> None:
        page = pages.open("board", view="failed")

        assert any("state=failed" in path for path in asked_paths(pages.api, "GET"))
        assert "未成团" in text_of(page)

    def test_a_group_of_the_address_opens_in_the_drawer(self, pages: Pages) -> None:
        group = next(one for one in pages.api.groups if one["state"] == "failed")

        page = pages.open("board", group=group["id"])

        assert group["id"] in text_of(page)
        assert "已受理" in text_of(page)
        assert "¥5.00" in text_of(page)

    def test_details_open_the_drawer_and_name_the_group_in_the_address(self, pages: Pages) -> None:
        page = pages.open("board", view="formed")

        button(page, "详情").click().run()

        assert page.query_params["group"]
        assert "经过" in text_of(page)

    def test_paging_walks_on_and_back(self, pages: Pages) -> None:
        page = pages.open("board", view="all")

        button(page, "下一页").click().run()
        on_second = [caption.value for caption in page.caption]
        button(page, "上一页").click().run()

        assert "第 2 页" in on_second
        assert "第 1 页" in [caption.value for caption in page.caption]

    def test_no_group_says_so(self, pages: Pages) -> None:
        pages.api.is_empty = True

        assert "没有符合条件的团" in text_of(pages.open("board"))

    def test_queued_refunds_have_an_expected_end(self, pages: Pages) -> None:
        pages.api.refund_queue = {
            "waiting": 12,
            "amount_fen": 23880,
            "expected_end_at": "2026-05-01T04:03:00.000Z",
        }

        told = [caption.value for caption in pages.open("board").caption]

        assert any("12 笔退款（¥238.80）" in one and "12:03" in one for one in told)

    def test_account_short_of_funds_is_told(self, pages: Pages) -> None:
        short = {"waiting": 12, "amount_fen": 23880, "short_since": "2026-05-01T04:03:00.000Z"}
        pages.api.refund_queue = short

        [told] = [warning.value for warning in pages.open("board").warning]

        assert "1600000001 余额不足" in told
        assert "请充值" in told

    def test_queue_is_not_told_where_nothing_waits(self, pages: Pages) -> None:
        page = pages.open("board")

        assert not any("1600000001" in caption.value for caption in page.caption)


class TestCampaigns:
    def test_the_list_shows_budget_and_results(self, pages: Pages) -> None:
        page = pages.open("campaigns")

        shown = text_of(page)
        assert "预算已用 ¥5,600 / ¥8,000（70.0%）" in shown
        assert "草稿" in shown

    def test_a_viewer_gets_no_buttons(self, pages: Pages) -> None:
        page = pages.open("campaigns", login="viewer", id=chosen(pages.api, "published"))

        assert "暂停" not in [one.label for one in page.button]

    def test_an_unknown_campaign_is_said_to_be_missing_without_another_try(
        self, pages: Pages
    ) -> None:
        page = pages.open("campaigns", id="NOSUCH")

        assert "没有找到。" in page.warning[0].value
        assert "重试" not in [one.label for one in page.button]

    def test_a_check_that_is_refused_leaves_the_rest_of_the_page(self, pages: Pages) -> None:
        campaign_id = chosen(pages.api, "published")
        pages.api.campaigns[0]["has_unpublished_changes"] = True
        pages.api.failing[f"GET /v1/merchant/campaigns/{campaign_id}/check"] = "invalid"

        page = pages.open("campaigns", id=campaign_id)

        assert "有字段不正确。" in page.warning[0].value
        assert "¥19.90" in text_of(page)


class TestNewCampaign:
    def test_four_steps_make_a_draft(self, pages: Pages) -> None:
        page = pages.open("new_campaign")
        button(page, "下一步").click().run()
        button(page, "下一步").click().run()
        page.number_input(key="subsidy").set_value(4.5).run()
        button(page, "下一步").click().run()
        button(page, "保存草稿").click().run()

        sent = body_of(pages.api, "POST", "/v1/merchant/campaigns")
        assert not page.exception
        rule = sent["terms"]["subsidy"]
        assert (rule["kind"], rule["amount_fen"], rule["least_fen"]) == ("cash", 450, None)
        assert sent["terms"]["life_seconds"] == 86_400
        assert {price["group_price_fen"] for price in sent["terms"]["prices"]} == {2000}
        assert sent["starts_at"].endswith("T16:00:00Z")

    def test_a_pass_alone_may_be_worth_the_group_price(self, pages: Pages) -> None:
        page = pages.open("new_campaign")
        button(page, "下一步").click().run()
        button(page, "下一步").click().run()
        cash = page.number_input(key="subsidy").max
        page.segmented_control(key="subsidy_kind").set_value("pass").run()

        assert (cash, page.number_input(key="subsidy").max) == (19.99, 20.0)

    def test_rules_typed_are_kept_on_the_way_back(self, pages: Pages) -> None:
        page = pages.open("new_campaign")
        button(page, "下一步").click().run()
        page.number_input(key="group_size").set_value(5).run()
        page.number_input(key="life_hours").set_value(6.5).run()
        button(page, "上一步").click().run()
        button(page, "下一步").click().run()

        kept = page.number_input(key="group_size").value, page.number_input(key="life_hours").value
        assert kept == (5, 6.5)

    def test_a_subsidy_near_the_price_gap_is_warned_of(self, pages: Pages) -> None:
        page = pages.open("new_campaign")
        button(page, "下一步").click().run()
        button(page, "下一步").click().run()

        page.number_input(key="subsidy").set_value(9.0).run()

        assert any("故意不分享" in told.value for told in page.error)

    def test_every_rule_of_a_coupon_is_asked_for(self, pages: Pages) -> None:
        page = pages.open("new_campaign")
        button(page, "下一步").click().run()
        button(page, "下一步").click().run()

        page.segmented_control(key="subsidy_kind").set_value("coupon").run()
        page.number_input(key="wizard_threshold_fen_subsidy").set_value(20.0).run()
        page.number_input(key="wizard_day_fen_other").set_value(30.0).run()
        page.number_input(key="wizard_formed_fen_other").set_value(5.0).run()
        button(page, "下一步").click().run()
        button(page, "保存草稿").click().run()

        terms = body_of(pages.api, "POST", "/v1/merchant/campaigns")["terms"]
        rule = terms["subsidy"]
        assert not page.exception
        assert (rule["kind"], rule["threshold_fen"], rule["valid_days"]) == ("coupon", 2000, 30)
        assert terms["caps"]["day_fen"] == 3000
        assert terms["caps"]["month_fen"] is None
        assert terms["reward"]["formed_fen"] == 500

    def test_a_campaign_of_another_kind_keeps_its_rule(self, pages: Pages) -> None:
        campaign_id = chosen(pages.api, "published")
        terms = next(one for one in pages.api.campaigns if one["id"] == campaign_id)["terms"]
        rule = {"kind": "pass", "amount_fen": 400, "least_fen": None, "valid_days": 14}
        terms["subsidy"] = {**rule, "delay_seconds": 7200}
        page = pages.open("new_campaign", id=campaign_id)
        for _ in range(3):
            button(page, "下一步").click().run()
        button(page, "保存草稿").click().run()

        sent = body_of(pages.api, "PATCH", f"/v1/merchant/campaigns/{campaign_id}")
        assert not page.exception
        assert sent["terms"]["subsidy"].items() >= {**rule, "delay_seconds": 7200}.items()

    def test_an_existing_campaign_is_changed_not_copied(self, pages: Pages) -> None:
        campaign_id = chosen(pages.api, "published")
        page = pages.open("new_campaign", id=campaign_id)
        for _ in range(3):
            button(page, "下一步").click().run()
        button(page, "保存草稿").click().run()

        assert "product_id" not in body_of(
            pages.api, "PATCH", f"/v1/merchant/campaigns/{campaign_id}"
        )
        assert ("POST", "/v1/merchant/campaigns") not in [one[:2] for one in pages.api.asked]


class TestProducts:
    def test_costs_and_stock_are_shown(self, pages: Pages) -> None:
        shown = text_of(pages.open("products"))

        assert "¥10.60" in shown
        assert "530" in shown


class TestGrants:
    def test_held_ones_come_first(self, pages: Pages) -> None:
        page = pages.open("grants")

        assert any("state=held" in path for path in asked_paths(pages.api, "GET"))
        assert "基础补贴 ¥5.00 · 待审核" in text_of(page)

    def test_a_viewer_cannot_decide(self, pages: Pages) -> None:
        page = pages.open("grants", login="viewer")

        assert "发放" not in [one.label for one in page.button]


class TestOtherPages:
    def test_shoppers_are_found_by_name(self, pages: Pages) -> None:
        page = pages.open("shoppers")
        page.text_input(key="shoppers_query").input("小满").run()

        assert "小满" in text_of(page)
        assert "阿柚" not in text_of(page)

    def test_the_audit_log_says_what_changed(self, pages: Pages) -> None:
        shown = text_of(pages.open("audit_log"))

        assert "暂停活动" in shown
        assert "草稿 → 进行中" in shown
        assert "¥50.00 → ¥30.00" in shown

    def test_the_audit_log_lists_one_kind_of_act(self, pages: Pages) -> None:
        page = pages.open("audit_log", action="grant.released")

        assert any("action=grant.released" in path for path in asked_paths(pages.api, "GET"))
        assert "已电话核实为本人" in text_of(page)
        assert "库存盘点" not in text_of(page)

    def test_the_audit_log_shows_the_year(self, pages: Pages) -> None:
        pages.api.audit_log[0]["at"] = "2025-12-31T16:00:05Z"

        assert "2026-01-01 00:00:05" in text_of(pages.open("audit_log"))

    def test_a_limit_is_shown_as_it_is(self, pages: Pages) -> None:
        shown = text_of(pages.open("settings"))

        assert "每人每月拿补贴次数" in shown
        assert "¥500.00" in shown

    def test_a_changed_limit_can_be_saved(self, pages: Pages) -> None:
        page = pages.open("settings")

        page.toggle(key="has_monthly_subsidy_cap_fen").set_value(True).run()

        assert page.number_input(key="new_monthly_subsidy_cap_fen").value == 200.0
        assert not page.button(key="save_monthly_subsidy_cap_fen").disabled

    def test_all_thirteen_settings_are_shown(self, pages: Pages) -> None:
        page = pages.open("settings")

        saves = {one.key for one in page.button if one.label == "保存"}
        assert saves == {f"save_{name}" for name in pages.api.settings}
        assert len(saves) == 13
        shown = text_of(page)
        assert "100 积分抵 1 元" in shown
        assert "365 天" in shown
        assert "偶然所得" in shown

    def test_settings_belong_to_the_owner(self, pages: Pages) -> None:
        assert button(pages.open("settings"), "保存").disabled
        assert "只有店主可以修改。" in text_of(pages.open("settings", login="operator"))

    def test_the_glossary_is_the_apis(self, pages: Pages) -> None:
        shown = text_of(pages.open("glossary", language="en"))

        assert "Solo-failure share" in shown
        assert "success_rate_bps" in shown

    def test_a_forbidden_page_says_so_without_a_retry(self, pages: Pages) -> None:
        pages.api.failing["GET /v1/merchant/audit-log"] = "forbidden"
        page = pages.open("audit_log")

        assert "你的角色不能做这件事。" in page.warning[0].value
        assert "重试" not in [one.label for one in page.button]


class TestEmpty:
    """An empty page says what there is and what to do next."""

    def test_running_campaigns_are_named_not_asked_for(self, pages: Pages) -> None:
        pages.api.groups.clear()

        shown = text_of(pages.open("board"))

        running = sum(one["state"] == "published" for one in pages.api.campaigns)
        assert f"有 {running} 个活动进行中" in shown

    def test_products_alone_want_a_campaign(self, pages: Pages) -> None:
        pages.api.groups.clear()
        pages.api.campaigns.clear()

        shown = text_of(pages.open("board"))

        assert f"已有 {len(pages.api.products)} 个商品，还没有活动" in shown

    def test_nothing_at_all_wants_a_product(self, pages: Pages) -> None:
        pages.api.is_empty = True

        shown = text_of(pages.open("overview", language="en"))

        assert "create a product first" in shown
        assert "make run DEMO=100" in shown

    def test_a_draft_wants_to_be_published(self, pages: Pages) -> None:
        pages.api.groups.clear()
        pages.api.campaigns[:] = [one for one in pages.api.campaigns if one["state"] == "draft"]

        assert "1 个活动草稿" in text_of(pages.open("board"))

    @pytest.mark.parametrize(
        ("page", "sentence"),
        [
            ("grants", "自动发放"),
            ("shoppers", "第一次打开小程序"),
            ("products", "新建一个商品"),
            ("campaigns", "先添加商品"),
            ("refunds", "自动退款"),
        ],
    )
    def test_every_list_says_what_fills_it(self, pages: Pages, page: str, sentence: str) -> None:
        pages.api.is_empty = True
        pages.api.grants.clear()
        pages.api.shoppers.clear()

        assert sentence in text_of(pages.open(page))
