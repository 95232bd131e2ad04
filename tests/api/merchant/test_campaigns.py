from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from api.bodies import instant
from domain import clock
from domain.database import transaction
from domain.models import AuditEntry, Campaign, RuleVersion, StateMove
from tests.api.callers import Caller, Mall
from tests.factories.products import make_product, make_variant

pytestmark = pytest.mark.transactional

PATH = "/v1/merchant/campaigns"


@pytest.fixture
def product(mall: Mall) -> dict[str, str]:
    with transaction() as session:
        product = make_product(session, mall.id)
        variant = make_variant(session, product, stock_units=1000)
    return {"id": product.public_id, "variant": variant.public_id}


def terms(product: dict[str, str], **changes: Any) -> dict[str, Any]:
    return {
        "group_size": 3,
        "life_seconds": 86_400,
        "prices": [{"variant_id": product["variant"], "group_price_fen": 1990}],
        "subsidy": {"kind": "cash", "amount_fen": 200},
        **changes,
    }


def draft(caller: Caller, product: dict[str, str], **changes: Any) -> Any:
    now = clock.real_now()
    body = {
        "product_id": product["id"],
        "title": "网红薯片三人团",
        "starts_at": instant(now),
        "ends_at": instant(now + timedelta(days=30)),
        "budget_fen": 1_000_000,
        "stock_units": 1000,
        "terms": terms(product),
    }
    return caller.post(PATH, **{**body, **changes})


def acknowledge(*codes: str) -> list[dict[str, str]]:
    return [{"code": code, "reason": "已和老板确认"} for code in codes]


def publish(caller: Caller, campaign_id: str, *codes: str) -> Any:
    return caller.post(f"{PATH}/{campaign_id}/publication", acknowledged=acknowledge(*codes))


def versions_of(mall: Mall) -> list[RuleVersion]:
    with transaction() as session:
        return list(
            session.scalars(
                select(RuleVersion)
                .where(RuleVersion.merchant_id == mall.id)
                .order_by(RuleVersion.number)
            )
        )


