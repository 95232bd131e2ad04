"""The memory of the whole product at rest, after one order and one page of the console."""

import subprocess
import sys
import time
from typing import Any

from playwright.sync_api import expect, sync_playwright

from bench.figures.join_pay import BODY
from bench.figures.results import Figure
from bench.playing.staff import APP_ID, OWNER
from bench.shoppers.calling import Answer, Caller, Refused, Request
from bench.shoppers.journal import Journal
from bench.shoppers.phone import Mall, Phone
from bench.stage.ground import say
from bench.stage.processes import resident_kb
from bench.stage.product import Product, running_product
from launcher.binaries import find_chromium
from launcher.errors import CannotGoOn

IDLE_SECONDS = 60
SOUGHT_MB = 800
CHARTS = 6
PATIENCE_MILLISECONDS = 120_000
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync")
BARE = "import flask, sqlalchemy; print(flush=True); input()"


def measure() -> list[Figure]:
    """Measure the product's memory when it has rested for a minute. Raises CannotGoOn."""
    chromium = find_chromium()
    if chromium is None:
        raise CannotGoOn("idle_memory_mb looks at the console with Chromium.", mend="make browser")
    with running_product() as product:
        _order(product)
        _look_at_console(product, str(chromium))
        say(f"waiting {IDLE_SECONDS} s")
        time.sleep(IDLE_SECONDS)
        shares = product.shares_kb()
        return [_figure(shares, _bare_kb())]


def _figure(shares: dict[str, int], bare_kb: int) -> Figure:
    total = sum(shares.values())
    return Figure(
        "idle_memory_mb",
        _mb(total),
        "MiB",
        {
            "what": "one more Python that imported flask and sqlalchemy and waits, beside them",
            "mb": _mb(bare_kb),
            "ratio": round(total / bare_kb, 1),
        },
        {
            "target": f"<= {SOUGHT_MB}",
            "idle_seconds": IDLE_SECONDS,
            "pss_mb": {name: _mb(share) for name, share in shares.items()},
        },
    )


def _mb(kb: int) -> float:
    return round(kb / 1024, 1)


def _order(product: Product) -> None:
    """Open a group of the sample's first campaign and pay; raises where it is not seated."""
    journal = Journal()
    api, gateway = (Caller(product.url(name), journal) for name in ("api", "sandbox"))
    phone = Phone(Mall(api, gateway, APP_ID, run="memory"), "1", "小明", channel="campaign")
    phone.sign_in()
    listing = Request("campaigns", "GET", "/v1/campaigns", headers={"X-App-Id": APP_ID})
    campaign = api.need(listing)["items"][0]
    wanted = {"variant_id": campaign["variants"][0]["id"], **BODY}
    order = _done("open", phone.open_group(campaign["id"], wanted))
    prepared = _done("prepare", phone.prepare_payment(order["id"]))
    _done("wx.requestPayment", phone.pay(prepared))
    seat = phone.wait_until_paid(order["id"])["seat_state"]
    if seat != "taken":
        raise RuntimeError(f"the paid order's seat is {seat}")


def _done(operation: str, answer: Answer) -> dict[str, Any]:
    if not answer.is_ok:
        raise Refused(operation, answer)
    return answer.body


def _look_at_console(product: Product, chromium: str) -> None:
    """Sign in as the owner, wait for the overview's charts, and close the browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900}, locale="zh-CN")
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        page.goto(product.url("console"))
        page.fill("#login", OWNER)
        page.fill("#password", product.logins[OWNER])
        page.click("button[type=submit]")
        charts = page.locator("[data-testid=stPlotlyChart] .js-plotly-plot")
        expect(charts).to_have_count(CHARTS, timeout=PATIENCE_MILLISECONDS)
        browser.close()


def _bare_kb() -> int:
    """Return the memory (PSS) of a Python process that does nothing yet."""
    with subprocess.Popen(
        [sys.executable, "-c", BARE], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as bare:
        if bare.stdout is None or not bare.stdout.readline():
            raise RuntimeError("the bare Python did not start")
        kb = resident_kb(bare.pid)
        bare.communicate(b"\n")
        return kb
