"""The sandbox's page in a browser: it fits desk and phone, and shows what happens meanwhile."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESK, PHONE
from tests.sandbox.conftest import Merchant, fresh_merchant
from tests.sandbox_server import receiver, receiver_server, sandbox, shared_sandbox

pytestmark = pytest.mark.browser

__all__ = ["fresh_merchant", "receiver", "receiver_server", "sandbox", "shared_sandbox"]

OpenPage = Callable[..., Page]
PAGES = ("orders", "refunds", "transfers", "callbacks", "messages", "accounts", "faults")


def is_wider_than_the_screen(page: Page) -> bool:
    return bool(
        page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    )


@pytest.mark.parametrize("size", [DESK, PHONE])
@pytest.mark.parametrize("locale", ["zh-CN", "en-US"])
def test_pages_fit_the_screen_and_break_nothing(
    fresh_merchant: Merchant, open_page: OpenPage, size: dict[str, int], locale: str
) -> None:
    fresh_merchant.placed()
    fresh_merchant.refund(fresh_merchant.paid())
    page, problems = open_page(size=size, locale=locale), []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))

    for name in PAGES:
        page.goto(f"{fresh_merchant.server.url}/{name}")
        assert not is_wider_than_the_screen(page), name

    assert problems == []


def test_order_is_paid_by_a_press(fresh_merchant: Merchant, open_page: OpenPage) -> None:
    order = fresh_merchant.placed()
    page = open_page()
    page.goto(f"{fresh_merchant.server.url}/orders")

    row = page.get_by_role("row").filter(has_text=order["out_trade_no"])
    row.get_by_role("button", name="支付成功").click()

    expect(page.get_by_role("status")).to_have_text("完成")
    expect(row.get_by_text("成功", exact=True)).to_be_visible()


def test_orders_that_come_meanwhile_are_shown(
    fresh_merchant: Merchant, open_page: OpenPage
) -> None:
    page = open_page()
    page.goto(f"{fresh_merchant.server.url}/orders")
    page.mouse.move(0, 0)

    order = fresh_merchant.placed()

    expect(page.get_by_text(order["out_trade_no"])).to_be_visible()


def test_language_is_switched_where_one_is(fresh_merchant: Merchant, open_page: OpenPage) -> None:
    page = open_page()
    page.goto(f"{fresh_merchant.server.url}/faults")

    page.get_by_role("button", name="English").click()

    expect(page).to_have_title("Faults · Payment gateway sandbox")
