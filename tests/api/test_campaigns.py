from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event

from api.views import campaigns as views
from domain import clock
from domain.database import core_engine, transaction
from domain.public_ids import new_public_id
from domain.terms import Levers
from tests.api.callers import Caller, Mall
from tests.factories.campaigns import MadeCampaign, make_campaign, make_draft
from tests.factories.products import make_product
from tests.factories.shares import make_group_row
from tests.factories.shoppers import make_shopper

pytestmark = pytest.mark.transactional


@pytest.fixture
def campaign(mall: Mall) -> MadeCampaign:
    with transaction() as session:
        return make_campaign(session, mall.id)


def test_campaign_shows_product_prices_subsidy_and_totals(
    mall: Mall, campaign: MadeCampaign
) -> None:
    (item,) = mall.shopper.get("/v1/campaigns").json["items"]

    assert item["id"] == campaign.public_id
    assert item["product"]["title"] == "网红薯片 3 包"
    assert item["variants"] == [
        {
            "id": campaign.variant.public_id,
            "title": "原味",
            "list_price_fen": 3000,
            "alone_price_fen": 3000,
            "points_price_fen": None,
            "group_price_fen": 1990,
        }
    ]
    assert (item["group_size"], item["life_seconds"]) == (3, 86_400)
    assert (item["subsidy"]["kind"], item["subsidy"]["amount_fen"]) == ("cash", 1000)
    assert (item["is_sold_out"], item["is_budget_used_up"]) == (False, False)
    assert item["totals"] == {
        "groups_opened": 0,
        "groups_formed": 0,
        "groups_failed": 0,
        "people_paid": 0,
    }
    assert item["fullest_group"] is None
    assert item["ends_at"].endswith("Z")


def test_points_price_is_shown_where_there_is_one(mall: Mall, campaign: MadeCampaign) -> None:
    with transaction() as session:
        session.merge(campaign.variant).points_price_fen = 2500

    shown = mall.shopper.get(f"/v1/campaigns/{campaign.public_id}").json

    assert [variant["points_price_fen"] for variant in shown["variants"]] == [2500]


def test_unit_cost_and_budget_stay_private(mall: Mall, campaign: MadeCampaign) -> None:
    for path in ("/v1/campaigns", f"/v1/campaigns/{campaign.public_id}"):
        answer = mall.shopper.get(path).text
        assert "cost" not in answer
        assert "budget_fen" not in answer
        assert "stock_units" not in answer


def test_fullest_group_comes_with_a_masked_leader(mall: Mall, campaign: MadeCampaign) -> None:
    with transaction() as session:
        leader = make_shopper(session, mall.id, nickname="王小明")
        make_group_row(session, mall.id, campaign=campaign, taken=1)
        fullest = make_group_row(
            session, mall.id, campaign=campaign, leader=leader, taken=1, held=1
        )
        make_group_row(session, mall.id, campaign=campaign, taken=2, held=1)

    (item,) = mall.shopper.get("/v1/campaigns").json["items"]

    group = item["fullest_group"]
    assert group["id"] == fullest.public_id
    assert (group["size"], group["taken"], group["held"], group["seats_left"]) == (3, 1, 1, 1)
    assert group["leader_nickname"] == "王**"
    assert 17_900 < group["seconds_left"] <= 18_000


def test_used_up_budget_and_stock_show(mall: Mall) -> None:
    with transaction() as session:
        make_campaign(session, mall.id, title="预算", budget_fen=2999)
        make_campaign(session, mall.id, title="库存", stock_units=2)

    items = {item["title"]: item for item in mall.shopper.get("/v1/campaigns").json["items"]}

    assert (items["预算"]["is_budget_used_up"], items["预算"]["is_sold_out"]) == (True, False)
    assert (items["库存"]["is_budget_used_up"], items["库存"]["is_sold_out"]) == (False, True)


