from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from domain.clock import iso, real_now
from domain.database import transaction
from domain.models import AuditEntry, Variant
from tests.api.callers import Caller, Mall
from tests.factories.campaigns import MadeCampaign, make_campaign
from tests.factories.products import make_product, make_variant

pytestmark = pytest.mark.transactional

CHIPS = {
    "title": "网红薯片 3 包",
    "category": "薯片",
    "images": ["https://cdn.example/chips.jpg", "/media/chips-2.jpg"],
    "variants": [
        {"title": "原味", "list_price_fen": 3000, "unit_cost_fen": 1200, "stock_units": 50},
        {"title": "番茄味", "list_price_fen": 3100, "alone_price_fen": 2900},
    ],
}


def audit_of(mall: Mall) -> list[AuditEntry]:
    with transaction() as session:
        return list(
            session.scalars(
                select(AuditEntry).where(AuditEntry.merchant_id == mall.id).order_by(AuditEntry.id)
            )
        )


def add(caller: Caller, **changes: Any) -> Any:
    return caller.post("/v1/merchant/products", **{**CHIPS, **changes})


def test_product_is_made_with_its_variants(mall: Mall) -> None:
    answer = add(mall.operator)

    assert answer.status_code == 201
    assert answer.json["title"] == "网红薯片 3 包"
    first, second = answer.json["variants"]
    assert first == {
        "id": first["id"],
        "title": "原味",
        "list_price_fen": 3000,
        "alone_price_fen": None,
        "unit_cost_fen": 1200,
        "points_price_fen": None,
        "stock_units": 50,
    }
    assert (second["alone_price_fen"], second["stock_units"]) == (2900, 0)
    shown = mall.viewer.get(f"/v1/merchant/products/{answer.json['id']}")
    assert shown.json == answer.json


def test_making_a_product_is_audited(mall: Mall) -> None:
    add(mall.operator)

    (entry,) = audit_of(mall)

    assert (entry.action, entry.staff_id) == ("product.created", mall.staff["operator"].id)
    assert entry.client_address == "127.0.0.1"
    assert entry.after is not None
    assert entry.after["variants"][0]["unit_cost_fen"] == 1200


def test_products_are_listed_newest_first_page_by_page(mall: Mall) -> None:
    for title in ("一", "二", "三"):
        add(mall.operator, title=title)

    first = mall.viewer.get("/v1/merchant/products", limit=2).json
    second = mall.viewer.get("/v1/merchant/products", limit=2, cursor=first["next_cursor"]).json

    assert [item["title"] for item in first["items"]] == ["三", "二"]
    assert [item["title"] for item in second["items"]] == ["一"]
    assert second["next_cursor"] is None


def test_viewer_may_look_and_not_touch(mall: Mall) -> None:
    answer = add(mall.viewer)

    assert answer.status_code == 403
    assert (answer.json["code"], answer.json["required"]) == ("role_too_low", "operator")
    assert mall.viewer.get("/v1/merchant/products").status_code == 200
    assert audit_of(mall) == []


def test_product_is_changed_and_only_differences_are_audited(mall: Mall) -> None:
    product = add(mall.operator).json

    answer = mall.operator.patch(
        f"/v1/merchant/products/{product['id']}", title="薯片", reason="短一点"
    )

    assert answer.json == {**product, "title": "薯片"}
    entry = audit_of(mall)[-1]
    assert (entry.action, entry.reason) == ("product.changed", "短一点")
    assert entry.before == {"title": "网红薯片 3 包"}
    assert entry.after == {"title": "薯片"}


def test_variant_is_added(mall: Mall) -> None:
    product = add(mall.operator).json

    answer = mall.operator.post(
        f"/v1/merchant/products/{product['id']}/variants", title="烧烤味", list_price_fen=3200
    )

    assert answer.status_code == 201
    shown = mall.operator.get(f"/v1/merchant/products/{product['id']}").json
    assert [variant["title"] for variant in shown["variants"]] == ["原味", "番茄味", "烧烤味"]


def test_stock_moves_by_a_difference(mall: Mall) -> None:
    variant = add(mall.operator).json["variants"][0]
    path = f"/v1/merchant/variants/{variant['id']}"

    up = mall.operator.patch(path, stock_delta=30, reason="到货")
    down = mall.operator.patch(path, stock_delta=-80, reason="报损")

    assert up.json["stock_units"] == 80
    assert down.json["stock_units"] == 0
    assert audit_of(mall)[-1].before == {"stock_units": 80}


