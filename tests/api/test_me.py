from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from domain import clock
from domain.database import transaction
from domain.models import Address, Notice, Order, Shopper
from domain.public_ids import new_public_id
from tests.api.callers import Caller, Mall
from tests.api.stages import calling
from tests.factories.products import make_product, make_variant
from tests.factories.shares import make_share
from tests.factories.shoppers import make_shopper

pytestmark = pytest.mark.transactional

HOME = {
    "recipient": "王小明",
    "phone": "13800000000",
    "region": "上海市 浦东新区",
    "detail": "世纪大道 1 号",
}


def make_notice(shopper: Shopper, key: str, **parameters: Any) -> None:
    now = clock.real_now()
    with transaction() as session:
        variant = make_variant(session, make_product(session, shopper.merchant_id))
        order = Order(
            merchant_id=shopper.merchant_id,
            public_id=new_public_id(),
            shopper_id=shopper.id,
            variant_id=variant.id,
            state="placed",
            price_fen=1990,
            list_price_fen=3000,
            payable_fen=1990,
            placed_on=now.date(),
            placed_at=now,
            hold_expires_at=now,
            releasing_at=now,
            moved_at=now,
            moved_by="test",
        )
        session.add(order)
        session.flush()
        session.add(
            Notice(
                merchant_id=shopper.merchant_id,
                shopper_id=shopper.id,
                order_id=order.id,
                key=key,
                parameters={"order": order.public_id, "title": "薯片团", **parameters},
                created_at=now,
                seen_at=None,
            )
        )


class TestAddresses:
    def test_first_address_is_the_default(self, mall: Mall) -> None:
        first = mall.shopper.post("/v1/me/addresses", **HOME)
        second = mall.shopper.post("/v1/me/addresses", **{**HOME, "detail": "世纪大道 2 号"})

        assert first.status_code == 201
        assert first.json == {"id": first.json["id"], **HOME, "is_default": True}
        assert second.json["is_default"] is False
        listed = mall.shopper.get("/v1/me/addresses").json
        assert listed == {"items": [first.json, second.json], "next_cursor": None}

    def test_new_default_replaces_the_old_one(self, mall: Mall) -> None:
        mall.shopper.post("/v1/me/addresses", **HOME)
        mall.shopper.post("/v1/me/addresses", **{**HOME, "detail": "新家"}, is_default=True)

        items = mall.shopper.get("/v1/me/addresses").json["items"]

        assert [(item["detail"], item["is_default"]) for item in items] == [
            ("新家", True),
            ("世纪大道 1 号", False),
        ]

    def test_address_is_sealed_at_rest(self, mall: Mall) -> None:
        mall.shopper.post("/v1/me/addresses", **HOME)

        with transaction() as session:
            row = session.scalars(select(Address).where(Address.merchant_id == mall.id)).one()
        assert "王小明".encode() not in row.sealed
        assert b"13800000000" not in row.sealed

    def test_address_is_removed_once(self, mall: Mall) -> None:
        address_id = mall.shopper.post("/v1/me/addresses", **HOME).json["id"]

        first = mall.shopper.delete(f"/v1/me/addresses/{address_id}")
        again = mall.shopper.delete(f"/v1/me/addresses/{address_id}")

        assert first.status_code == 204
        assert (again.status_code, again.json["code"]) == (404, "address_not_found")
        assert mall.shopper.get("/v1/me/addresses").json["items"] == []

    def test_there_is_an_end_to_addresses(self, mall: Mall) -> None:
        for _ in range(20):
            mall.shopper.post("/v1/me/addresses", **HOME)

        answer = mall.shopper.post("/v1/me/addresses", **HOME)

        assert (answer.status_code, answer.json["code"]) == (409, "too_many_addresses")

    def test_others_addresses_do_not_exist(
        self, client: FlaskClient, mall: Mall, other_mall: Mall
    ) -> None:
        address_id = mall.shopper.post("/v1/me/addresses", **HOME).json["id"]

        answer = other_mall.shopper.delete(f"/v1/me/addresses/{address_id}")

        assert answer.status_code == 404
        assert other_mall.shopper.get("/v1/me/addresses").json["items"] == []
        assert len(mall.shopper.get("/v1/me/addresses").json["items"]) == 1

    @pytest.mark.parametrize(
        ("changes", "field", "code"),
        [
            ({"phone": "call me"}, "phone", "wrong_pattern"),
            ({"phone": "-----"}, "phone", "wrong_pattern"),
            ({"is_default": 1}, "is_default", "not_a_boolean"),
            ({"recipient": ""}, "recipient", "wrong_length"),
            ({"street": "x"}, "street", "unknown_field"),
        ],
    )
    def test_bad_input_names_field_and_code(
        self, mall: Mall, changes: dict[str, str], field: str, code: str
    ) -> None:
        answer = mall.shopper.post("/v1/me/addresses", **{**HOME, **changes})

        assert answer.status_code == 422
        assert (answer.json["field"], answer.json["errors"][0]["code"]) == (field, code)