def test_only_running_campaigns_are_listed(mall: Mall) -> None:
    now = clock.real_now()
    with transaction() as session:
        make_draft(session, mall.id, title="草稿")
        make_campaign(session, mall.id, title="未开始", starts_at=now + timedelta(hours=1))
        make_campaign(
            session,
            mall.id,
            title="已结束",
            starts_at=now - timedelta(days=2),
            ends_at=now - timedelta(seconds=1),
        )
        make_campaign(session, mall.id, title="进行中")

    items = mall.shopper.get("/v1/campaigns").json["items"]

    assert [item["title"] for item in items] == ["进行中"]


def test_list_is_filtered_by_category(mall: Mall) -> None:
    with transaction() as session:
        nuts = make_product(session, mall.id, category="坚果")
        make_campaign(session, mall.id, product=nuts, title="坚果团")
        make_campaign(session, mall.id)

    items = mall.shopper.get("/v1/campaigns", category="坚果").json["items"]

    assert [item["title"] for item in items] == ["坚果团"]


def test_hot_ones_come_first_page_by_page(mall: Mall) -> None:
    with transaction() as session:
        for title, people in (("一", 5), ("二", 50), ("三", 5)):
            made = make_campaign(session, mall.id, title=title)
            made.campaign.people_paid = people

    page = mall.shopper.get("/v1/campaigns", sort="hot", limit=2).json
    rest = mall.shopper.get("/v1/campaigns", sort="hot", limit=2, cursor=page["next_cursor"]).json
    newest = mall.shopper.get("/v1/campaigns").json

    assert [item["title"] for item in page["items"]] == ["二", "三"]
    assert [item["title"] for item in rest["items"]] == ["一"]
    assert rest["next_cursor"] is None
    assert [item["title"] for item in newest["items"]] == ["三", "二", "一"]


def test_list_costs_few_statements_and_then_none(mall: Mall) -> None:
    with transaction() as session:
        for _ in range(5):
            made = make_campaign(session, mall.id)
            make_group_row(session, mall.id, campaign=made)
    statements: list[str] = []

    def count(*args: object) -> None:
        statements.append(str(args[2]))

    event.listen(core_engine(), "before_cursor_execute", count)
    try:
        mall.shopper.get("/v1/campaigns")
        first = len(statements)
        mall.shopper.get("/v1/campaigns")
    finally:
        event.remove(core_engine(), "before_cursor_execute", count)

    assert first == 2, "the clock and the list"
    assert len(statements) == first, "kept for a second"


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("zh", ("规则", "最多发放补贴 20 元", "每月最多 7 次")),
        ("en", ("Rules", "at most 20 yuan", "at most 7 failures")),
    ],
)
def test_detail_has_the_frozen_text_and_the_present_cap_in_the_callers_language(
    client: FlaskClient, mall: Mall, campaign: MadeCampaign, language: str, texts: tuple[str, ...]
) -> None:
    changes = {"daily_subsidy_cap_fen": 2000, "monthly_failures_cap": 7}
    mall.owner.patch("/v1/merchant/settings", **changes, reason="防刷")
    caller = Caller(client, mall.shopper.token, language=language)

    answer = caller.get(f"/v1/campaigns/{campaign.public_id}")

    assert answer.json is not None
    first, day, month = answer.json["rules_text"]
    assert first == texts[0]
    assert texts[1] in day
    assert texts[2] in month


def test_unknown_campaign_is_not_found(mall: Mall) -> None:
    answer = mall.shopper.get(f"/v1/campaigns/{new_public_id()}")

    assert (answer.status_code, answer.json["code"]) == (404, "campaign_not_found")


def test_campaign_of_another_merchant_is_not_found(
    other_mall: Mall, campaign: MadeCampaign
) -> None:
    for path in ("", "/groups"):
        answer = other_mall.shopper.get(f"/v1/campaigns/{campaign.public_id}{path}")
        assert (answer.status_code, answer.json["code"]) == (404, "campaign_not_found")
    assert other_mall.shopper.get("/v1/campaigns").json["items"] == []


