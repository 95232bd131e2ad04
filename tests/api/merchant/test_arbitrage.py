from typing import Any

import pytest

from domain.database import transaction
from domain.models import Variant
from domain.terms import Levers
from tests.api.callers import Caller, Mall
from tests.factories.campaigns import MadeCampaign, make_campaign
from tests.factories.products import make_product, make_variant

pytestmark = pytest.mark.transactional

PATH = "/v1/merchant/arbitrage"
CHIPS = {
    "list_price_fen": 3000,
    "group_price_fen": 1990,
    "group_size": 3,
    "life_seconds": 86_400,
    "subsidy": {"kind": "cash", "amount_fen": 1000},
}


def ask(caller: Caller, **changes: Any) -> Any:
    return caller.post(PATH, **{**CHIPS, **changes})


def lukewarm(answer: Any) -> dict[str, Any]:
    return next(buyer for buyer in answer.json["buyers"] if buyer["name"] == "lukewarm")


class TestDrafts:
    @pytest.fixture
    def campaign(self, mall: Mall) -> MadeCampaign:
        """Chips at 19.9, of list price 30 or 60; who fails gets 10; no strangers join."""
        with transaction() as session:
            product = make_product(session, mall.id)
            large = make_variant(session, product, title="大包", list_price_fen=6000)
            small = make_variant(session, product, title="小包", list_price_fen=3000)
            return make_campaign(
                session,
                mall.id,
                product=product,
                variants=(large, small),
                group_price_fen=1990,
                subsidy_fen=1000,
                levers=Levers(is_pool_open=False),
            )

    def show(self, caller: Caller, campaign: MadeCampaign) -> Any:
        return caller.get(f"/v1/merchant/campaigns/{campaign.public_id}/arbitrage")

    def test_founding_documents_own_case_is_red(self, mall: Mall, campaign: MadeCampaign) -> None:
        answer = self.show(mall.viewer, campaign)

        assert answer.status_code == 200
        assert answer.json["verdict"] == "red"
        assert answer.json["sentence"] == (
            "A lukewarm buyer gains 3.96 yuan more by not sharing. "
            "Lower the subsidy to 4.39 yuan (3.07 yuan leaves a margin) "
            "or require a second paid seat."
        )
        assert [(one["title"], one["verdict"]) for one in answer.json["variants"]] == [
            ("小包", "red"),
            ("大包", "green"),
        ]
        worst = answer.json["variants"][0]
        assert worst["buyers"][2] == {
            "name": "lukewarm",
            "value_fen": 2500,
            "share_fen": 604,
            "hide_fen": 1000,
            "edge_fen": -396,
            "largest_safe_fen": 439,
        }
        assert worst["farmer"] == {"gain_fen": 1000, "losing_from_bps": 3344}
        assert (worst["formed_if_shared_bps"], worst["formed_if_hidden_bps"]) == (7068, 0)
        assert worst["success_bps"] == 6008

    def test_variants_are_named_by_their_ids(self, mall: Mall, campaign: MadeCampaign) -> None:
        ids = {one["id"] for one in self.show(mall.viewer, campaign).json["variants"]}

        with transaction() as session:
            rows = session.query(Variant).filter_by(merchant_id=mall.id)
            assert ids == {row.public_id for row in rows}

    def test_draft_counts_not_what_is_published(self, mall: Mall, campaign: MadeCampaign) -> None:
        path = f"/v1/merchant/campaigns/{campaign.public_id}"
        changed = mall.operator.patch(path, terms={"subsidy": {"kind": "cash", "amount_fen": 300}})
        assert changed.status_code == 200

        assert self.show(mall.viewer, campaign).json["verdict"] == "green"

    def test_sentence_is_in_the_language_asked_for(
        self, mall: Mall, campaign: MadeCampaign
    ) -> None:
        chinese = Caller(mall.viewer.client, mall.viewer.token, language="zh-CN")

        assert "不分享反而多得 3.96 元" in self.show(chinese, campaign).json["sentence"]

    def test_sentence_says_that_a_farm_takes_the_extra_once_per_account(
        self, mall: Mall, campaign: MadeCampaign
    ) -> None:
        path = f"/v1/merchant/campaigns/{campaign.public_id}"
        subsidy = {"kind": "cash", "amount_fen": 300, "new_shopper_fen": 200}
        assert mall.operator.patch(path, terms={"subsidy": subsidy}).status_code == 200
        chinese = Caller(mall.viewer.client, mall.viewer.token, language="zh-CN")

        told = self.show(mall.viewer, campaign).json["sentence"]

        assert "safe limit of 4.39 yuan. The extra of 2 yuan for new shoppers" in told
        assert told.endswith("a farm takes it once per account.")
        assert "每个账号都能拿一次" in self.show(chinese, campaign).json["sentence"]

    def test_publishing_warns_by_the_same_verdict(self, mall: Mall, campaign: MadeCampaign) -> None:
        path = f"/v1/merchant/campaigns/{campaign.public_id}/check"

        warning = mall.viewer.get(path).json["warnings"][0]

        assert (warning["code"], warning["severity"]) == ("subsidy_rewards_failing", "red")
        assert "小包" in warning["sentence"]
        assert "3.96 yuan" in warning["sentence"]

    def test_anothers_campaign_is_not_found(
        self, mall: Mall, other_mall: Mall, campaign: MadeCampaign
    ) -> None:
        assert self.show(other_mall.owner, campaign).status_code == 404