class TestDrafting:
    def test_draft_has_its_terms_and_the_default_limits(
        self, mall: Mall, product: dict[str, str]
    ) -> None:
        answer = draft(mall.operator, product)

        assert answer.status_code == 201
        assert answer.json["state"] == "draft"
        assert answer.json["product_id"] == product["id"]
        given = terms(product)
        assert answer.json["terms"] == {
            **given,
            "subsidy": {
                "least_fen": None,
                "new_shopper_fen": 0,
                "invite_fen": 0,
                "invites_most": 0,
                "delay_seconds": 0,
                "threshold_fen": 0,
                "valid_days": 0,
                "programme_id": None,
                **given["subsidy"],
            },
            "limits": {"open_groups": 5, "participations_per_day": 5, "expired_holds_per_day": 10},
            "reward": {"formed_fen": 0, "failed_fen": 0, "threshold_fen": 0, "valid_days": 30},
            "caps": {
                "day_fen": None,
                "month_fen": None,
                "day_failures": None,
                "month_failures": None,
                "failures": None,
            },
            "levers": {
                "full_from_seats": 1,
                "consolation_fen": 0,
                "least_paid_seconds": 0,
                "is_pool_open": True,
            },
        }

    def test_draft_keeps_every_rule_it_is_given(self, mall: Mall, product: dict[str, str]) -> None:
        rules = {
            "subsidy": {
                "kind": "coupon",
                "amount_fen": 300,
                "least_fen": 100,
                "new_shopper_fen": 50,
                "invite_fen": 20,
                "invites_most": 2,
                "delay_seconds": 3600,
                "threshold_fen": 1000,
                "valid_days": 30,
                "programme_id": None,
            },
            "reward": {
                "formed_fen": 500,
                "failed_fen": 300,
                "threshold_fen": 0,
                "valid_days": 14,
            },
            "caps": {
                "day_fen": 1000,
                "month_fen": 5000,
                "day_failures": 2,
                "month_failures": 9,
                "failures": 20,
            },
            "levers": {
                "full_from_seats": 2,
                "consolation_fen": 50,
                "least_paid_seconds": 600,
                "is_pool_open": False,
            },
        }

        answer = draft(mall.operator, product, terms=terms(product) | rules)

        assert answer.status_code == 201, answer.json
        assert {name: answer.json["terms"][name] for name in rules} == rules
        assert (answer.json["rule_version"], answer.json["published"]) == (None, None)
        assert (answer.json["committed_fen"], answer.json["spent_fen"]) == (0, 0)
        assert answer.json["totals"]["groups_opened"] == 0

    def test_shoppers_do_not_see_a_draft(self, mall: Mall, product: dict[str, str]) -> None:
        campaign_id = draft(mall.operator, product).json["id"]

        assert mall.shopper.get("/v1/campaigns").json["items"] == []
        assert mall.shopper.get(f"/v1/campaigns/{campaign_id}").status_code == 404

    def test_viewer_may_not_draft(self, mall: Mall, product: dict[str, str]) -> None:
        assert draft(mall.viewer, product).status_code == 403

    def test_draft_is_changed_in_part(self, mall: Mall, product: dict[str, str]) -> None:
        campaign = draft(mall.operator, product).json

        answer = mall.operator.patch(
            f"{PATH}/{campaign['id']}",
            title="五人团",
            budget_fen=5,
            terms={"group_size": 5, "limits": {"open_groups": 2}},
        )

        assert answer.status_code == 200
        assert (answer.json["title"], answer.json["budget_fen"]) == ("五人团", 5)
        assert answer.json["terms"]["group_size"] == 5
        assert answer.json["terms"]["prices"] == campaign["terms"]["prices"]
        assert answer.json["terms"]["limits"] == {
            "open_groups": 2,
            "participations_per_day": 5,
            "expired_holds_per_day": 10,
        }

    def test_moving_a_drafts_window_moves_the_campaign(
        self, mall: Mall, product: dict[str, str]
    ) -> None:
        campaign = draft(mall.operator, product).json
        later = instant(clock.real_now() + timedelta(days=60))

        answer = mall.operator.patch(f"{PATH}/{campaign['id']}", ends_at=later)

        assert answer.json["ends_at"] == later
        with transaction() as session:
            row = session.scalars(
                select(Campaign).where(Campaign.public_id == campaign["id"])
            ).one()
        assert instant(row.ends_at) == later

    @pytest.mark.parametrize(
        ("changes", "code", "field"),
        [
            ({"group_size": 1}, "out_of_range", "terms.group_size"),
            ({"group_size": 101}, "out_of_range", "terms.group_size"),
            ({"life_seconds": 599}, "out_of_range", "terms.life_seconds"),
            ({"subsidy": {"amount_fen": 0}}, "out_of_range", "terms.subsidy.amount_fen"),
            (
                {"subsidy": {"amount_fen": 1990}},
                "subsidy_not_below_price",
                "terms.subsidy.amount_fen",
            ),
            ({"subsidy": {"kind": "gold", "amount_fen": 1}}, "not_a_choice", "terms.subsidy.kind"),
            ({"prices": []}, "wrong_length", "terms.prices"),
            ({"limits": {"open_groups": 0}}, "out_of_range", "terms.limits.open_groups"),
        ],
    )
    def test_impossible_terms_are_refused(
        self, mall: Mall, product: dict[str, str], changes: dict[str, Any], code: str, field: str
    ) -> None:
        answer = draft(mall.operator, product, terms=terms(product, **changes))

        assert answer.status_code == 422
        assert answer.json["field"] == field
        assert answer.json["errors"][0]["code"] == code

    def test_window_must_end_after_it_starts(self, mall: Mall, product: dict[str, str]) -> None:
        now = clock.real_now()

        answer = draft(mall.operator, product, starts_at=instant(now), ends_at=instant(now))

        assert answer.status_code == 422
        assert answer.json["code"] == "terms_invalid"
        assert answer.json["errors"] == [
            {"field": "ends_at", "code": "before_start", "detail": "This must be after the start"}
        ]

    def test_instant_without_an_offset_is_refused(
        self, mall: Mall, product: dict[str, str]
    ) -> None:
        answer = draft(mall.operator, product, ends_at="2027-01-01T00:00:00")

        assert answer.status_code == 422
        assert answer.json["errors"][0]["code"] == "not_an_instant"

    def test_price_of_another_products_variant_is_refused(
        self, mall: Mall, product: dict[str, str]
    ) -> None:
        with transaction() as session:
            stranger = make_variant(session, make_product(session, mall.id))
        prices = [{"variant_id": stranger.public_id, "group_price_fen": 1990}]

        answer = draft(mall.operator, product, terms=terms(product, prices=prices))

        assert answer.status_code == 422
        assert answer.json["errors"][0]["code"] == "not_a_variant"

    def test_variant_priced_twice_is_refused(self, mall: Mall, product: dict[str, str]) -> None:
        price = {"variant_id": product["variant"], "group_price_fen": 1990}

        answer = draft(mall.operator, product, terms=terms(product, prices=[price, price]))

        assert answer.json["errors"][0]["code"] == "twice"

    def test_unknown_product_is_refused(self, mall: Mall, product: dict[str, str]) -> None:
        answer = draft(mall.operator, {**product, "id": "0" * 20})

        assert answer.status_code == 404
        assert answer.json["code"] == "product_not_found"

    def test_budget_may_not_fall_below_what_is_promised(
        self, mall: Mall, product: dict[str, str]
    ) -> None:
        campaign = draft(mall.operator, product).json
        with transaction() as session:
            session.execute(
                text(
                    "UPDATE campaigns SET committed_fen = 900, spent_fen = 100,"
                    " stock_committed = 6 WHERE public_id = :id"
                ),
                {"id": campaign["id"]},
            )

        money = mall.operator.patch(f"{PATH}/{campaign['id']}", budget_fen=999)
        units = mall.operator.patch(f"{PATH}/{campaign['id']}", stock_units=5)
        fine = mall.operator.patch(f"{PATH}/{campaign['id']}", budget_fen=1000, stock_units=6)

        assert (money.status_code, money.json["code"]) == (409, "budget_below_commitments")
        assert money.json["bound_fen"] == 1000
        assert (units.status_code, units.json["code"]) == (409, "stock_below_commitments")
        assert fine.status_code == 200


