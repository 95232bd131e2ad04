"""Keyset paging: an opaque cursor says after which key the next page begins.

A cursor is bound to its list by name and checked when read; it grants nothing, since each query
names its merchant and shopper itself.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import marshmallow as ma
import orjson

from api.schemas.fields import Schema, String
from domain.errors import Rejected

MOST = 100
DEFAULT = 20

Row = TypeVar("Row")


class CursorUnreadable(Rejected):
    """The cursor is not one of this list."""


@dataclass(frozen=True, slots=True)
class Page:
    """What is asked for: the key to begin after (None = from the start), and how many."""

    after: tuple[Any, ...] | None
    limit: int


class PageArguments(Schema):
    """`?cursor=&limit=`; lists with filters derive from it."""

    cursor = String(load_default=None, validate=ma.validate.Length(max=500))
    limit = ma.fields.Integer(load_default=DEFAULT, validate=ma.validate.Range(min=1, max=MOST))


def write_cursor(name: str, key: Sequence[Any]) -> str:
    """Write the key of a page's last row (integers and texts) as a cursor of the named list."""
    return base64.urlsafe_b64encode(orjson.dumps([name, *key])).decode().rstrip("=")


def read_page(arguments: dict[str, Any], name: str, *kinds: type) -> Page:
    """Read `?cursor=&limit=`; the key must be of these kinds. Raises CursorUnreadable."""
    cursor = arguments.get("cursor")
    if not cursor:
        return Page(None, arguments["limit"])
    try:
        value = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError) as error:
        raise CursorUnreadable(field="cursor") from error
    if not isinstance(value, list) or [type(part) for part in value] != [str, *kinds]:
        raise CursorUnreadable(field="cursor")
    if value[0] != name or any(type(p) is int and abs(p) >= 2**63 for p in value):
        raise CursorUnreadable(field="cursor")
    return Page(tuple(value[1:]), arguments["limit"])


def answer_page(
    rows: Sequence[Row], page: Page, name: str, key: Callable[[Row], Sequence[Any]]
) -> dict[str, Any]:
    """Build `{"items", "next_cursor"}` of rows that were read with `limit + 1`."""
    items = rows[: page.limit]
    more = len(rows) > page.limit
    return {"items": items, "next_cursor": write_cursor(name, key(items[-1])) if more else None}


def page_of(item: type[Schema]) -> type[Schema]:
    """Derive the schema of a page of items."""
    return type(
        item.__name__.removesuffix("Schema") + "Page",
        (Schema,),
        {
            "items": ma.fields.List(ma.fields.Nested(item)),
            "next_cursor": String(allow_none=True),
        },
    )
