import re

import pytest

from tests.console.conftest import Pages, text_of
from tests.console.fake_api import FakeApi


def campaign_in(api: FakeApi, state: str) -> dict[str, object]:
    return next(one for one in api.campaigns if one["state"] == state)


def test_a_change_needs_a_reason(pages: Pages) -> None:
    campaign = campaign_in(pages.api, "published")
    page = pages.open_dialog("parts.campaign_moves", "open_move", campaign, "pause")

    page.button(key="reason_confirm").click().run()

    assert "请先写明原因。" in [one.value for one in page.warning]
    assert pages.api.asked == []


def test_a_change_with_a_reason_reaches_the_api_and_says_so(pages: Pages) -> None:
    campaign = campaign_in(pages.api, "published")
    page = pages.open_dialog("parts.campaign_moves", "open_move", campaign, "pause")

    page.text_area[0].input("  库存盘点 ")
    page.button(key="reason_confirm").click().run()

    path = f"/v1/merchant/campaigns/{campaign['id']}/pause"
    assert pages.api.asked == [("POST", path, {"reason": "库存盘点"})]
    assert [toast.value for toast in page.toast] == ["活动已暂停"]


def test_a_refused_change_is_explained_and_may_be_tried_again(pages: Pages) -> None:
    pages.api.failing["POST /v1/merchant/campaigns"] = "illegal_move"
    campaign = campaign_in(pages.api, "published")
    page = pages.open_dialog("parts.campaign_moves", "open_move", campaign, "end")

    page.text_area[0].input("换季")
    page.button(key="reason_confirm").click().run()

    assert "当前状态不允许" in page.error[0].value
    assert page.text_area[0].value == "换季"


def test_publishing_acknowledges_each_warning(pages: Pages) -> None:
    campaign = campaign_in(pages.api, "draft")
    page = pages.open_dialog("parts.campaign_moves", "open_move", campaign, "publish")

    page.button(key="publish_confirm").click().run()
    without_reason = [one.value for one in page.warning]
    page.text_input(key="acknowledge_subsidy_near_gap").input("首周试运行")
    page.button(key="publish_confirm").click().run()

    sent = [body for method, _, body in pages.api.asked if method == "POST"]
    assert "请先写明原因。" in without_reason
    assert sent == [{"acknowledged": [{"code": "subsidy_near_gap", "reason": "首周试运行"}]}]
    assert campaign["state"] == "published"


def test_releasing_a_grant_sends_an_idempotency_key(pages: Pages) -> None:
    grant = next(one for one in pages.api.grants if one["state"] == "held")
    page = pages.open_dialog("app_pages.grants", "open_decision", grant, "release")

    page.text_area[0].input("已电话核实")
    page.button(key="reason_confirm").click().run()

    assert grant["state"] == "issued"
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", pages.api.asked_keys[0])


@pytest.mark.parametrize(
    ("kind", "said", "unsaid"),
    [
        ("cash", "立即进入余额", "不能撤回"),
        ("coupon", "优惠券", "余额"),
        ("points", "积分", "余额"),
        ("pass", "免单资格", "余额"),
        ("external_points", "品牌方", "余额"),
    ],
)
def test_releasing_says_what_the_shopper_gets(
    pages: Pages, kind: str, said: str, unsaid: str
) -> None:
    grant = {**pages.api.grants[1], "kind": kind}

    shown = text_of(pages.open_dialog("app_pages.grants", "open_decision", grant, "release"))

    assert said in shown
    assert unsaid not in shown


def test_a_stuck_grant_is_retried(pages: Pages) -> None:
    grant = next(one for one in pages.api.grants if one["is_stuck"])
    page = pages.open_dialog("app_pages.grants", "open_decision", grant, "retry")

    page.text_area[0].input("品牌方已恢复")
    page.button(key="reason_confirm").click().run()

    assert not grant["is_stuck"]
    assert pages.api.asked[-1][:2] == ("POST", f"/v1/merchant/grants/{grant['id']}/retry")


def test_flagging_a_shopper_reaches_the_api(pages: Pages) -> None:
    shopper = pages.api.shoppers[0]
    page = pages.open_dialog("app_pages.shoppers", "open_flag", shopper, "block")

    page.text_area[0].input("多账号")
    page.button(key="reason_confirm").click().run()

    assert shopper["flag"] == "block"
    assert "不能再参团" in text_of(page)


def test_a_new_product_is_sent_in_fen(pages: Pages) -> None:
    page = pages.open_dialog("app_pages.products", "open_new_product")
    by_label = {one.label: one for one in page.text_input}
    by_label["商品名称"].input("手工牛轧糖")
    by_label["规格 1 名称"].input("250g")
    page.number_input(key="list_0").set_value(29.9)

    next(one for one in page.button if one.label == "创建").click().run()

    method, path, body = pages.api.asked[0]
    assert (method, path) == ("POST", "/v1/merchant/products")
    assert body["title"] == "手工牛轧糖"
    assert body["variants"] == [
        {
            "title": "250g",
            "list_price_fen": 2990,
            "alone_price_fen": None,
            "unit_cost_fen": None,
            "stock_units": 100,
        }
    ]


def test_stock_moves_by_a_difference_with_a_reason(pages: Pages) -> None:
    product = pages.api.products[0]
    variant = product["variants"][0]
    page = pages.open_dialog("app_pages.products", "open_stock", product)

    page.number_input[0].set_value(-40).run()
    page.text_input[0].input("盘点差异")
    next(one for one in page.button if one.label == "保存").click().run()

    sent = [one for one in pages.api.asked if one[0] == "PATCH"]
    body = {"stock_delta": -40, "reason": "盘点差异"}
    assert sent == [("PATCH", f"/v1/merchant/variants/{variant['id']}", body)]
    assert variant["stock_units"] == 360
