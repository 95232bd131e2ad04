import re
from pathlib import Path
from string import Formatter

import pytest

from console.texts import LANGUAGES, Texts, catalogue, choose_language

CONSOLE = Path(__file__).parents[2] / "console"
LITERAL = re.compile(r"""\bt\(\s*"([a-z0-9_]+\.[a-z0-9_]+)\"""")
CHINESE = re.compile(r"[\u4e00-\u9fff]")
NAMES_THEMSELVES = {"app.brand"}
NUMBERS_THAT_COUNT_NOTHING = {"pager.page", "campaign.people", "products.variant_name"}
"""A page or a variant by its number; and a group is never of one."""


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


OF_ONE = {
    key
    for key in catalogue("en")
    if key.endswith("_one") and "{number}" in catalogue("en").get(key.removesuffix("_one"), "")
}


def test_both_languages_have_the_same_keys() -> None:
    assert set(catalogue("zh")) == set(catalogue("en")) - OF_ONE


def test_each_counted_thing_has_its_english_singular() -> None:
    counted = {key for key, text in catalogue("en").items() if "{number}" in text} - OF_ONE

    assert counted - {key.removesuffix("_one") for key in OF_ONE} == NUMBERS_THAT_COUNT_NOTHING


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 orders"), (1, "1 order"), ("1", "1 order"), (21, "21 orders")]
)
def test_english_says_one_order(number: object, said: str) -> None:
    assert Texts("en")("shoppers.orders", number=number) == said


def test_no_text_leaves_the_plural_to_the_reader() -> None:
    assert [key for key, text in catalogue("en").items() if "(s)" in text] == []


def test_both_languages_fill_in_the_same_values() -> None:
    chinese, english = catalogue("zh"), catalogue("en")

    assert [key for key in chinese if fields(chinese[key]) != fields(english[key])] == []


def test_english_has_no_chinese_left() -> None:
    left = [key for key, text in catalogue("en").items() if CHINESE.search(text)]

    assert set(left) <= NAMES_THEMSELVES


def test_every_key_used_in_the_code_exists() -> None:
    used = {
        key for file in CONSOLE.rglob("*.py") for key in LITERAL.findall(file.read_text("utf-8"))
    }

    assert len(used) > 100
    assert used <= set(catalogue("zh"))


def test_no_text_for_people_stands_in_the_code() -> None:
    allowed = {"texts.py", "formats.py", "campaign_detail.py"}
    speaking = {
        file.name for file in CONSOLE.rglob("*.py") if CHINESE.search(file.read_text("utf-8"))
    }

    assert speaking <= allowed


def test_an_unknown_code_stands_for_itself() -> None:
    t = Texts("zh")

    assert t.named("group", "formed") == "已成团"
    assert t.named("audited", "campaign.paused") == "暂停活动"
    assert t.named("group", "brand_new") == "brand_new"
    assert t.named("group", None) == "—"


@pytest.mark.parametrize(
    ("asked", "remembered", "accepted", "language"),
    [
        (None, None, None, "zh"),
        (None, None, "en-GB,en;q=0.9", "en"),
        (None, None, "fr-FR,en;q=0.5", "zh"),
        (None, "zh", "en-US", "zh"),
        ("en", "zh", "zh-CN", "en"),
        ("xx", None, "zh-CN", "zh"),
    ],
)
def test_the_language_is_what_was_chosen_else_the_browsers_else_chinese(
    asked: str | None, remembered: str | None, accepted: str | None, language: str
) -> None:
    chosen = choose_language(asked=asked, remembered=remembered, accepted=accepted)

    assert chosen == language
    assert language in LANGUAGES
