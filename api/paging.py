"""Keyset paging: an opaque cursor says after which key the next page begins.

A cursor is sealed: its inner ids stay inside, and what can be read was written here. It is bound to
its list by name; it grants nothing, since each query names its merchant and shopper itself.
"""

import base64
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import marshmallow as ma
import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from api.schemas.fields import (
    Answer,
    Schema,
    String,
)
from domain.config import settings
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


@cache
def _cipher(key: str) -> AESSIV:
    """Return a cipher that needs no nonce: cursors are many, and the same for the same row."""
    return AESSIV(hmac.digest(key.encode(), b"cursor", "sha512"))


def write_cursor(name: str, key: Sequence[Any]) -> str:
    """Write the key of a page's last row (integers and texts) as a cursor of the named list."""
    sealed = _cipher(settings().sealing_key).encrypt(orjson.dumps(list(key)), [name.encode()])
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def read_page(arguments: dict[str, Any], name: str, *kinds: type) -> Page:
    """Read `?cursor=&limit=`; the key must be of these kinds. Raises CursorUnreadable."""
    cursor = arguments.get("cursor")
    if not cursor:
        return Page(None, arguments["limit"])
    try:
        sealed = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        key = orjson.loads(_cipher(settings().sealing_key).decrypt(sealed, [name.encode()]))
    except (InvalidTag, ValueError) as error:
        raise CursorUnreadable(field="cursor") from error
    if [type(part) for part in key] != list(kinds):
        raise CursorUnreadable(field="cursor")
    return Page(tuple(key), arguments["limit"])


def answer_page(
    rows: Sequence[Row], page: Page, name: str, key: Callable[[Row], Sequence[Any]]
) -> dict[str, Any]:
    """Build `{"items", "next_cursor"}` of rows that were read with `limit + 1`."""
    items = rows[: page.limit]
    more = len(rows) > page.limit
    return {"items": items, "next_cursor": write_cursor(name, key(items[-1])) if more else None}


def page_of(item: type[Schema]) -> type[Answer]:
    """Derive the schema of a page of items."""
    return type(
        item.__name__.removesuffix("Schema") + "Page",
        (Answer,),
        {
            "items": ma.fields.List(ma.fields.Nested(item)),
            "next_cursor": String(allow_none=True),
        },
    )