@pytest.mark.parametrize("reason", [{}, {"reason": None}, {"reason": " "}])
def test_stock_does_not_move_without_a_reason(mall: Mall, reason: dict[str, Any]) -> None:
    variant = add(mall.operator).json["variants"][0]

    answer = mall.operator.patch(f"/v1/merchant/variants/{variant['id']}", stock_delta=30, **reason)

    assert (answer.status_code, answer.json["field"]) == (422, "reason")
    assert len(audit_of(mall)) == 1


def test_change_of_nothing_is_not_audited(mall: Mall) -> None:
    product = add(mall.operator).json

    answers = [
        mall.operator.call("PATCH", f"/v1/merchant/{path}", json={})
        for path in (f"products/{product['id']}", f"variants/{product['variants'][0]['id']}")
    ]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert len(audit_of(mall)) == 1


class TestPriceOfAVariantOnSale:
    """Nuts at 24.9 instead of 39.9 yuan; whoever fails gets 5."""

    @pytest.fixture
    def campaign(self, mall: Mall) -> MadeCampaign:
        with transaction() as session:
            product = make_product(session, mall.id)
            variant = make_variant(session, product, list_price_fen=3990)
            return make_campaign(
                session,
                mall.id,
                product=product,
                variants=(variant,),
                group_price_fen=2490,
                subsidy_fen=500,
            )

    def move(self, mall: Mall, campaign: MadeCampaign, move: str) -> None:
        path = f"/v1/merchant/campaigns/{campaign.public_id}/{move}"
        assert mall.operator.post(path, reason="调整").status_code == 200

    def change(self, caller: Caller, campaign: MadeCampaign, **body: Any) -> Any:
        return caller.patch(f"/v1/merchant/variants/{campaign.variant.public_id}", **body)

    @pytest.mark.parametrize("is_paused", [False, True])
    def test_price_that_makes_failing_pay_is_not_taken_silently(
        self, mall: Mall, campaign: MadeCampaign, is_paused: bool
    ) -> None:
        if is_paused:
            self.move(mall, campaign, "pause")

        answer = self.change(mall.operator, campaign, list_price_fen=2490, alone_price_fen=1)

        assert (answer.status_code, answer.json["code"]) == (409, "warnings_not_acknowledged")
        assert [warning["code"] for warning in answer.json["warnings"]] == [
            "subsidy_rewards_failing",
            "price_not_below_list",
            "price_not_below_alone",
        ]
        with transaction() as session:
            kept = session.get_one(Variant, (mall.id, campaign.variant.id))
        assert (kept.list_price_fen, kept.alone_price_fen) == (3990, None)
        assert "variant.changed" not in {entry.action for entry in audit_of(mall)}

    def test_red_warning_needs_an_owner(self, mall: Mall, campaign: MadeCampaign) -> None:
        body = {
            "list_price_fen": 2900,
            "acknowledged": [{"code": "subsidy_rewards_failing", "reason": "清仓"}],
        }

        refused = self.change(mall.operator, campaign, **body)
        granted = self.change(mall.owner, campaign, **body, reason="调价")

        assert (refused.status_code, refused.json["code"]) == (403, "role_too_low")
        assert (granted.status_code, granted.json["list_price_fen"]) == (200, 2900)
        (entry,) = audit_of(mall)
        assert entry.reason == "调价; subsidy_rewards_failing: 清仓"

    def test_amber_warning_needs_a_reason_only(self, mall: Mall, campaign: MadeCampaign) -> None:
        body = {"list_price_fen": 3800}

        asked = self.change(mall.operator, campaign, **body)
        codes = [warning["code"] for warning in asked.json["warnings"]]
        granted = self.change(
            mall.operator,
            campaign,
            **body,
            acknowledged=[{"code": code, "reason": "已确认"} for code in codes],
        )

        assert codes == ["subsidy_near_gap"]
        assert granted.json["list_price_fen"] == 3800

    def test_sound_price_needs_nothing(self, mall: Mall, campaign: MadeCampaign) -> None:
        answer = self.change(mall.operator, campaign, list_price_fen=4200, alone_price_fen=3600)

        assert (answer.status_code, answer.json["alone_price_fen"]) == (200, 3600)

    def test_ended_campaign_is_not_asked(self, mall: Mall, campaign: MadeCampaign) -> None:
        self.move(mall, campaign, "end")

        assert self.change(mall.operator, campaign, list_price_fen=2490).status_code == 200

    def test_other_variant_of_the_product_is_free(self, mall: Mall, campaign: MadeCampaign) -> None:
        with transaction() as session:
            other = make_variant(session, campaign.product, title="大袋")

        answer = mall.operator.patch(f"/v1/merchant/variants/{other.public_id}", list_price_fen=1)

        assert answer.status_code == 200