class TestChecking:
    def test_check_shows_warnings_and_the_text(self, mall: Mall, product: dict[str, str]) -> None:
        campaign_id = draft(
            mall.operator,
            product,
            terms=terms(product, subsidy={"kind": "cash", "amount_fen": 1000}),
        ).json["id"]

        answer = mall.viewer.get(f"{PATH}/{campaign_id}/check").json

        assert [(w["code"], w["severity"]) for w in answer["warnings"]] == [
            ("subsidy_rewards_failing", "red"),
            ("no_subsidy_cap", "amber"),
        ]
        assert "4.23 yuan" in answer["warnings"][0]["sentence"]
        assert any("10 元现金补贴" in line for line in answer["rules_text_zh"])
        assert any("10 yuan" in line for line in answer["rules_text_en"])


class TestPublishing:
    def test_acknowledged_draft_is_published_as_version_one(
        self, mall: Mall, product: dict[str, str]
    ) -> None:
        campaign_id = draft(mall.operator, product).json["id"]

        answer = publish(mall.operator, campaign_id, "no_subsidy_cap")

        assert answer.status_code == 201
        assert (answer.json["state"], answer.json["rule_version"]) == ("published", 1)
        assert answer.json["has_unpublished_changes"] is False
        assert answer.json["published"]["acknowledged"] == [
            {"code": "no_subsidy_cap", "severity": "amber", "reason": "已和老板确认"}
        ]
        (version,) = versions_of(mall)
        assert version.terms["group_size"] == 3
        assert version.published_by == mall.staff["operator"].id
        assert any("19.9" in line for line in version.text_zh)

    def test_publication_is_a_recorded_move_and_is_audited(
        self, mall: Mall, product: dict[str, str]
    ) -> None:
        campaign_id = draft(mall.operator, product).json["id"]

        publish(mall.operator, campaign_id, "no_subsidy_cap")

        with transaction() as session:
            move = session.scalars(
                select(StateMove).where(
                    StateMove.merchant_id == mall.id, StateMove.machine == "campaign"
                )
            ).one()
            entry = session.scalars(
                select(AuditEntry).where(
                    AuditEntry.merchant_id == mall.id,
                    AuditEntry.action == "campaign.published",
                )
            ).one()
        assert (move.from_state, move.to_state) == ("draft", "published")
        assert move.actor == f"staff:{mall.staff['operator'].id}"
        assert entry.reason == "no_subsidy_cap: 已和老板确认"

    def test_warning_without_acknowledgement_stops_it(
        self, mall: Mall, product: dict[str, str]
    ) -> None:
        campaign_id = draft(mall.operator, product).json["id"]

        answer = publish(mall.operator, campaign_id)

        assert answer.status_code == 409
        assert answer.json["code"] == "warnings_not_acknowledged"
        assert [w["code"] for w in answer.json["warnings"]] == ["no_subsidy_cap"]
        assert "cap" in answer.json["warnings"][0]["sentence"]
        assert versions_of(mall) == []

    def test_empty_reason_acknowledges_nothing(self, mall: Mall, product: dict[str, str]) -> None:
        campaign_id = draft(mall.operator, product).json["id"]

        answer = mall.operator.post(
            f"{PATH}/{campaign_id}/publication",
            acknowledged=[{"code": "no_subsidy_cap", "reason": "  "}],
        )

        assert answer.status_code == 422
        assert answer.json["field"] == "acknowledged.0.reason"

    def test_red_warning_needs_an_owner(self, mall: Mall, product: dict[str, str]) -> None:
        risky = terms(product, subsidy={"kind": "cash", "amount_fen": 1000})
        campaign_id = draft(mall.operator, product, terms=risky).json["id"]
        codes = ("no_subsidy_cap", "subsidy_rewards_failing")

        refused = publish(mall.operator, campaign_id, *codes)
        accepted = publish(mall.owner, campaign_id, *codes)

        assert (refused.status_code, refused.json["code"]) == (403, "role_too_low")
        assert accepted.status_code == 201

    def test_viewer_may_not_publish(self, mall: Mall, product: dict[str, str]) -> None:
        campaign_id = draft(mall.operator, product).json["id"]

        assert publish(mall.viewer, campaign_id, "no_subsidy_cap").status_code == 403

    def test_the_same_rules_are_not_published_twice(
        self, mall: Mall, product: dict[str, str]
    ) -> None:
        campaign_id = draft(mall.operator, product).json["id"]
        publish(mall.operator, campaign_id, "no_subsidy_cap")

        again = publish(mall.operator, campaign_id, "no_subsidy_cap")

        assert (again.status_code, again.json["code"]) == (409, "nothing_to_publish")
        assert len(versions_of(mall)) == 1

    def test_change_of_a_published_campaign_waits_for_a_new_version(
        self, mall: Mall, product: dict[str, str]
    ) -> None:
        campaign_id = draft(mall.operator, product).json["id"]
        publish(mall.operator, campaign_id, "no_subsidy_cap")

        changed = mall.operator.patch(f"{PATH}/{campaign_id}", terms={"group_size": 2}).json
        shown = mall.shopper.get(f"/v1/campaigns/{campaign_id}").json
        published = publish(mall.operator, campaign_id, "no_subsidy_cap").json

        assert changed["has_unpublished_changes"] is True
        assert changed["published"]["terms"]["group_size"] == 3
        assert shown["group_size"] == 3
        assert (published["state"], published["rule_version"]) == ("published", 2)
        assert [v.terms["group_size"] for v in versions_of(mall)] == [3, 2]

    def test_rule_version_cannot_be_changed_by_any_serving_role(
        self, mall: Mall, product: dict[str, str]
    ) -> None:
        campaign_id = draft(mall.operator, product).json["id"]
        publish(mall.operator, campaign_id, "no_subsidy_cap")

        with pytest.raises(Exception, match="permission denied"), transaction() as session:
            session.execute(text("UPDATE rule_versions SET terms = '{}'"))

    def test_campaign_that_is_over_is_not_published(
        self, mall: Mall, product: dict[str, str]
    ) -> None:
        now = clock.real_now()
        campaign_id = draft(
            mall.operator,
            product,
            starts_at=instant(now - timedelta(days=2)),
            ends_at=instant(now + timedelta(minutes=29)),
        ).json["id"]

        answer = publish(mall.operator, campaign_id, "no_subsidy_cap")

        assert (answer.status_code, answer.json["code"]) == (422, "campaign_window_past")


