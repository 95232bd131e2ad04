"""Products for shoppers over HTTP."""

import pytest

from domain.database import transaction
from tests.api.callers import Caller, Mall
from tests.factories.products import make_product, make_variant

pytestmark = pytest.mark.transactional

PATH = "/v1/products"


def test_products_are_listed_newest_first_without_their_cost(mall: Mall, anyone: Caller) -> None:
    with transaction() as session:
        chips = make_product(session, mall.id, title="薯片")
        plain = make_variant(session, chips, alone_price_fen=2800, stock_units=0)
        tea = make_product(session, mall.id, title="茶")
        make_variant(session, tea, list_price_fen=5000)
        make_product(session, mall.id, title="空")

    first = mall.shopper.get(PATH, limit=1).json
    second = mall.shopper.get(PATH, limit=1, cursor=first["next_cursor"]).json
    headers = {"X-App-Id": mall.merchant.app_id}
    unknown = anyone.call("GET", f"{PATH}/{chips.public_id}", headers=headers)

    assert [item["title"] for item in first["items"] + second["items"]] == ["茶", "薯片"]
    assert second["next_cursor"] is None
    assert second["items"][0]["variants"] == [
        {
            "id": plain.public_id,
            "title": plain.title,
            "list_price_fen": 3000,
            "alone_price_fen": 2800,
            "points_price_fen": None,
            "is_sold_out": True,
        }
    ]
    assert unknown.json == second["items"][0]


def test_products_for_points_are_found(mall: Mall) -> None:
    with transaction() as session:
        make_variant(session, make_product(session, mall.id, title="薯片"))
        tea = make_product(session, mall.id, title="茶", category="饮料")
        make_variant(session, tea).points_price_fen = 2500

    found = mall.shopper.get(PATH, for_points="true").json["items"]

    assert [item["title"] for item in found] == ["茶"]
    assert found[0]["variants"][0]["points_price_fen"] == 2500
    assert mall.shopper.get(PATH, category="饮料").json["items"] == found
    assert mall.shopper.get(PATH, category="玩具").json["items"] == []


def test_another_merchants_product_is_not_found(mall: Mall, other_mall: Mall) -> None:
    with transaction() as session:
        product = make_product(session, mall.id)
        make_variant(session, product)

    answer = other_mall.shopper.get(f"{PATH}/{product.public_id}")

    assert (answer.status_code, answer.json["code"]) == (404, "product_not_found")