class TestFollowing:
    def test_following_begins_once_and_ends(self, mall: Mall) -> None:
        assert mall.shopper.get("/v1/me").json["followed_at"] is None

        first = mall.shopper.post("/v1/me/follow")
        since = mall.shopper.get("/v1/me").json["followed_at"]
        again = mall.shopper.post("/v1/me/follow")

        assert (first.status_code, again.status_code) == (204, 204)
        assert since.endswith("Z")
        assert mall.shopper.get("/v1/me").json["followed_at"] == since
        assert [mall.shopper.delete("/v1/me/follow").status_code for _ in range(2)] == [204, 204]
        assert mall.shopper.get("/v1/me").json["followed_at"] is None

    def test_following_is_mine_alone(self, mall: Mall, anyone: Caller) -> None:
        with transaction() as session:
            other = make_shopper(session, mall.id)
        mall.shopper.post("/v1/me/follow")

        assert calling(mall, (mall.id, other.id)).get("/v1/me").json["followed_at"] is None
        assert anyone.post("/v1/me/follow").status_code == 401
        assert mall.owner.delete("/v1/me/follow").status_code == 401


class TestInvitees:
    def test_those_who_came_through_my_shares_are_listed_masked(self, mall: Mall) -> None:
        with transaction() as session:
            share = make_share(session, mall.shopper_row)
            make_shopper(session, mall.id, nickname="王二", came_by_share_id=share.id)
            make_shopper(session, mall.id, nickname="李四", came_by_share_id=share.id)
            make_shopper(session, mall.id, nickname="自来客")

        page = mall.shopper.get("/v1/me/invitees", limit=1).json
        rest = mall.shopper.get("/v1/me/invitees", limit=1, cursor=page["next_cursor"]).json

        assert [item["nickname"] for item in page["items"] + rest["items"]] == ["李**", "王**"]
        assert page["items"][0]["has_paid"] is False
        assert page["items"][0]["registered_at"].endswith("Z")


class TestNotices:
    @pytest.mark.parametrize(
        ("language", "text"),
        [
            (
                "zh",
                "很遗憾，「薯片团」未成团。19.9 元将按付款方式原路退回。"
                "补贴：10 元已记入您的余额，可直接提现或消费。",
            ),
            (
                "en",
                "Your group for “薯片团” did not form. 19.9 yuan go back the way you paid."
                " Your subsidy: 10 yuan are in your balance, to withdraw or to spend.",
            ),
        ],
    )
    def test_notice_speaks_the_readers_language(
        self, client: FlaskClient, mall: Mall, language: str, text: str
    ) -> None:
        make_notice(
            mall.shopper_row,
            "group.failed",
            refund_fen=1990,
            subsidy_fen=1000,
            subsidy_state="issued",
        )

        caller = Caller(client, mall.shopper.token, language=language)
        (item,) = caller.get("/v1/me/notices").json["items"]

        assert item["text"] == text
        assert (item["key"], item["seen_at"]) == ("group.failed", None)
        assert item["parameters"]["subsidy_fen"] == 1000

    def test_inner_numbers_stay_inside(self, mall: Mall) -> None:
        make_notice(
            mall.shopper_row, "payment.returned.4711", amount_fen=1990, order_id=815, why="late"
        )

        (item,) = mall.shopper.get("/v1/me/notices").json["items"]

        assert item["key"] == "payment.returned"
        assert "order_id" not in item["parameters"]
        assert "4711" not in str(item)
        assert len(item["id"]) == 20

    def test_notices_come_newest_first_page_by_page(self, mall: Mall) -> None:
        for key in ("group.failed", "order.refunded"):
            make_notice(mall.shopper_row, key, refund_fen=1990)

        page = mall.shopper.get("/v1/me/notices", limit=1).json
        rest = mall.shopper.get("/v1/me/notices", limit=1, cursor=page["next_cursor"]).json

        assert [item["key"] for item in page["items"] + rest["items"]] == [
            "order.refunded",
            "group.failed",
        ]

    def test_results_pop_up_until_they_are_seen(self, mall: Mall) -> None:
        make_notice(mall.shopper_row, "group.formed")
        make_notice(mall.shopper_row, "order.refunded", refund_fen=1990)

        (result,) = mall.shopper.get("/v1/me/results").json["items"]
        seen = mall.shopper.post("/v1/me/notices/seen", ids=[result["id"]])
        again = mall.shopper.post("/v1/me/notices/seen", ids=[result["id"]])

        assert result["outcome"] == "formed"
        assert (seen.status_code, again.status_code) == (204, 204)
        assert mall.shopper.get("/v1/me/results").json["items"] == []
        notices = mall.shopper.get("/v1/me/notices").json["items"]
        assert [notice["seen_at"] is None for notice in notices] == [True, False]

    def test_others_notices_are_neither_shown_nor_marked(
        self, mall: Mall, other_mall: Mall
    ) -> None:
        make_notice(mall.shopper_row, "group.formed")
        (result,) = mall.shopper.get("/v1/me/results").json["items"]

        other_mall.shopper.post("/v1/me/notices/seen", ids=[result["id"]])

        assert other_mall.shopper.get("/v1/me/notices").json["items"] == []
        assert len(mall.shopper.get("/v1/me/results").json["items"]) == 1

    def test_bad_ids_are_refused(self, mall: Mall) -> None:
        answer = mall.shopper.post("/v1/me/notices/seen", ids=["nothing"])

        assert answer.status_code == 422
        assert answer.json["field"] == "ids.0"