class TestMoving:
    @pytest.fixture
    def published(self, mall: Mall, product: dict[str, str]) -> str:
        campaign_id: str = draft(mall.operator, product).json["id"]
        publish(mall.operator, campaign_id, "no_subsidy_cap")
        return campaign_id

    @pytest.mark.parametrize("change", [{"budget_fen": 2_000_000}, {"stock_units": 1001}])
    def test_more_money_or_stock_needs_a_reason(
        self, mall: Mall, published: str, change: dict[str, int]
    ) -> None:
        refused = mall.operator.patch(f"{PATH}/{published}", **change)
        kept = mall.viewer.get(f"{PATH}/{published}").json
        granted = mall.operator.patch(f"{PATH}/{published}", **change, reason="卖得好")

        assert (refused.status_code, refused.json["code"]) == (422, "reason_missing")
        assert (refused.json["field"], refused.json["detail"]) == (
            "reason",
            "Say why: this change needs a reason",
        )
        assert (kept["budget_fen"], kept["stock_units"]) == (1_000_000, 1000)
        assert granted.json.items() >= change.items()

    def test_change_of_nothing_needs_no_reason_and_is_not_audited(
        self, mall: Mall, published: str
    ) -> None:
        same = {"budget_fen": 1_000_000, "stock_units": 1000}

        answers = [
            mall.operator.call("PATCH", f"{PATH}/{published}", json=body) for body in ({}, same)
        ]

        assert [answer.status_code for answer in answers] == [200, 200]
        with transaction() as session:
            changes = session.scalars(
                select(AuditEntry).where(
                    AuditEntry.merchant_id == mall.id, AuditEntry.action == "campaign.changed"
                )
            ).all()
        assert changes == []

    def test_campaign_is_paused_resumed_and_ended(self, mall: Mall, published: str) -> None:
        states = [
            mall.operator.post(f"{PATH}/{published}/{verb}", reason="调整").json["state"]
            for verb in ("pause", "resumption", "pause", "end")
        ]

        assert states == ["paused", "published", "paused", "ended"]
        with transaction() as session:
            moves = session.scalars(
                select(StateMove)
                .where(StateMove.merchant_id == mall.id, StateMove.machine == "campaign")
                .order_by(StateMove.id)
            ).all()
        assert [move.to_state for move in moves] == [
            "published",
            "paused",
            "published",
            "paused",
            "ended",
        ]

    def test_paused_campaign_is_not_listed_but_can_be_seen(
        self, mall: Mall, published: str
    ) -> None:
        mall.operator.post(f"{PATH}/{published}/pause", reason="缺货")

        assert mall.shopper.get("/v1/campaigns").json["items"] == []
        assert mall.shopper.get(f"/v1/campaigns/{published}").json["state"] == "paused"

    @pytest.mark.parametrize("verb", ["resumption"])
    def test_illegal_move_is_refused(self, mall: Mall, published: str, verb: str) -> None:
        answer = mall.operator.post(f"{PATH}/{published}/{verb}", reason="x")

        assert (answer.status_code, answer.json["code"]) == (409, "campaign_not_movable")
        assert answer.json["state"] == "published"

    def test_draft_cannot_be_moved_into_sale_past_publishing(
        self, mall: Mall, product: dict[str, str]
    ) -> None:
        campaign_id = draft(mall.operator, product).json["id"]

        answers = [
            mall.operator.post(f"{PATH}/{campaign_id}/{verb}", reason="x").status_code
            for verb in ("resumption", "pause", "end")
        ]

        assert answers == [409, 409, 409]

    def test_ended_campaign_is_neither_changed_nor_published(
        self, mall: Mall, published: str
    ) -> None:
        mall.operator.post(f"{PATH}/{published}/end", reason="卖完")

        changed = mall.operator.patch(f"{PATH}/{published}", title="x")
        checked = mall.operator.get(f"{PATH}/{published}/check")
        resumed = mall.operator.post(f"{PATH}/{published}/resumption", reason="x")

        assert (changed.status_code, changed.json["code"]) == (409, "campaign_over")
        assert (checked.status_code, checked.json["code"]) == (409, "campaign_over")
        assert resumed.status_code == 409

    def test_reason_is_required(self, mall: Mall, published: str) -> None:
        answer = mall.operator.post(f"{PATH}/{published}/pause")

        assert answer.status_code == 422
        assert answer.json["field"] == "reason"

    def test_viewer_may_not_move(self, mall: Mall, published: str) -> None:
        assert mall.viewer.post(f"{PATH}/{published}/pause", reason="x").status_code == 403


