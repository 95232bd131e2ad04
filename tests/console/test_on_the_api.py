"""The console's pages on the real API and database: what the fake might allow is refused here."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import streamlit as st
from flask import Flask
from werkzeug.serving import BaseWSGIServer, make_server

from api import create_app
from console import client as console_client
from domain import clock
from domain.database import transaction
from launcher.addresses import DatabaseUrls
from tests.api.callers import Mall, open_mall
from tests.api.merchant.test_campaign_rules import set_window
from tests.api.merchant.test_campaigns import PATH, draft, publish, terms
from tests.api.stages import fail_group, form_group, stage_of
from tests.console.conftest import Pages, text_of
from tests.console.test_choices import PAGES
from tests.console.test_pages import button, metric
from tests.factories.products import make_product, make_variant

pytestmark = pytest.mark.transactional


@dataclass(frozen=True)
class RealApi:
    """The API over HTTP, and the staff of one mall."""

    mall: Mall

    def token_of(self, login: str) -> str:
        caller = {"owner": self.mall.owner, "operator": self.mall.operator}.get(login)
        return str((caller or self.mall.viewer).token)


@pytest.fixture(scope="session")
def app(database: DatabaseUrls) -> Flask:
    return create_app()


@pytest.fixture(scope="session")
def server(app: Flask) -> Iterator[BaseWSGIServer]:
    made = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.shutdown()
    thread.join()


@pytest.fixture
def mall(app: Flask) -> Mall:
    return open_mall(app.test_client())


@pytest.fixture
def pages(server: BaseWSGIServer, mall: Mall, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pages]:
    monkeypatch.setenv("PINBU_API_URL", f"http://127.0.0.1:{server.server_port}")
    st.cache_data.clear()
    yield Pages(RealApi(mall))  # type: ignore[arg-type]
    console_client._connections().close()
    console_client._connections.cache_clear()


@pytest.fixture
def product(mall: Mall) -> dict[str, str]:
    with transaction() as session:
        product = make_product(session, mall.id)
        variant = make_variant(session, product, stock_units=1000)
    return {"id": product.public_id, "variant": variant.public_id}


@pytest.fixture
def campaign_id(mall: Mall, product: dict[str, str]) -> str:
    made: str = draft(mall.operator, product).json["id"]
    assert publish(mall.operator, made, "no_subsidy_cap").status_code == 201
    return made


def campaign_of(mall: Mall, campaign_id: str) -> dict[str, Any]:
    found: dict[str, Any] = mall.viewer.get(f"{PATH}/{campaign_id}").json
    return found


@pytest.mark.parametrize("name", PAGES)
def test_each_page_opens_on_a_played_mall(pages: Pages, mall: Mall, name: str) -> None:
    stage = stage_of(mall)
    form_group(stage, stage.shopper(), stage.start)
    fail_group(stage, stage.shopper(), stage.start)

    page = pages.open(name)

    assert not page.exception
    assert not page.error


def test_the_second_of_two_campaigns_of_one_title_is_measured(pages: Pages, mall: Mall) -> None:
    busy, quiet = stage_of(mall), stage_of(mall)
    fail_group(busy, busy.shopper(), busy.start)
    page = pages.open("overview", campaign=busy.campaign.public_id)
    labels = page.selectbox[0].options

    assert len({*labels}) == len(labels) == 3
    assert metric(page, "付款人数").value == "1"
    assert page.query_params["campaign"] == busy.campaign.public_id
    other = pages.open("overview", campaign=quiet.campaign.public_id)
    assert "付款人数" not in [one.label for one in other.metric]


def test_board_tiles_are_of_the_chosen_campaign(pages: Pages, mall: Mall) -> None:
    busy, quiet = stage_of(mall), stage_of(mall)
    now = clock.real_now()
    for _ in range(2):
        busy.opened(now - timedelta(minutes=3))
    quiet.opened(now - timedelta(minutes=3))

    counts = [
        metric(pages.open("board", campaign=stage.campaign.public_id), "进行中").value
        for stage in (busy, quiet)
    ]

    assert counts == ["2", "1"]
    assert metric(pages.open("board"), "进行中").value == "3"


def test_first_group_of_a_new_shop_is_grey_within_its_likely_range(
    pages: Pages, mall: Mall
) -> None:
    stage = stage_of(mall, life_seconds=3600)
    form_group(stage, stage.shopper(), clock.real_now() - timedelta(minutes=10))

    page = pages.open("overview", range="7d")

    rate = metric(page, "拼团成功率")
    assert (rate.value, rate.delta) == ("100.0%", "仅 1 个团")
    assert rate.proto.delta_description == "21–100%"
    assert metric(page, "付款人数").proto.delta_description == "上期无数据"


@pytest.mark.parametrize(
    ("name", "change", "stored"),
    [
        ("withdrawal_max_fen", 150.0, 15_000),
        ("withdrawal_daily_fen", 300.0, 30_000),
        ("withdrawal_tax_bps", 20.0, 2000),
        ("points_valid_days", 90, 90),
        ("goodwill_budget_fen", 12.5, 1250),
    ],
)
def test_setting_is_saved_in_the_unit_it_was_typed_in(
    pages: Pages, mall: Mall, name: str, change: float, stored: int
) -> None:
    page = pages.open("settings")

    page.number_input(key=f"new_{name}").set_value(change).run()
    saved = page.button(key=f"save_{name}")

    assert not saved.disabled
    answer = mall.owner.patch("/v1/merchant/settings", **{name: stored, "reason": "test"})
    assert answer.status_code == 200
    shown = pages.open("settings")
    assert shown.number_input(key=f"new_{name}").value == change
    assert shown.button(key=f"save_{name}").disabled


def test_withdrawals_tax_and_points_are_set_too(pages: Pages, mall: Mall) -> None:
    page = pages.open("settings")
    page.toggle(key="new_is_withdrawal_on").set_value(False).run()
    page.text_input(key="new_withdrawal_tax_category").input("劳务报酬").run()
    page.select_slider(key="new_points_per_yuan").set_value(10).run()
    names = ("is_withdrawal_on", "withdrawal_tax_category", "points_per_yuan")

    assert not any(page.button(key=f"save_{name}").disabled for name in names)
    values = dict(zip(names, (False, "劳务报酬", 10), strict=True))
    assert mall.owner.patch("/v1/merchant/settings", **values, reason="x").status_code == 200
    shown = text_of(pages.open("settings"))
    assert "劳务报酬" in shown
    assert "10 积分抵 1 元" in shown
    assert "关闭" in shown


def test_audit_log_of_a_published_campaign_is_in_words(
    pages: Pages, mall: Mall, campaign_id: str
) -> None:
    shown = text_of(pages.open("audit_log", action="campaign.published"))

    assert "没有补贴上限: 已和老板确认" in shown
    assert "no_subsidy_cap" not in shown
    assert mall.staff["operator"].name in shown


def test_budget_of_a_running_campaign_is_raised(pages: Pages, mall: Mall, campaign_id: str) -> None:
    page = pages.open_dialog(
        "parts.raising", "open_raise", campaign_of(mall, campaign_id), "budget"
    )
    page.number_input(key="raise_delta").set_value(500.0).run()
    page.text_area[0].input("周五预算用完")
    page.button(key="raise_confirm").click().run()

    assert not page.error
    assert campaign_of(mall, campaign_id)["budget_fen"] == 1_050_000
    entry = mall.owner.get("/v1/merchant/audit-log").json["items"][0]
    assert (entry["action"], entry["reason"]) == ("campaign.changed", "周五预算用完")


def test_stock_of_a_running_campaign_is_raised(pages: Pages, mall: Mall, campaign_id: str) -> None:
    page = pages.open_dialog("parts.raising", "open_raise", campaign_of(mall, campaign_id), "stock")
    page.number_input(key="raise_delta").set_value(-100).run()
    page.text_area[0].input("少备货")
    page.button(key="raise_confirm").click().run()

    assert not page.error
    assert campaign_of(mall, campaign_id)["stock_units"] == 900


def test_raise_above_the_limit_becomes_an_approval(
    pages: Pages, mall: Mall, campaign_id: str
) -> None:
    mall.add_owner()
    limit = {"approval_limit_fen": 10_000, "reason": "two people"}
    assert mall.owner.patch("/v1/merchant/settings", **limit).status_code == 200
    page = pages.open_dialog(
        "parts.raising", "open_raise", campaign_of(mall, campaign_id), "budget"
    )
    page.number_input(key="raise_delta").set_value(500.0).run()
    page.text_area[0].input("周五预算用完")
    page.button(key="raise_confirm").click().run()
    page.button(key="raise_approval").click().run()

    [asked] = mall.viewer.get("/v1/merchant/approvals").json["items"]
    assert not page.exception
    assert (asked["kind"], asked["state"], asked["amount_fen"]) == (
        "campaign_budget",
        "pending",
        50_000,
    )
    approved = mall.operator.call(
        "POST",
        f"/v1/merchant/approvals/{asked['id']}/approval",
        json={"reason": "fine"},
        headers={"Idempotency-Key": "approve"},
    )
    assert approved.status_code == 200
    assert campaign_of(mall, campaign_id)["budget_fen"] == 1_050_000


def test_expired_campaign_says_so_and_shows_its_rules(
    pages: Pages, mall: Mall, campaign_id: str
) -> None:
    campaign = campaign_of(mall, campaign_id)
    now = clock.real_now()
    set_window(campaign_id, now - timedelta(days=3), now - timedelta(days=1))

    page = pages.open("campaigns", id=campaign_id)
    listed = pages.open("campaigns", phase="expired")

    assert "已到期" in text_of(page)
    assert "2 元现金补贴" in text_of(page)
    assert not page.warning
    assert campaign["title"] in text_of(listed)


def test_changed_draft_is_shown_as_a_difference(
    pages: Pages, mall: Mall, product: dict[str, str], campaign_id: str
) -> None:
    points = terms(product, subsidy={"kind": "points", "amount_fen": 300})
    mall.operator.patch(f"{PATH}/{campaign_id}", terms=points)

    shown = text_of(pages.open("campaigns", id=campaign_id))

    assert "2 元现金补贴" in shown
    assert '<li class="come">' in shown
    assert "积分" in shown[shown.index('<li class="come">') :]
    assert "积分" not in shown[shown.index("<ul><li>") : shown.index("</ul>")]


def test_saving_the_wizard_of_a_published_campaign_succeeds(
    pages: Pages, mall: Mall, campaign_id: str
) -> None:
    page = pages.open("new_campaign", id=campaign_id)
    button(page, "下一步").click().run()
    page.number_input(key="group_size").set_value(4).run()
    for _ in range(2):
        button(page, "下一步").click().run()
    button(page, "保存草稿").click().run()

    assert not page.error
    assert campaign_of(mall, campaign_id)["terms"]["group_size"] == 4
    assert campaign_of(mall, campaign_id)["budget_fen"] == 1_000_000
