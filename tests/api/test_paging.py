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


def raw(value: object) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(value)).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "?",
        "AAAA",
        raw("things"),
        raw(["others", 1]),
        raw(["things"]),
        raw(["things", "1"]),
        raw(["things", True]),
        raw(["things", 1, 2]),
        raw(["things", 2**63]),
        raw(["things", 1.5]),
        raw({"things": 1}),
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
