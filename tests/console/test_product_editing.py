from tests.console.conftest import Pages


def saved(pages: Pages) -> tuple[str, str, object]:
    return next(one for one in pages.api.asked if one[0] in ("PATCH", "POST"))


def press(page: object, label: str, place: int = 0) -> None:
    found = [one for one in page.button if one.label == label]  # type: ignore[attr-defined]
    found[place].click().run()


def test_words_and_pictures_are_changed(pages: Pages) -> None:
    product = pages.api.products[0]
    page = pages.open_dialog("parts.product_editing", "open_editing", product)

    page.text_input[0].input("新名字")
    page.text_area[1].input("https://img.example/a.jpg\nhttps://img.example/b.jpg")
    press(page, "保存")

    method, path, body = saved(pages)
    assert (method, path) == ("PATCH", f"/v1/merchant/products/{product['id']}")
    assert body == {
        "title": "新名字",
        "category": "零食",
        "description": product["description"],
        "images": ["https://img.example/a.jpg", "https://img.example/b.jpg"],
    }


def test_a_variants_prices_are_changed_and_an_optional_one_is_cleared(pages: Pages) -> None:
    product = pages.api.products[0]
    variant = product["variants"][0]
    page = pages.open_dialog("parts.product_editing", "open_editing", product)

    page.number_input(key=f"edit_{variant['id']}_list").set_value(35.5)
    page.number_input(key=f"edit_{variant['id']}_cost").set_value(None)
    press(page, "保存", 1)

    assert saved(pages) == (
        "PATCH",
        f"/v1/merchant/variants/{variant['id']}",
        {
            "title": variant["title"],
            "list_price_fen": 3550,
            "alone_price_fen": 3000,
            "unit_cost_fen": None,
        },
    )


def test_a_variant_is_added_with_its_stock(pages: Pages) -> None:
    product = pages.api.products[0]
    page = pages.open_dialog("parts.product_editing", "open_editing", product)

    page.text_input(key="add_title").input("黄瓜×3")
    page.number_input(key="add_stock").set_value(40)
    press(page, "添加规格")

    method, path, body = saved(pages)
    assert (method, path) == ("POST", f"/v1/merchant/products/{product['id']}/variants")
    assert body == {
        "title": "黄瓜×3",
        "list_price_fen": 3000,
        "alone_price_fen": None,
        "unit_cost_fen": None,
        "stock_units": 40,
    }
