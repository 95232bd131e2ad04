import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Console

pytestmark = pytest.mark.browser

OpenPage = Callable[..., Page]
TITLE = re.compile("经营总览|Overview")


def sign_in(page: Page, console: Console, path: str = "/", login: str = "owner") -> None:
    page.goto(console.url + path)
    page.fill("#login", login)
    page.fill("#password", f"{login}-password")
    page.click("button[type=submit]")


def title(page: Page) -> str:
    heading = page.locator(".stMain h1").first
    heading.wait_for()
    return heading.inner_text()


def metric(page: Page, label: str) -> str:
    card = page.get_by_test_id("stMetric").filter(has_text=label).first
    return card.get_by_test_id("stMetricValue").inner_text()


def is_wider_than_the_screen(page: Page) -> bool:
    return bool(
        page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    )


def test_signing_in_leads_back_to_the_page_asked_for(console: Console, open_page: OpenPage) -> None:
    page = open_page()

    sign_in(page, console, "/board?view=failed")

    assert title(page) == "实时看板"
    assert "view=failed" in page.url


def test_a_wrong_password_stays_at_the_form(console: Console, open_page: OpenPage) -> None:
    page = open_page()
    page.goto(console.url)
    page.fill("#login", "owner")
    page.fill("#password", "nonsense")
    page.click("button[type=submit]")

    expect(page.get_by_role("status")).to_have_text("账号或密码不对。")
    assert page.input_value("#login") == "owner"


def test_the_session_survives_a_reload_and_scripts_cannot_read_its_cookie(
    console: Console, open_page: OpenPage
) -> None:
    page = open_page()
    sign_in(page, console)
    title(page)

    page.reload()

    assert title(page) == "经营总览"
    assert "pinbu_session" not in page.evaluate("document.cookie")
    cookie = next(one for one in page.context.cookies() if one["name"] == "pinbu_session")
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"


def test_signing_out_ends_the_session_everywhere(console: Console, open_page: OpenPage) -> None:
    page = open_page()
    sign_in(page, console)
    title(page)

    page.get_by_role("button", name="退出").click()
    page.locator("#login").wait_for()
    page.goto(console.url + "/board")

    page.locator("#login").wait_for()
    assert page.url.startswith(console.url + "/login")


def test_a_session_revoked_elsewhere_ends_at_the_next_tick(
    console: Console, open_page: OpenPage
) -> None:
    page = open_page()
    sign_in(page, console, "/board")
    page.get_by_test_id("stMetric").first.wait_for()

    console.api.tokens.clear()

    page.locator("#login").wait_for()
    expect(page.get_by_role("status")).to_have_text("登录已失效，请重新登录。")


def test_the_overview_shows_numbers_and_six_charts(console: Console, open_page: OpenPage) -> None:
    page = open_page()
    sign_in(page, console)

    expect(page.get_by_test_id("stPlotlyChart")).to_have_count(6)
    expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible()
    assert metric(page, "拼团成功率").endswith("%")
    assert metric(page, "已发补贴").startswith("¥")


def test_the_period_changes_the_numbers_and_the_address(
    console: Console, open_page: OpenPage
) -> None:
    page = open_page()
    sign_in(page, console)
    page.get_by_test_id("stMetric").first.wait_for()
    before = metric(page, "付款人数")

    page.get_by_text("近 30 天", exact=True).click()

    page.wait_for_url("**range=30d*")
    card = page.get_by_test_id("stMetric").filter(has_text="付款人数")
    expect(card.get_by_test_id("stMetricValue")).not_to_have_text(before)


def test_the_board_ticks_by_itself(console: Console, open_page: OpenPage) -> None:
    page = open_page()
    sign_in(page, console, "/board")
    page.get_by_test_id("stMetric").first.wait_for()
    stamp = page.locator(".pb-stamp")
    first = stamp.inner_text()

    expect(stamp).not_to_have_text(first)


