from datetime import datetime

import pytest

from console.drafting import Draft

PRODUCT = {
    "id": "P",
    "title": "薯片",
    "variants": [
        {"id": "A", "list_price_fen": 3000},
        {"id": "B", "list_price_fen": 4000},
    ],
}


def draft() -> Draft:
    return Draft(
        product=PRODUCT,
        title="薯片拼团",
        prices_fen={"A": 1990, "B": 2500},
        starts_at=datetime(2026, 11, 22, 0, 0),  # noqa: DTZ001 - typed in China's time
        ends_at=datetime(2026, 12, 1, 0, 0),  # noqa: DTZ001
        group_size=3,
        subsidy={"kind": "cash", "amount_fen": 500},
        budget_fen=100_000,
    )


def test_the_worst_group_costs_everybodys_subsidy() -> None:
    assert draft().worst_group_fen == 1500
    assert draft().groups_in_budget == 66


def test_the_worst_group_costs_extras_and_the_larger_reward_too() -> None:
    made = draft()
    made.subsidy |= {"new_shopper_fen": 100, "invite_fen": 50, "invites_most": 2}
    made.reward = {"formed_fen": 500, "failed_fen": 300}

    assert made.worst_group_fen == 3 * (700 + 500)


def test_the_subsidy_is_held_against_the_smallest_price_gap() -> None:
    made = draft()

    assert made.smallest_gap_fen == 1010
    assert made.gap_share_bps == 4950


def test_no_gap_is_never_safe() -> None:
    made = draft()
    made.prices_fen["A"] = 3000

    assert made.gap_share_bps is None


def test_the_offer_is_of_the_variant_with_the_smallest_gap() -> None:
    made = draft()
    made.prices_fen["A"] = 1000
    made.subsidy = {"kind": "points", "amount_fen": 500, "least_fen": 300}
    made.levers = {"full_from_seats": 3, "consolation_fen": 100, "is_pool_open": False}

    offer = made.offer()

    assert (offer["list_price_fen"], offer["group_price_fen"]) == (4000, 2500)
    assert offer["subsidy"] == {
        "kind": "points",
        "amount_fen": 400,
        "largest_fen": 500,
        "per_invite_fen": 0,
        "most_invites": 0,
    }
    assert offer["levers"] == {
        "is_full_from_two_seats": True,
        "consolation_fen": 100,
        "paid_before_deadline_seconds": 0,
        "is_organic_pool_on": False,
    }


def test_the_body_is_in_the_apis_units() -> None:
    body = draft().body()

    assert body["starts_at"] == "2026-11-21T16:00:00Z"
    assert body["ends_at"] == "2026-11-30T16:00:00Z"
    assert body["terms"]["life_seconds"] == 86_400
    assert body["terms"]["prices"] == [
        {"variant_id": "A", "group_price_fen": 1990},
        {"variant_id": "B", "group_price_fen": 2500},
    ]
    assert body["terms"]["subsidy"] == {"kind": "cash", "amount_fen": 500}


def test_a_draft_without_product_has_no_body() -> None:
    with pytest.raises(ValueError, match="without product"):
        Draft().body()


def test_an_existing_campaign_is_taken_up_unchanged() -> None:
    body = draft().body()
    body["terms"] |= {"caps": {"day_fen": 900}, "reward": {"formed_fen": 500}}
    body["terms"]["subsidy"] = {"kind": "coupon", "amount_fen": 400, "valid_days": 7}
    campaign = {**body, "id": "C", "state": "draft"}

    again = Draft.of(campaign, PRODUCT).body()

    assert again == {key: value for key, value in body.items() if key != "product_id"}


def test_budget_and_stock_of_a_published_campaign_are_no_part_of_its_draft() -> None:
    body = draft().body()

    again = Draft.of({**body, "id": "C", "state": "published"}, PRODUCT).body()

    assert {*body} - {*again} == {"product_id", "budget_fen", "stock_units"}
