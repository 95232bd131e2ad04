import base64

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.paging import CursorUnreadable, Page, answer_page, read_page, write_cursor


def page_of(cursor: str | None, *kinds: type, name: str = "things") -> Page:
    return read_page({"cursor": cursor, "limit": 20}, name, *kinds)


@given(st.integers(-(2**62), 2**62), st.text())
def test_cursor_brings_its_key_back(number: int, word: str) -> None:
    assert page_of(write_cursor("things", [number, word]), int, str).after == (number, word)


def test_no_cursor_is_the_first_page() -> None:
    assert page_of(None, int) == Page(None, 20)


def plain(value: object) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(value)).decode()


def test_cursor_tells_nothing_of_its_key() -> None:
    cursor = write_cursor("things", [1_234_567, "2026-11-22T12:00:00+00:00"])

    opened = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    assert b"1234567" not in opened
    assert b"2026" not in opened


def test_same_key_is_the_same_cursor() -> None:
    assert write_cursor("things", [7]) == write_cursor("things", [7])


@pytest.mark.parametrize(
    "cursor",
    [
        "?",
        "AAAA",
        "é",
        plain([1]),
        plain(["things", 1]),
        write_cursor("others", [1]),
        write_cursor("things", []),
        write_cursor("things", ["1"]),
        write_cursor("things", [True]),
        write_cursor("things", [1, 2]),
        write_cursor("things", [1.5]),
        write_cursor("things", [1])[:-2],
        "A" + write_cursor("things", [1]),
    ],
)
def test_cursor_of_another_making_is_refused(cursor: str) -> None:
    with pytest.raises(CursorUnreadable):
        page_of(cursor, int)


def test_one_row_more_than_asked_means_another_page() -> None:
    page = Page(None, 2)

    full = answer_page([1, 2, 3], page, "things", lambda n: (n,))
    last = answer_page([1, 2], page, "things", lambda n: (n,))

    assert full["items"] == [1, 2]
    assert page_of(full["next_cursor"], int).after == (2,)
    assert last == {"items": [1, 2], "next_cursor": None}
