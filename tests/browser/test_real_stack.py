"""The console on the launcher's own stack with played days: every page, and what staff change.

Nothing here is made up: the API, its database, the workers and the gateway's sandbox are real.
"""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import ConsoleMessage, Locator, Page, Response, expect

from console.roles import PAGES, may_see
from tests.browser.conftest import PHONE
from tests.browser.played import TITLE, World, played_world

pytestmark = [pytest.mark.browser, pytest.mark.stack]

OpenPage = Callable[..., Page]
PATIENCE_MILLISECONDS = 40_000
ROLES = ("owner", "operator", "viewer")


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    log: Path = tmp_path_factory.mktemp("stack") / "log"
    with played_world(log) as played:
        yield played


def sign_in(page: Page, world: World, path: str, login: str) -> None:
    page.set_default_timeout(PATIENCE_MILLISECONDS)
    page.goto(world.console + path)
    page.fill("#login", login)
    page.fill("#password", world.passwords[login])
    page.click("button[type=submit]")
    settled(page)


def go(page: Page, world: World, path: str) -> None:
    page.goto(world.console + path)
    settled(page)


def settled(page: Page) -> None:
    """Wait until the page has been drawn to its end."""
    page.locator(".stMain h1, .stMain .pb-head").first.wait_for()
    expect(page.locator("[data-testid=stApp][data-test-script-state=notRunning]")).to_be_visible()
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)


def metric(page: Page, label: str) -> str:
    card = page.get_by_test_id("stMetric").filter(has_text=label).first
    return card.get_by_test_id("stMetricValue").inner_text()


def number(text: str) -> int:
    return int(text.replace(",", ""))


def dialog_of(page: Page) -> Locator:
    return page.get_by_role("dialog")


def path_of(name: str) -> str:
    return "/" if name == "overview" else "/" + name.replace("_", "-")


