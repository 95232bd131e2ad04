import pytest
from sqlalchemy import select

from domain.database import transaction
from domain.models import AuditEntry, Shopper
from tests.api.callers import Mall
from tests.factories.shoppers import make_shopper

pytestmark = pytest.mark.transactional

PATH = "/v1/merchant/shoppers"


def test_shoppers_are_found_by_a_part_of_the_name_or_by_id(mall: Mall) -> None:
    with transaction() as session:
        found = make_shopper(session, mall.id, nickname="Li Lei 李雷")
        make_shopper(session, mall.id, nickname="韩梅梅")

    by_name = mall.viewer.get(PATH, query="li LEI").json["items"]
    by_id = mall.viewer.get(PATH, query=found.public_id).json["items"]

    assert [item["id"] for item in by_name] == [found.public_id]
    assert by_id == by_name
    assert by_id[0] == {
        "id": found.public_id,
        "nickname": "Li Lei 李雷",
        "flag": None,
        "created_at": by_id[0]["created_at"],
        "orders": 0,
        "subsidies_fen": 0,
    }


def test_percent_sign_is_a_letter_like_any_other(mall: Mall) -> None:
    assert mall.viewer.get(PATH, query="%").json["items"] == []


def test_flag_is_set_and_lifted_with_a_reason(mall: Mall) -> None:
    path = f"{PATH}/{mall.shopper_row.public_id}"

    flagged = mall.operator.patch(path, flag="review", reason="同一设备多账号")
    lifted = mall.operator.patch(path, flag=None, reason="误判")

    assert flagged.json["flag"] == "review"
    assert lifted.json["flag"] is None
    with transaction() as session:
        entries = session.scalars(
            select(AuditEntry).where(AuditEntry.merchant_id == mall.id).order_by(AuditEntry.id)
        ).all()
    assert [(entry.before, entry.after) for entry in entries] == [
        ({"flag": None}, {"flag": "review"}),
        ({"flag": "review"}, {"flag": None}),
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [({"flag": "nice", "reason": "x"}, "flag"), ({"flag": "block"}, "reason")],
)
def test_bad_input_names_the_field(mall: Mall, body: dict[str, str], field: str) -> None:
    answer = mall.operator.patch(f"{PATH}/{mall.shopper_row.public_id}", **body)

    assert answer.status_code == 422
    assert answer.json["field"] == field


def test_viewer_may_not_flag(mall: Mall) -> None:
    answer = mall.viewer.patch(f"{PATH}/{mall.shopper_row.public_id}", flag="block", reason="x")

    assert answer.status_code == 403


def test_other_merchants_shoppers_do_not_exist(mall: Mall, other_mall: Mall) -> None:
    path = f"{PATH}/{mall.shopper_row.public_id}"

    answer = other_mall.owner.patch(path, flag="block", reason="x")

    assert (answer.status_code, answer.json["code"]) == (404, "shopper_not_found")
    assert other_mall.owner.get(PATH, query=mall.shopper_row.public_id).json["items"] == []
    with transaction() as session:
        kept = session.scalars(
            select(Shopper).where(Shopper.public_id == mall.shopper_row.public_id)
        ).one()
    assert kept.flag is None
