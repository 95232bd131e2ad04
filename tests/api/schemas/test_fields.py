import re
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import marshmallow as ma
import pytest

from api.schemas.fields import (
    Boolean,
    Count,
    DayOn,
    Fen,
    ImageAddress,
    Instant,
    MaskedName,
    Name,
    Phone,
    PublicId,
    Schema,
    ShareToken,
    String,
    Text,
    mask_name,
)
from domain.public_ids import new_public_id


class Everything(Schema):
    """One of each."""

    fen = Fen()
    count = Count(most=9)
    at = Instant()
    on = DayOn()
    id = PublicId()
    text = Text(most=5)
    name = MaskedName()
    flag = Boolean()
    word = String()
    phone = Phone()
    share = ShareToken()
    person = Name(most=40)
    image = ImageAddress()


def code_of(**given: Any) -> Any:
    with pytest.raises(ma.ValidationError) as refused:
        Everything().load(given)
    (messages,) = refused.value.messages.values()  # type: ignore[union-attr]
    return messages[0]


def test_values_come_in() -> None:
    public_id = new_public_id()

    loaded = Everything().load(
        {
            "fen": 1990,
            "count": 9,
            "at": "2026-11-22T20:00:00+08:00",
            "on": "2026-11-22",
            "id": public_id,
            "text": "  薯片 ",
        }
    )

    assert loaded == {
        "fen": 1990,
        "count": 9,
        "at": datetime(2026, 11, 22, 12, tzinfo=UTC),
        "on": date(2026, 11, 22),
        "id": public_id,
        "text": "薯片",
    }


def test_values_go_out() -> None:
    beijing = timezone(timedelta(hours=8))

    dumped = Everything().dump(
        {
            "at": datetime(2026, 11, 22, 20, 0, 0, 1500, tzinfo=beijing),
            "on": date(2026, 11, 22),
            "name": "王小明",
        }
    )

    assert dumped == {"at": "2026-11-22T12:00:00.001Z", "on": "2026-11-22", "name": "王**"}


def test_nothing_goes_out_as_null() -> None:
    assert Everything().dump({"at": None, "on": None, "name": None}) == {
        "at": None,
        "on": None,
        "name": None,
    }


@pytest.mark.parametrize("value", ["1990", 19.9, 1990.0, True, [], {}])
def test_only_whole_numbers_are_fen(value: object) -> None:
    assert code_of(fen=value) == "not_fen"


@pytest.mark.parametrize("value", [-1, 10**12 + 1, 2**70])
def test_fen_have_their_range(value: int) -> None:
    assert code_of(fen=value).startswith("Must be greater than")


@pytest.mark.parametrize(
    "value",
    ["2026-11-22T12:00:00", "2026-11-22", "yesterday", 5, ""],
)
def test_instant_needs_its_offset(value: object) -> None:
    assert code_of(at=value) == "not_an_instant"


@pytest.mark.parametrize("value", ["20261122", "2026-13-01", "2026-W47-7", 5, "2026-11-22T00"])
def test_day_is_year_month_day(value: object) -> None:
    assert code_of(on=value) == "not_a_day"


@pytest.mark.parametrize("value", ["0001-01-01", "1999-12-31", "2101-01-01", "9999-12-31"])
def test_day_lies_in_our_time(value: str) -> None:
    assert code_of(on=value) == "out_of_range"


@pytest.mark.parametrize("value", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59Z"])
def test_instant_lies_in_our_time(value: str) -> None:
    assert code_of(at=value) == "out_of_range"


@pytest.mark.parametrize("value", ["", "x", "0" * 19, "0" * 21, "I" * 20, "0" * 19 + "é"])
def test_public_id_is_twenty_base32_characters(value: str) -> None:
    assert code_of(id=value) == "not_an_id"


@pytest.mark.parametrize("value", ["a\x00b", "\x1b[31m"])
def test_text_has_no_control_characters(value: str) -> None:
    assert code_of(text=value) == "not_a_string"


@pytest.mark.parametrize("value", [1, 0, "true", "yes", "on", None])
def test_only_true_and_false_are_boolean(value: object) -> None:
    assert code_of(flag=value) in ("not_a_boolean", "Field may not be null.")


def test_string_has_no_nul() -> None:
    assert code_of(word="a\x00") == "not_a_string"


@pytest.mark.parametrize("value", ["   ", "\u3000", "\u200b \ufeff", "\n"])
def test_text_that_shows_nothing_is_empty(value: str) -> None:
    assert code_of(text=value) == "Length must be between 1 and 5."


@pytest.mark.parametrize("value", ["13800000000", "+86 138 0000 0000", "021-12345678", "10086"])
def test_phone_numbers(value: str) -> None:
    assert Everything().load({"phone": value}) == {"phone": value}


@pytest.mark.parametrize(
    "value",
    ["-----", "1--2345", "1234", "1" * 16, "1234５六"],
)
def test_other_texts_are_no_phone_numbers(value: str) -> None:
    assert code_of(phone=value) == "wrong_pattern"


@pytest.mark.parametrize("value", ["", "ABC", "ab\nc", "a\x00", "a" * 33])
def test_other_texts_are_no_share_tokens(value: str) -> None:
    assert code_of(share=value) in ("wrong_pattern", "not_a_string")


def test_schemas_use_our_own_strings_and_booleans() -> None:
    fields = Path(__file__).parents[3] / "api"

    lenient = [
        path.name
        for path in fields.rglob("*.py")
        if path.name != "fields.py"
        and re.search(r"ma\.fields\.(String|Str|Boolean|Bool)\b", path.read_text())
    ]

    assert lenient == []


def test_unknown_fields_are_refused() -> None:
    assert code_of(colour="red") == "Unknown field."


@pytest.mark.parametrize(("name", "shown"), [("王小明", "王**"), ("A", "A**"), ("", "**")])
def test_mask_keeps_the_first_character_only(name: str, shown: str) -> None:
    assert mask_name(name) == shown


@pytest.mark.parametrize(
    ("field", "pasted", "kept"),
    [
        ("phone", "\u202d13800138000\u202c ", "13800138000"),
        ("phone", "\u200e+86 138 0013 8000\n", "+86 138 0013 8000"),
        ("phone", "１３８００１３８０００", "13800138000"),
        ("phone", "138\u3000\u200b00138000", "138 00138000"),
        ("person", " 张\u202e三\u2066 ", "张三"),
        ("person", "Ｗｅｉ　Ｌｉ", "Wei Li"),
        ("person", "朝阳区１２号", "朝阳区12号"),
        ("text", "好，\u202e！", "好，！"),
        ("text", "\ufeff好", "好"),
        ("text", "\u202e\u2066", ""),
        ("id", " \u200eABCDEFGHJKMNPQRSTVWX", None),
        ("image", " https://cdn.example/x\u202e.png ", "https://cdn.example/x.png"),
    ],
)
def test_pasted_text_is_made_plain(field: str, pasted: str, kept: str | None) -> None:
    if field == "id":
        kept = new_public_id()
        pasted = f" \u200e{kept}\u202c\n"
    if kept == "":
        assert code_of(**{field: pasted}) == "Length must be between 1 and 5."
        return

    assert Everything().load({field: pasted}) == {field: kept}


def test_mark_of_direction_is_no_first_character() -> None:
    assert mask_name("\u202e张三") == "张**"