def test_more_stock_than_there_is_cannot_be_taken(mall: Mall) -> None:
    variant = add(mall.operator).json["variants"][0]

    answer = mall.operator.patch(
        f"/v1/merchant/variants/{variant['id']}", stock_delta=-51, reason="报损"
    )

    assert answer.status_code == 409
    assert answer.json["code"] == "stock_below_zero"
    assert len(audit_of(mall)) == 1


def test_variant_cannot_cost_more_alone_than_its_list_price(mall: Mall) -> None:
    variant = add(mall.operator).json["variants"][1]

    answer = mall.operator.patch(f"/v1/merchant/variants/{variant['id']}", list_price_fen=2800)

    assert answer.status_code == 422
    assert (answer.json["code"], answer.json["field"]) == (
        "alone_price_above_list",
        "alone_price_fen",
    )


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"title": ""}, "title", "wrong_length"),
        ({"title": "x" * 101}, "title", "wrong_length"),
        ({"title": 5}, "title", "not_a_string"),
        ({"title": "a\x00b"}, "title", "not_a_string"),
        *(
            ({"images": [address]}, "images.0", "not_an_image_address")
            for address in (
                "javascript:alert(1)",
                "http://cdn.example/x.png",
                "//evil.example/x.png",
                "/\\evil.example/x.png",
                "https://user:pw@evil.example/x.png",
                "https://evil@cdn.example/x.png",
                "https://127.0.0.1:5432/x.png",
                "https://[::1]/x.png",
                "https://cdn.example:22/x.png",
                "https://localhost/x.png",
            )
        ),
        ({"images": ["/chi\nps.jpg"]}, "images.0", "wrong_pattern"),
        ({"images": ["https://cdn.example/a b.png"]}, "images.0", "wrong_pattern"),
        ({"images": ["/x"] * 10}, "images", "wrong_length"),
        ({"colour": "red"}, "colour", "unknown_field"),
        (
            {"variants": [{"title": "大", "list_price_fen": 0}]},
            "variants.0.list_price_fen",
            "out_of_range",
        ),
        (
            {"variants": [{"title": "大", "list_price_fen": 19.9}]},
            "variants.0.list_price_fen",
            "not_fen",
        ),
        (
            {"variants": [{"title": "大", "list_price_fen": "1990"}]},
            "variants.0.list_price_fen",
            "not_fen",
        ),
        (
            {"variants": [{"title": "大", "list_price_fen": True}]},
            "variants.0.list_price_fen",
            "not_fen",
        ),
        (
            {"variants": [{"title": "大", "list_price_fen": 10**30}]},
            "variants.0.list_price_fen",
            "not_fen",
        ),
        ({"variants": [{"title": "大"}]}, "variants.0.list_price_fen", "required"),
        ({"variants": "大"}, "variants", "not_a_list"),
        ({"variants": [7]}, "variants.0", "not_an_object"),
    ],
)
def test_bad_input_names_field_and_code(
    mall: Mall, changes: dict[str, Any], field: str, code: str
) -> None:
    answer = add(mall.operator, **changes)

    assert answer.status_code == 422
    assert answer.json["field"] == field
    assert {"field": field, "code": code} == {
        name: answer.json["errors"][0][name] for name in ("field", "code")
    }


class TestOtherMerchants:
    def test_their_products_do_not_exist(self, mall: Mall, other_mall: Mall) -> None:
        product = add(other_mall.operator).json
        variant = product["variants"][0]

        answers = [
            mall.owner.get(f"/v1/merchant/products/{product['id']}"),
            mall.owner.patch(f"/v1/merchant/products/{product['id']}", title="我的"),
            mall.owner.post(
                f"/v1/merchant/products/{product['id']}/variants", title="x", list_price_fen=1
            ),
            mall.owner.patch(
                f"/v1/merchant/variants/{variant['id']}", stock_delta=1, reason="到货"
            ),
        ]

        assert [answer.status_code for answer in answers] == [404, 404, 404, 404]
        assert {answer.json["code"] for answer in answers} == {
            "product_not_found",
            "variant_not_found",
        }

    def test_their_products_are_not_listed(self, mall: Mall, other_mall: Mall) -> None:
        add(other_mall.operator)

        assert mall.owner.get("/v1/merchant/products").json["items"] == []