def test_a_group_opens_in_the_drawer_while_the_board_ticks(
    console: Console, open_page: OpenPage
) -> None:
    page = open_page()
    sign_in(page, console, "/board?view=failed")
    page.get_by_role("button", name="详情").first.click()
    drawer = page.get_by_role("dialog")
    expect(drawer).to_contain_text("经过")
    asked = len(console.api.asked)

    page.wait_for_function(
        "(old) => document.querySelector('.pb-stamp').innerText !== old",
        arg=page.locator(".pb-stamp").inner_text(),
    )

    assert len(console.api.asked) > asked
    expect(drawer).to_contain_text("经过")
    assert "group=" in page.url


def test_a_held_subsidy_is_released_once_although_it_is_tried_twice(
    console: Console, open_page: OpenPage
) -> None:
    page = open_page()
    sign_in(page, console, "/grants")
    page.get_by_role("button", name="发放", exact=True).first.click()
    dialog = page.get_by_role("dialog")
    console.api.failing["POST /v1/merchant/grants"] = "unavailable"
    dialog.get_by_role("textbox").fill("已电话核实")
    dialog.get_by_role("button", name="发放").click()
    expect(dialog).to_contain_text("服务暂时不可用。")

    console.api.failing.clear()
    dialog.get_by_role("button", name="发放").click()

    expect(page.get_by_test_id("stToast")).to_contain_text("补贴已发放")
    assert len(console.api.asked_keys) == 2
    assert len(set(console.api.asked_keys)) == 1


def test_a_campaign_is_paused_with_a_reason(console: Console, open_page: OpenPage) -> None:
    page = open_page()
    sign_in(page, console, "/campaigns")
    page.get_by_role("button", name="查看").first.click()
    page.get_by_role("button", name="暂停").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox").fill("库存盘点")
    dialog.get_by_role("button", name="暂停").click()

    expect(page.locator(".pb-head")).to_contain_text("已暂停")
    assert console.api.campaigns[0]["state"] == "paused"


def test_the_language_switches_at_once_and_is_kept(console: Console, open_page: OpenPage) -> None:
    page = open_page()
    sign_in(page, console)
    title(page)

    page.get_by_role("radio", name="English").click()
    expect(page.locator(".stMain h1").first).to_have_text("Overview")
    page.reload()

    assert title(page) == "Overview"
    expect(page.get_by_test_id("stMetric").first).to_contain_text("Success rate")


def test_the_login_form_speaks_the_browsers_language(console: Console, open_page: OpenPage) -> None:
    page = open_page(locale="en-GB")

    page.goto(console.url)

    expect(page.get_by_role("heading")).to_have_text("Sign in")
    page.get_by_role("link", name="中文").click()
    expect(page.get_by_role("heading")).to_have_text("商家登录")


@pytest.mark.parametrize("path", ["/", "/board", "/campaigns", "/products", "/audit-log"])
def test_pages_fit_a_phone(console: Console, open_page: OpenPage, path: str) -> None:
    page = open_page(size=PHONE)

    sign_in(page, console, path)
    title(page)
    page.locator(".stMain .pb-stamp, .stMain .pb-table, .stMain .pb-card").first.wait_for()

    assert not is_wider_than_the_screen(page)


def test_a_dark_browser_gets_a_dark_page(console: Console, open_page: OpenPage) -> None:
    page = open_page(dark=True)
    sign_in(page, console)
    title(page)

    background = page.evaluate(
        "getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor"
    )

    assert background == "rgb(20, 24, 31)"


def test_nothing_is_loaded_from_another_host(console: Console, open_page: OpenPage) -> None:
    page = open_page()
    hosts = set()
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]))

    sign_in(page, console)
    page.get_by_test_id("stPlotlyChart").first.wait_for()

    local = {host for host in hosts if host.startswith("127.0.0.1") or not host}
    assert hosts - local == set()