class TestGroupsOfACampaign:
    def test_joinable_groups_come_fullest_first_page_by_page(
        self, mall: Mall, campaign: MadeCampaign
    ) -> None:
        with transaction() as session:
            slack = make_group_row(session, mall.id, campaign=campaign, taken=1)
            soon = make_group_row(
                session, mall.id, campaign=campaign, taken=2, ends_in=timedelta(hours=1)
            )
            later = make_group_row(
                session, mall.id, campaign=campaign, taken=1, held=1, ends_in=timedelta(hours=2)
            )
        path = f"/v1/campaigns/{campaign.public_id}/groups"

        page = mall.shopper.get(path, limit=2).json
        rest = mall.shopper.get(path, limit=2, cursor=page["next_cursor"]).json

        assert [item["id"] for item in page["items"]] == [soon.public_id, later.public_id]
        assert [item["id"] for item in rest["items"]] == [slack.public_id]

    def test_what_cannot_be_joined_is_left_out(self, mall: Mall, campaign: MadeCampaign) -> None:
        with transaction() as session:
            make_group_row(session, mall.id, campaign=campaign, state="pending")
            make_group_row(session, mall.id, campaign=campaign, taken=2, held=1)
            make_group_row(session, mall.id, campaign=campaign, ends_in=timedelta(seconds=59))

        answer = mall.shopper.get(f"/v1/campaigns/{campaign.public_id}/groups")

        assert answer.json == {"items": [], "next_cursor": None}

    def test_what_strangers_cannot_join_is_not_offered(self, mall: Mall) -> None:
        """By the rules that the group was opened under, whatever the campaign's are by now."""
        with transaction() as session:
            closed = make_campaign(session, mall.id, levers=Levers(is_pool_open=False))
            make_group_row(session, mall.id, campaign=closed)

        groups = mall.shopper.get(f"/v1/campaigns/{closed.public_id}/groups").json["items"]
        shown = mall.shopper.get(f"/v1/campaigns/{closed.public_id}").json
        listed = mall.shopper.get("/v1/campaigns").json["items"]

        assert groups == []
        assert shown["fullest_group"] is None
        assert [c["fullest_group"] for c in listed if c["id"] == closed.public_id] == [None]


class TestWithoutAToken:
    def test_app_id_says_whose_campaigns(
        self, anyone: Caller, mall: Mall, campaign: MadeCampaign
    ) -> None:
        answer = anyone.call("GET", "/v1/campaigns", headers={"X-App-Id": mall.merchant.app_id})

        assert answer.json is not None
        assert [item["id"] for item in answer.json["items"]] == [campaign.public_id]

    def test_neither_token_nor_app_id_is_refused(self, anyone: Caller) -> None:
        assert anyone.get("/v1/campaigns").status_code == 401

    def test_unknown_app_id_is_refused(self, anyone: Caller) -> None:
        answer = anyone.call("GET", "/v1/campaigns", headers={"X-App-Id": "wx-nobody"})

        assert answer.status_code == 404
        assert answer.json is not None
        assert (answer.json["code"], answer.json["field"]) == ("app_not_found", "X-App-Id")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": 101}, "limit"),
        ({"limit": 0}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"sort": "price"}, "sort"),
        ({"colour": "red"}, "colour"),
        ({"cursor": "????"}, "cursor"),
        ({"cursor": "WzFd"}, "cursor"),
    ],
)
def test_bad_query_names_the_field(mall: Mall, query: dict[str, object], field: str) -> None:
    answer = mall.shopper.get("/v1/campaigns", **query)

    assert answer.status_code == 422
    assert answer.json["field"] == field


def test_refusals_are_not_kept(mall: Mall, campaign: MadeCampaign) -> None:
    mall.shopper.get(f"/v1/campaigns/{new_public_id()}")

    assert not any("nothing" in str(key) for key in views.kept._kept)