class TestPointsPrice:
    def test_variant_carries_one(self, mall: Mall) -> None:
        variants = [{"title": "原味", "list_price_fen": 3000, "points_price_fen": 2500}]
        product = add(mall.operator, variants=variants).json
        path = f"/v1/merchant/variants/{product['variants'][0]['id']}"

        changed = mall.operator.patch(path, points_price_fen=2600)
        removed = mall.operator.patch(path, points_price_fen=None)

        assert product["variants"][0]["points_price_fen"] == 2500
        assert changed.json["points_price_fen"] == 2600
        assert removed.json["points_price_fen"] is None

    def test_it_is_whole_points(self, mall: Mall) -> None:
        mall.owner.patch("/v1/merchant/settings", points_per_yuan=20, reason="整数")
        variant = {"title": "原味", "list_price_fen": 3000, "points_price_fen": 2503}

        answer = add(mall.operator, variants=[variant])

        assert (answer.status_code, answer.json["code"]) == (422, "points_price_not_whole")
        assert answer.json["point_fen"] == 5
        assert mall.viewer.get("/v1/merchant/products").json["items"] == []


COUPON = {"kind": "coupon", "amount_fen": 300, "threshold_fen": 1000, "valid_days": 30}


class TestDefaultSubsidy:
    def test_campaign_that_names_none_has_it(self, mall: Mall) -> None:
        product = add(mall.operator, default_subsidy=COUPON).json
        now = real_now()
        campaign = {
            "product_id": product["id"],
            "title": "薯片",
            "starts_at": iso(now),
            "ends_at": iso(now + timedelta(days=7)),
            "budget_fen": 10_000,
            "stock_units": 10,
        }
        prices = [{"variant_id": product["variants"][0]["id"], "group_price_fen": 1990}]
        terms = {"group_size": 3, "life_seconds": 86_400, "prices": prices}
        own = terms | {"subsidy": {"kind": "cash", "amount_fen": 200}}

        default = mall.operator.post("/v1/merchant/campaigns", **campaign, terms=terms)
        named = mall.operator.post("/v1/merchant/campaigns", **campaign, terms=own)

        assert product["default_subsidy"] | COUPON == product["default_subsidy"]
        assert default.json["terms"]["subsidy"] == product["default_subsidy"]
        assert named.json["terms"]["subsidy"]["kind"] == "cash"

    def test_it_is_changed_and_taken_away(self, mall: Mall) -> None:
        path = f"/v1/merchant/products/{add(mall.operator).json['id']}"

        given = mall.operator.patch(path, default_subsidy=COUPON).json
        untouched = mall.operator.patch(path, title="薯片").json
        gone = mall.operator.patch(path, default_subsidy=None).json

        assert given["default_subsidy"]["amount_fen"] == 300
        assert untouched["default_subsidy"] == given["default_subsidy"]
        assert gone["default_subsidy"] is None

    def test_programme_is_named_by_its_public_id(self, mall: Mall) -> None:
        given = {"name": "星会员", "points_per_yuan": 20}
        programme = mall.owner.post("/v1/merchant/programmes", **given).json["id"]
        rule = {"kind": "external_points", "amount_fen": 300, "programme_id": programme}

        product = add(mall.operator, default_subsidy=rule).json

        assert product["default_subsidy"]["programme_id"] == programme

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"least_fen": 301}, "default_subsidy.least_fen"),
            ({"valid_days": 0}, "default_subsidy.valid_days"),
            ({"threshold_fen": 299}, "default_subsidy.threshold_fen"),
            ({"kind": "external_points"}, "default_subsidy.programme_id"),
        ],
    )
    def test_bad_rule_is_refused(self, mall: Mall, changes: dict[str, Any], field: str) -> None:
        answer = add(mall.operator, default_subsidy=COUPON | changes)

        assert (answer.status_code, answer.json["code"]) == (422, "terms_invalid")
        assert field in {error["field"] for error in answer.json["errors"]}