class Faults:
    """What a browser notices that a page gets wrong."""

    def __init__(self, page: Page) -> None:
        self.seen: list[str] = []
        page.on("console", self._note_message)
        page.on("pageerror", lambda error: self.seen.append(str(error)))
        page.on("response", self._note_response)

    def _note_message(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.seen.append(f"{message.text} {message.location.get('url', '')}")

    def _note_response(self, response: Response) -> None:
        if response.status >= 400:
            self.seen.append(f"{response.status} {response.url}")


@pytest.mark.parametrize("role", ROLES)
def test_every_page_opens_without_a_fault(world: World, open_page: OpenPage, role: str) -> None:
    page = open_page(locale="en-GB" if role == "operator" else "zh-CN")
    faults = Faults(page)
    sign_in(page, world, "/", role)

    for name in PAGES:
        if not may_see(role, name):
            continue
        go(page, world, path_of(name))
        assert page.get_by_test_id("stException").count() == 0, name
        errors = page.locator(".stMain [data-testid=stAlertContentError]")
        # An amber or red verdict is said as an error in the wizard: it is the wizard's business.
        if name != "new_campaign":
            assert errors.count() == 0, (name, errors.all_inner_texts())
        assert page.get_by_role("dialog").count() == 0, name

    assert faults.seen == []


@pytest.mark.parametrize("locale", ["zh-CN", "en-GB"])
def test_every_page_fits_a_phone(world: World, open_page: OpenPage, locale: str) -> None:
    page = open_page(size=PHONE, locale=locale)
    sign_in(page, world, "/", "owner")

    for name in PAGES:
        go(page, world, path_of(name))
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"], name


def figures_of(world: World, **query: str) -> dict[str, Any]:
    today = date.fromisoformat(world.ask("/board")["server_time"][:10])
    span = {"from_on": str(today - timedelta(days=60)), "to_on": str(today + timedelta(days=1))}
    total: dict[str, Any] = world.ask("/figures", params={**span, **query})["total"]
    return total


def test_each_campaigns_page_its_figures_and_its_groups_agree(
    world: World, open_page: OpenPage
) -> None:
    page = open_page()
    sign_in(page, world, "/campaigns", "owner")
    campaigns = world.ask("/campaigns")["items"]
    groups = world.ask("/groups", params={"limit": "100"})["items"]
    assert [one["title"] for one in campaigns].count(TITLE) >= 3

    for campaign in campaigns:
        go(page, world, f"/campaigns?id={campaign['id']}")
        totals = figures_of(world, campaign_id=campaign["id"])
        own = [one for one in groups if one["campaign_id"] == campaign["id"]]
        shown = page.locator(".stMain").inner_text()
        for key, words in (
            ("groups_opened", "开团"),
            ("groups_formed", "成团"),
            ("groups_failed", "未成团"),
        ):
            assert campaign["totals"][key] == totals[key], (key, campaign["id"])
            assert words in shown
        states = [one["state"] for one in own]
        people = sum(one["paid_seats"] or 0 for one in own if one["state"] in ("formed", "failed"))
        assert campaign["totals"]["people_paid"] == people
        assert "已结束团的付款人次" in shown
        assert states.count("formed") == totals["groups_formed"]
        assert states.count("failed") == totals["groups_failed"]


def test_the_overviews_numbers_are_those_of_all_campaigns(
    world: World, open_page: OpenPage
) -> None:
    page = open_page()
    sign_in(page, world, "/?range=30d", "owner")
    campaigns = world.ask("/campaigns")["items"]
    paid = number(metric(page, "付款人数"))

    total = figures_of(world)

    assert paid == total["people_paid"]
    for key in ("groups_opened", "groups_formed", "groups_failed"):
        assert total[key] == sum(one["totals"][key] for one in campaigns), key


def test_the_board_counts_what_it_lists(world: World, open_page: OpenPage) -> None:
    page = open_page()
    sign_in(page, world, "/board?view=open", "viewer")

    listed = page.locator(".stMain").get_by_role("button", name="详情")

    board = world.ask("/board")
    assert number(metric(page, "进行中")) == board["open"] == listed.count() == 3
    assert number(metric(page, "差一人")) == board["one_short"] == 1
    assert number(metric(page, "异常退款")) == board["abnormal_refunds"]
    assert number(metric(page, "被拒退款")) == board["rejected_refunds"] >= 1


def test_a_campaign_of_three_of_one_title_is_the_one_that_was_chosen(
    world: World, open_page: OpenPage
) -> None:
    page = open_page()
    sign_in(page, world, "/", "owner")
    page.get_by_test_id("stSelectbox").first.click()
    options = page.get_by_role("option")
    labels = options.all_inner_texts()
    twins = [label for label in labels if TITLE in label]
    assert len({*twins}) == len(twins) >= 3
    campaigns = [one["id"] for one in world.ask("/campaigns")["items"]]
    place = 1 + campaigns.index(world.campaign_id)

    options.nth(place).click()

    page.wait_for_url(f"**campaign={world.campaign_id}*")


def test_a_product_is_made_and_its_stock_moved(world: World, open_page: OpenPage) -> None:
    page = open_page()
    sign_in(page, world, "/products", "operator")
    page.get_by_role("button", name="新建商品").click()
    dialog = dialog_of(page)
    dialog.get_by_label("商品名称").fill("手工牛轧糖")
    dialog.get_by_label("规格 1 名称").fill("250g")
    dialog.get_by_role("button", name="创建").click()
    expect(page.get_by_test_id("stToast").first).to_be_visible()

    made = next(one for one in world.ask("/products")["items"] if one["title"] == "手工牛轧糖")
    assert made["variants"][0]["title"] == "250g"


def held(world: World) -> list[dict[str, Any]]:
    return list(world.ask("/grants", params={"state": "held"})["items"])


def test_held_subsidies_are_released_and_denied(world: World, open_page: OpenPage) -> None:
    waiting = held(world)
    assert {one["shopper"]["id"] for one in waiting} == {*world.flagged}
    page = open_page()
    sign_in(page, world, "/grants", "operator")

    for verdict in ("发放", "拒绝"):
        page.get_by_role("button", name=verdict, exact=True).first.click()
        dialog = dialog_of(page)
        dialog.get_by_role("textbox").fill("已电话核实")
        dialog.get_by_role("button", name=verdict).click()
        expect(dialog).to_have_count(0)
        settled(page)

    assert held(world) == []
    states = {world.ask(f"/grants/{one['id']}")["state"] for one in waiting}
    assert states == {"issued", "denied"}


def test_a_shopper_is_flagged_and_cleared(world: World, open_page: OpenPage) -> None:
    page = open_page()
    sign_in(page, world, "/shoppers", "operator")
    page.get_by_role("textbox").first.fill("好友")
    page.get_by_role("textbox").first.press("Enter")
    expect(page.get_by_role("button", name="标记")).to_have_count(1)
    settled(page)
    page.get_by_role("button", name="标记").first.click()
    page.get_by_text("禁止参团", exact=True).last.click()
    dialog = dialog_of(page)
    dialog.get_by_role("textbox").fill("同一设备多账号")
    dialog.get_by_test_id("stBaseButton-primary").click()
    expect(dialog).to_have_count(0)

    [found] = world.ask("/shoppers", params={"query": "好友"})["items"]
    assert found["flag"] is not None


def test_a_running_campaign_is_paused_and_resumed(world: World, open_page: OpenPage) -> None:
    page = open_page()
    sign_in(page, world, f"/campaigns?id={world.campaign_id}", "operator")

    for move, state in (("暂停", "paused"), ("恢复", "published")):
        page.get_by_role("button", name=move).first.click()
        dialog = dialog_of(page)
        dialog.get_by_role("textbox").fill("库存盘点")
        dialog.get_by_role("button", name=move).click()
        expect(dialog).to_have_count(0)
        assert world.ask(f"/campaigns/{world.campaign_id}")["state"] == state


def test_a_campaign_is_drafted_for_the_product_that_was_chosen_and_published(
    world: World, open_page: OpenPage
) -> None:
    page = open_page()
    sign_in(page, world, "/new-campaign", "owner")
    twin = next(one for one in world.ask("/products")["items"] if one["title"] == "每日坚果")
    page.get_by_test_id("stSelectbox").first.click()
    page.get_by_role("option").filter(has_text=twin["id"][-4:]).first.click()
    settled(page)
    page.get_by_label("活动名称").fill("坚果拼团")
    for step in ("拼团规则", "补贴与预算", "确认"):
        page.get_by_role("button", name="下一步").click()
        expect(page.locator(".pb-steps .now")).to_contain_text(step)
        settled(page)
    page.get_by_role("button", name="保存草稿").click()
    page.wait_for_url("**/campaigns?id=*")
    settled(page)
    drafted = next(one for one in world.ask("/campaigns")["items"] if one["title"] == "坚果拼团")
    assert drafted["product_id"] == twin["id"]

    page.get_by_role("button", name="发布").first.click()
    dialog = dialog_of(page)
    dialog.get_by_role("button", name="发布").wait_for()
    for reason in dialog.get_by_role("textbox").all():
        reason.fill("演示")
        reason.press("Tab")
    dialog.get_by_role("button", name="发布").click()
    expect(dialog).to_have_count(0)

    assert world.ask(f"/campaigns/{drafted['id']}")["state"] == "published"


def test_a_limit_of_the_settings_is_changed(world: World, open_page: OpenPage) -> None:
    page = open_page()
    sign_in(page, world, "/settings", "owner")
    days = world.ask("/settings")["points_valid_days"]
    card = page.locator(".st-key-setting_points_valid_days")
    card.get_by_role("spinbutton").fill(str(days + 30))
    card.get_by_role("spinbutton").press("Tab")
    expect(card.get_by_role("button", name="保存")).to_be_enabled()
    card.get_by_role("button", name="保存").click()
    dialog = dialog_of(page)
    dialog.get_by_role("textbox").fill("延长一个月")
    dialog.get_by_role("button", name="保存").click()
    expect(dialog).to_have_count(0)

    assert world.ask("/settings")["points_valid_days"] == days + 30


def test_budget_and_stock_of_a_running_campaign_are_raised(
    world: World, open_page: OpenPage
) -> None:
    page = open_page()
    sign_in(page, world, f"/campaigns?id={world.campaign_id}", "operator")
    before = world.ask(f"/campaigns/{world.campaign_id}")

    for label, amount in (("追加预算", "250"), ("追加库存", "30")):
        page.get_by_role("button", name=label).click()
        dialog = dialog_of(page)
        dialog.get_by_role("spinbutton").fill(amount)
        dialog.get_by_role("spinbutton").press("Tab")
        expect(dialog.get_by_role("button", name="确认")).to_be_enabled()
        dialog.get_by_role("textbox").fill("周五用完")
        dialog.get_by_role("button", name="确认").click()
        expect(dialog).to_have_count(0)
        settled(page)

    after = world.ask(f"/campaigns/{world.campaign_id}")
    assert after["budget_fen"] - before["budget_fen"] == 25_000
    assert after["stock_units"] - before["stock_units"] == 30


def test_expired_campaigns_are_listed_and_show_the_rules_that_shoppers_read(
    world: World, open_page: OpenPage
) -> None:
    page = open_page()
    sign_in(page, world, "/campaigns?phase=expired", "viewer")
    expired = world.ask("/campaigns?phase=expired")["items"]
    expect(page.get_by_role("button", name="查看")).to_have_count(len(expired))

    go(page, world, f"/campaigns?id={expired[0]['id']}")

    [rules] = world.ask(f"/campaigns/{expired[0]['id']}/rules")["items"]
    for line in rules["rules_text_zh"]:
        expect(page.get_by_text(line, exact=True)).to_be_visible()
    expect(page.get_by_text("已到期").first).to_be_visible()


def test_each_figure_has_its_small_line(world: World, open_page: OpenPage) -> None:
    page = open_page()
    sign_in(page, world, "/", "owner")

    lines = page.locator("img.pb-spark")
    expect(lines.first).to_be_visible()
    widths = lines.evaluate_all("all => all.map(one => one.naturalWidth)")
    assert len(widths) == 12
    assert min(widths) > 0
