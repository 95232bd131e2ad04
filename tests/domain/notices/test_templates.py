"""Templates: checked when they are set, and filled with what WeChat's keywords hold."""

from datetime import UTC, datetime
from typing import Any

import pytest

from domain.notices.errors import TemplatesInvalid
from domain.notices.templates import KEYS, Message, check_templates, compose
from domain.outbox import CONSUMERS

GOOD = {
    "template_id": "t1",
    "page": "pages/order/index?id={order}",
    "fields": {"thing1": "title", "amount2": "subsidy", "time3": "time"},
}
PARAMETERS = {
    "title": "网红薯片三人团",
    "order": "0123456789abcdefghjk",
    "group": None,
    "refund_fen": 1990,
    "subsidy_fen": 1000,
    "subsidy_state": "issued",
}
WRITTEN_AT = datetime(2026, 11, 22, 23, 5, tzinfo=UTC)


def told(fields: dict[str, str], language: Any = "zh", **changes: Any) -> Message:
    template = check_templates({"group.failed": {**GOOD, "fields": fields}})["group.failed"]
    return compose(
        template,
        "group.failed",
        PARAMETERS | changes,
        written_at=WRITTEN_AT,
        language=language,
    )


def test_keywords_are_filled_from_the_notice() -> None:
    message = told(
        {"thing1": "title", "amount2": "subsidy", "time3": "time", "character_string4": "order"}
    )

    assert message == Message(
        "t1",
        "pages/order/index?id=0123456789abcdefghjk",
        {
            "thing1": "网红薯片三人团",
            "amount2": "10元",
            "time3": "2026年11月23日 07:05",
            "character_string4": "0123456789abcdefghjk",
        },
    )


def test_long_things_are_cut_to_twenty_characters() -> None:
    title = told({"thing1": "title"}, title="长" * 21).data["thing1"]

    assert title == "长" * 19 + "…"
    assert told({"thing1": "title"}, title="长" * 20).data["thing1"] == "长" * 20


def test_text_is_in_the_shopper_s_language() -> None:
    assert told({"thing1": "text"}, "en").data["thing1"].startswith("Your group for")
    assert told({"thing1": "text"}).data["thing1"].startswith("很遗憾")


def test_what_a_notice_does_not_say_is_never_empty() -> None:
    assert told({"thing1": "title", "amount2": "amount"}, title=None).data == {
        "thing1": "-",
        "amount2": "-",
    }


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"template_id": ""}, "group.failed.template_id"),
        ({"template_id": 7}, "group.failed.template_id"),
        ({"page": "pages/x?id={shopper}"}, "group.failed.page"),
        ({"page": "pages/x?id={order.__class__}"}, "group.failed.page"),
        ({"page": "pages/x?id={order"}, "group.failed.page"),
        ({"page": "pages/x y"}, "group.failed.page"),
        ({"fields": {}}, "group.failed.fields"),
        ({"fields": {"thing": "title"}}, "group.failed.fields.thing"),
        ({"fields": {"thing1": "phone"}}, "group.failed.fields.thing1"),
        ({"colour": "red"}, "group.failed"),
    ],
)
def test_templates_at_fault_are_named(changes: dict[str, Any], place: str) -> None:
    with pytest.raises(TemplatesInvalid) as caught:
        check_templates({"group.failed": GOOD | changes})

    assert caught.value.details["place"] == place


def test_unknown_notice_has_no_template() -> None:
    with pytest.raises(TemplatesInvalid):
        check_templates({"group.exploded": GOOD})


def test_every_notice_that_is_written_may_have_a_template() -> None:
    written = {key for key, names in CONSUMERS.items() if "notify" in names}

    assert set(KEYS) == written - {"order.settled_late"}, "that one is told as a failed group"
