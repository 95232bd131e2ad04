"""Whatever is chosen by title can be told apart, and the one that was chosen is taken."""

import ast
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from console.parts.choices import distinct_labels
from console.texts import LANGUAGES, catalogue
from tests.console.conftest import Pages
from tests.console.fake_api import FakeApi
from tests.console.test_house_rules import modules
from tests.console.test_pages import asked_paths, button

CHOICES = ("selectbox", "radio", "multiselect", "pills")
PAGES = (
    "overview",
    "board",
    "campaigns",
    "new_campaign",
    "products",
    "grants",
    "shoppers",
    "settings",
    "audit_log",
    "glossary",
)


def add_twins(api: FakeApi) -> None:
    """Give everything that has a title a twin of the same title, a variant within its product."""
    for product in [*api.products]:
        product["variants"] += [{**one, "id": twin_of(one["id"])} for one in product["variants"]]
        api.products.append({**product, "id": twin_of(product["id"])})
    for things in (api.campaigns, api.programmes):
        things += [{**one, "id": twin_of(one["id"])} for one in things]


def twin_of(public_id: str) -> str:
    return "tw" + public_id[2:-4] + "w1n2"


def shared_labels(page: AppTest) -> list[str]:
    """List the labels that one choice of a page has twice."""
    return [
        label
        for kind in (*CHOICES, "button_group")
        for choice in page.get(kind)
        for label in {*choice.options}
        if [*choice.options].count(label) > 1
    ]


def test_a_title_alone_needs_nothing_more() -> None:
    assert distinct_labels({"A1": "红薯片", "B2": "核桃"}, {"A1": "零食"}) == {
        "A1": "红薯片",
        "B2": "核桃",
    }


def test_twins_get_as_much_as_tells_them_apart() -> None:
    labels = distinct_labels(
        {"A1111": "每日拼团", "A2222": "每日拼团", "A3333": "每日拼团", "B": "周末"},
        {"A1111": "12-04", "A2222": "12-05", "A3333": "12-05", "B": "12-06"},
        {"A1111": "进行中", "A2222": "草稿", "A3333": "草稿", "B": "草稿"},
    )

    assert labels == {
        "A1111": "每日拼团 · 12-04",
        "A2222": "每日拼团 · 12-05 · 草稿 · …2222",
        "A3333": "每日拼团 · 12-05 · 草稿 · …3333",
        "B": "周末",
    }


@pytest.mark.parametrize("other", ["每日 拼团 ", "每日\u3000拼团", "每日 拼团\u200b", "每日 拼团"])
def test_titles_that_read_alike_are_twins(other: str) -> None:
    labels = distinct_labels({"AAAA1": "每日 拼团", "AAAA2": other})

    assert labels == {"AAAA1": "每日 拼团 · …AAA1", "AAAA2": f"{other} · …AAA2"}


def test_ids_of_one_end_are_written_out() -> None:
    labels = distinct_labels({"A-1234": "团", "B-1234": "团"})

    assert labels == {"A-1234": "团 · …1234 · A-1234", "B-1234": "团 · …1234 · B-1234"}


def test_only_one_place_draws_a_choice_by_title() -> None:
    drawing = {
        name
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in CHOICES
    }

    assert drawing == {"parts/choices.py"}


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_page_offers_two_things_of_one_label(pages: Pages, page: str, language: str) -> None:
    add_twins(pages.api)

    drawn = pages.open(page, language=language)

    assert not drawn.exception
    assert shared_labels(drawn) == []


def test_programmes_and_variants_of_one_name_are_told_apart(pages: Pages) -> None:
    add_twins(pages.api)
    wizard = pages.open("new_campaign")
    for _ in range(2):
        button(wizard, "下一步").click().run()
    wizard.segmented_control(key="subsidy_kind").set_value("external_points").run()
    stock = pages.open_dialog("app_pages.products", "open_stock", pages.api.products[0])

    programmes = next(one for one in wizard.selectbox if one.label == "品牌")
    assert len({*programmes.options}) == 2
    assert len({*stock.selectbox[0].options}) == 4
    assert shared_labels(wizard) == shared_labels(stock) == []


@pytest.mark.parametrize("place", range(2))
def test_the_campaign_that_was_chosen_is_asked_for(pages: Pages, place: int) -> None:
    add_twins(pages.api)
    title = pages.api.campaigns[0]["title"]
    ids = [one["id"] for one in pages.api.campaigns if one["title"] == title]
    page = pages.open("overview")
    labels = [one for one in page.selectbox[0].options if one.startswith(title)]

    page.selectbox[0].select(labels[place]).run()

    asked = [path for path in asked_paths(pages.api, "GET") if "figures" in path]
    assert f"campaign_id={ids[place]}" in asked[-1]
    assert page.query_params["campaign"] == ids[place]


@pytest.mark.parametrize("place", range(2))
def test_the_product_that_was_chosen_is_drafted_for(pages: Pages, place: int) -> None:
    add_twins(pages.api)
    title = pages.api.products[0]["title"]
    ids = [one["id"] for one in pages.api.products if one["title"] == title]
    page = pages.open("new_campaign")
    labels = [one for one in page.selectbox[0].options if one.startswith(title)]
    page.selectbox[0].select(labels[place]).run()
    for _ in range(3):
        button(page, "下一步").click().run()
    button(page, "保存草稿").click().run()

    sent: Any = next(
        body
        for method, _, body in pages.api.asked
        if method == "POST" and "product_id" in (body or {})
    )
    assert sent["product_id"] == ids[place]


def test_codes_of_one_list_have_words_of_their_own() -> None:
    """Segmented controls and menus show words of the catalogue: no two may be the same."""
    for language in LANGUAGES:
        texts = catalogue(language)
        for start in ("period.", "board.view_", "grant.", "subsidy_kind.", "shoppers.to_"):
            words = [text for key, text in texts.items() if key.startswith(start)]
            assert len({*words}) == len(words), (language, start)
