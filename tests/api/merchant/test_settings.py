import pytest
from sqlalchemy import select

from domain.database import transaction
from domain.models import AuditEntry, MerchantSettings
from tests.api.callers import Mall

pytestmark = pytest.mark.transactional

PATH = "/v1/merchant/settings"
FIRST = {
    "daily_subsidy_cap_fen": None,
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