class TestOffers:
    def test_offer_is_tested_as_a_draft_is(self, mall: Mall) -> None:
        answer = ask(mall.viewer)

        assert answer.status_code == 200
        assert (answer.json["verdict"], answer.json["code"]) == ("red", "hiding_pays")
        assert lukewarm(answer)["edge_fen"] == -396

    def test_second_paid_seat_is_a_remedy(self, mall: Mall) -> None:
        answer = ask(mall.viewer, levers={"is_full_from_two_seats": True})

        assert answer.json["verdict"] == "green"
        assert lukewarm(answer)["hide_fen"] == 0
        assert lukewarm(answer)["largest_safe_fen"] is None
        assert answer.json["farmer"]["gain_fen"] == 0

    def test_organic_pool_makes_farming_lose(self, mall: Mall) -> None:
        answer = ask(
            mall.viewer,
            levers={"is_organic_pool_on": True},
            assumptions={"organic_milli_per_hour": 60},
        )

        assert answer.json["formed_if_hidden_bps"] == 5045
        assert answer.json["farmer"]["gain_fen"] == -509

    def test_behaviour_is_chosen_and_may_be_changed_in_part(self, mall: Mall) -> None:
        formed = [
            ask(mall.viewer, behaviour=name).json["formed_if_shared_bps"]
            for name in ("cold_start", "warm", "viral")
        ]
        changed = ask(mall.viewer, behaviour="cold_start", assumptions={"conversions_milli": 2190})

        assert formed == [5102, 7068, 8305]
        assert 5102 < changed.json["formed_if_shared_bps"] < 7068

    def test_random_subsidy_and_extras_are_understood(self, mall: Mall) -> None:
        safe = {"kind": "cash", "amount_fen": 300, "largest_fen": 500}
        extra = {**CHIPS["subsidy"], "per_invite_fen": 200, "most_invites": 2}  # type: ignore[dict-item]

        assert ask(mall.viewer, subsidy=safe).json["code"] == "largest_unsafe"
        assert lukewarm(ask(mall.viewer, subsidy=extra))["edge_fen"] == -360
        assert lukewarm(ask(mall.viewer, reward={"on_forming_fen": 500}))["edge_fen"] > -100

    @pytest.mark.parametrize("language", ["en", "zh"])
    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"subsidy": {"amount_fen": 200}}, "sharing_pays"),
            ({"subsidy": {"amount_fen": 0}}, "hiding_pays_nothing"),
            ({"levers": {"is_full_from_two_seats": True}}, "hiding_pays_nothing"),
            ({"subsidy": {"amount_fen": 400}}, "near_limit"),
            ({"subsidy": {"amount_fen": 300, "largest_fen": 500}}, "largest_unsafe"),
            ({}, "hiding_pays"),
            (
                {
                    "levers": {"is_full_from_two_seats": True, "is_organic_pool_on": True},
                    "subsidy": {"amount_fen": 1900},
                },
                "hiding_pays_paired",
            ),
            ({"group_price_fen": 2600}, "hiding_always_pays"),
        ],
    )
    def test_each_outcome_has_its_sentence(
        self, mall: Mall, changes: dict[str, Any], code: str, language: str
    ) -> None:
        answer = ask(Caller(mall.viewer.client, mall.viewer.token, language), **changes)

        assert answer.json["code"] == code
        assert len(answer.json["sentence"]) > 20
        assert "{" not in answer.json["sentence"]

    @pytest.mark.parametrize(
        ("changes", "field", "code"),
        [
            ({"subsidy": {"amount_fen": 1990}}, "subsidy.amount_fen", "subsidy_not_below_price"),
            (
                {"subsidy": {"amount_fen": 5, "largest_fen": 1990}},
                "subsidy.largest_fen",
                "subsidy_not_below_price",
            ),
            (
                {"subsidy": {"amount_fen": 5, "largest_fen": 4}},
                "subsidy.largest_fen",
                "out_of_range",
            ),
            ({"subsidy": {"amount_fen": -1}}, "subsidy.amount_fen", "out_of_range"),
            ({"subsidy": {"amount_fen": 1, "kind": "gold"}}, "subsidy.kind", "not_a_choice"),
            ({"group_size": 101}, "group_size", "out_of_range"),
            ({"life_seconds": 599}, "life_seconds", "out_of_range"),
            ({"behaviour": "hot"}, "behaviour", "not_a_choice"),
            ({"assumptions": {"delay_seconds": 0}}, "assumptions.delay_seconds", "out_of_range"),
        ],
    )
    def test_senseless_offers_are_refused(
        self, mall: Mall, changes: dict[str, Any], field: str, code: str
    ) -> None:
        answer = ask(mall.viewer, **changes)

        assert answer.status_code == 422
        assert [(one["field"], one["code"]) for one in answer.json["errors"]] == [(field, code)]

    def test_shoppers_may_not_ask(self, mall: Mall) -> None:
        assert ask(mall.shopper).status_code == 401
