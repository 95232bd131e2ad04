import pytest
from sqlalchemy import select

from domain.clock import real_now
from domain.database import transaction
from domain.models import AuditEntry, MerchantSettings, PointLot
from domain.terms import SubsidyKind, SubsidyRule
from tests.api.callers import Mall
from tests.api.stages import stage_of
from tests.factories.products import make_product, make_variant
from tests.factories.shoppers import make_shopper

pytestmark = pytest.mark.transactional

PATH = "/v1/merchant/settings"
FIRST = {
    "daily_subsidy_cap_fen": None,
    "monthly_subsidy_cap_fen": None,
    "daily_failures_cap": None,
    "monthly_failures_cap": None,
    "points_per_yuan": 100,
    "points_valid_days": 365,
    "goodwill_budget_fen": 0,
    "approval_limit_fen": None,
    "is_withdrawal_on": True,
    "withdrawal_max_fen": 20_000,
    "withdrawal_daily_fen": 200_000,
    "withdrawal_tax_bps": 0,
    "withdrawal_tax_category": "undetermined",
}


def test_there_is_no_cap_until_one_is_set(mall: Mall) -> None:
    assert mall.viewer.get(PATH).json == FIRST


def test_owner_sets_the_cap_with_a_reason(mall: Mall) -> None:
    answer = mall.owner.patch(PATH, daily_subsidy_cap_fen=5000, reason="防刷单")

    assert answer.json == FIRST | {"daily_subsidy_cap_fen": 5000}
    with transaction() as session:
        kept = session.scalars(
            select(MerchantSettings).where(MerchantSettings.merchant_id == mall.id)
        ).one()
        entry = session.scalars(select(AuditEntry).where(AuditEntry.merchant_id == mall.id)).one()
    assert kept.daily_subsidy_cap_fen == 5000
    assert (entry.action, entry.reason) == ("settings.changed", "防刷单")
    assert (entry.before, entry.after) == (
        {"daily_subsidy_cap_fen": None},
        {"daily_subsidy_cap_fen": 5000},
    )


def test_cap_is_lifted(mall: Mall) -> None:
    mall.owner.patch(PATH, daily_subsidy_cap_fen=5000, reason="防刷单")

    assert mall.owner.patch(PATH, daily_subsidy_cap_fen=None, reason="不限").json == FIRST


def test_owner_sets_the_rules_of_withdrawals(mall: Mall) -> None:
    rules = {
        "is_withdrawal_on": False,
        "withdrawal_max_fen": 199_999,
        "withdrawal_daily_fen": 500_000,
        "withdrawal_tax_bps": 2000,
        "withdrawal_tax_category": "偶然所得",
    }

    answer = mall.owner.patch(PATH, **rules, reason="税务顾问意见")

    assert answer.json == FIRST | rules
    with transaction() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.merchant_id == mall.id)).one()
    assert entry.after == rules


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_only_owners_set_the_cap(mall: Mall, role: str) -> None:
    answer = getattr(mall, role).patch(PATH, daily_subsidy_cap_fen=1, reason="x")

    assert answer.status_code == 403
    assert answer.json["required"] == "owner"


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"daily_subsidy_cap_fen": -1, "reason": "x"}, "daily_subsidy_cap_fen", "out_of_range"),
        ({"daily_subsidy_cap_fen": 10}, "reason", "required"),
        ({"withdrawal_max_fen": 9, "reason": "x"}, "withdrawal_max_fen", "out_of_range"),
        ({"withdrawal_max_fen": 200_000, "reason": "x"}, "withdrawal_max_fen", "out_of_range"),
        ({"withdrawal_daily_fen": 9, "reason": "x"}, "withdrawal_daily_fen", "out_of_range"),
        ({"withdrawal_tax_bps": 10_000, "reason": "x"}, "withdrawal_tax_bps", "out_of_range"),
        ({"withdrawal_tax_bps": True, "reason": "x"}, "withdrawal_tax_bps", "not_an_integer"),
        ({"is_withdrawal_on": 1, "reason": "x"}, "is_withdrawal_on", "not_a_boolean"),
    ],
)
def test_bad_input_names_field_and_code(
    mall: Mall, body: dict[str, object], field: str, code: str
) -> None:
    answer = mall.owner.patch(PATH, **body)

    assert answer.status_code == 422
    assert (answer.json["field"], answer.json["errors"][0]["code"]) == (field, code)


def test_each_merchant_has_its_own(mall: Mall, other_mall: Mall) -> None:
    mall.owner.patch(PATH, daily_subsidy_cap_fen=5000, reason="防刷单")

    assert other_mall.owner.get(PATH).json == FIRST


def test_owner_caps_months_and_failures_and_prices_points(mall: Mall) -> None:
    caps = {
        "monthly_subsidy_cap_fen": 10_000,
        "daily_failures_cap": 2,
        "monthly_failures_cap": 20,
        "points_per_yuan": 10,
        "points_valid_days": 180,
        "goodwill_budget_fen": 50_000,
    }

    answer = mall.owner.patch(PATH, **caps, reason="规则调整")

    assert answer.json == FIRST | caps


@pytest.mark.parametrize("per_yuan", [0, 3, 2000, True, "10"])
def test_points_are_worth_whole_fen(mall: Mall, per_yuan: object) -> None:
    answer = mall.owner.patch(PATH, points_per_yuan=per_yuan, reason="积分")

    assert answer.status_code == 422


def test_worth_of_points_is_fixed_while_somebody_holds_some(mall: Mall) -> None:
    with transaction() as session:
        shopper = make_shopper(session, mall.id)
        session.add(
            PointLot(
                merchant_id=mall.id,
                public_id="lot",
                shopper_id=shopper.id,
                source="gift",
                source_id=1,
                value_fen=500,
                left_fen=500,
                issued_at=real_now(),
                expires_at=real_now(),
            )
        )

    answer = mall.owner.patch(PATH, points_per_yuan=10, reason="积分")

    assert (answer.status_code, answer.json["code"]) == (409, "points_outstanding")
    assert mall.owner.patch(PATH, points_per_yuan=100, reason="积分").status_code == 200


def test_worth_of_points_stays_while_some_are_promised(mall: Mall) -> None:
    stage_of(mall, subsidy=SubsidyRule(SubsidyKind.POINTS, 500))

    answer = mall.owner.patch(PATH, points_per_yuan=10, reason="积分")

    assert (answer.status_code, answer.json["code"]) == (409, "points_outstanding")


def test_worth_of_points_fits_the_prices_in_points(mall: Mall) -> None:
    with transaction() as session:
        variant = make_variant(session, make_product(session, mall.id))
        variant.points_price_fen = 1250

    refused = mall.owner.patch(PATH, points_per_yuan=1, reason="积分")

    assert (refused.status_code, refused.json["code"]) == (409, "points_prices_not_whole")
    assert mall.owner.patch(PATH, points_per_yuan=10, reason="积分").status_code == 200