class TestOtherMerchants:
    def test_their_campaigns_do_not_exist(
        self, mall: Mall, other_mall: Mall, product: dict[str, str]
    ) -> None:
        campaign_id = draft(mall.operator, product).json["id"]
        path = f"{PATH}/{campaign_id}"

        answers = [
            other_mall.owner.get(path),
            other_mall.owner.patch(path, title="x"),
            other_mall.owner.get(f"{path}/check"),
            other_mall.owner.get(f"{path}/rules"),
            other_mall.owner.get(f"{path}/rules/1"),
            other_mall.owner.post(f"{path}/publication", acknowledged=[]),
            other_mall.owner.post(f"{path}/pause", reason="x"),
            other_mall.owner.post(f"{path}/end", reason="x"),
        ]

        assert [answer.status_code for answer in answers] == [404] * 8
        assert {answer.json["code"] for answer in answers} == {"campaign_not_found"}

    def test_their_product_cannot_be_put_into_mine(
        self, other_mall: Mall, product: dict[str, str]
    ) -> None:
        answer = draft(other_mall.operator, product)

        assert (answer.status_code, answer.json["code"]) == (404, "product_not_found")


def test_campaigns_are_listed_by_state_page_by_page(mall: Mall, product: dict[str, str]) -> None:
    first = draft(mall.operator, product, title="一").json["id"]
    draft(mall.operator, product, title="二")
    draft(mall.operator, product, title="三")
    publish(mall.operator, first, "no_subsidy_cap")

    page = mall.viewer.get(PATH, limit=2).json
    rest = mall.viewer.get(PATH, limit=2, cursor=page["next_cursor"]).json
    drafts = mall.viewer.get(PATH, state="draft").json

    assert [item["title"] for item in page["items"]] == ["三", "二"]
    assert [item["title"] for item in rest["items"]] == ["一"]
    assert [item["title"] for item in drafts["items"]] == ["三", "二"]
    assert mall.viewer.get(PATH, state="sold").status_code == 422
