"""Reading fields of foreign answers: tolerant of a scalar's other form, strict in what it returns.

Platforms write a number where their page says text (`"countryCode": 86`), and the reverse. Either
form is read. What cannot be stored, or is no amount or instant that can be meant, is malformed.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn

from domain.money import Fen

MOST_FEN = 2**62
_DIGITS = re.compile(r"[0-9]{1,19}", re.ASCII)
_YEARS = range(2000, 2200)
"""A year outside cannot be meant, and a zone's offset would carry years 1 and 9999 out of range."""
_MOST_TEXT = 4096
_MOST_SAID = 20_000


class Malformed(Exception):
    """An answer, or a callback, does not say what it must."""


class Contradiction(Malformed):
    """It says what it must, but about something else than was asked, or in another currency.

    `fields` holds for each name what we know and what was said.
    """

    def __init__(self, **fields: tuple[object, object]) -> None:
        self.fields = {
            name: {"ours": _plain(ours), "theirs": _plain(theirs)}
            for name, (ours, theirs) in fields.items()
        }
        super().__init__(", ".join(f"{name} differs" for name in fields))


def _plain(value: object) -> str | None:
    return None if value is None else storable(str(value))[:200]


def storable(value: str) -> str:
    """Replace what PostgreSQL cannot hold: NUL, and halves of surrogate pairs."""
    return value.replace("\x00", "\ufffd").encode(errors="replace").decode()


def write_said(said: object) -> str:
    """Write what was said, as text that can be kept; the first 20,000 characters."""
    if isinstance(said, str):
        return storable(said)[:_MOST_SAID]
    try:
        written = json.dumps(said, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):
        written = repr(type(said))
    return storable(written)[:_MOST_SAID]


def find_text(body: Mapping[str, Any], name: str) -> str | None:
    """Read a field that should be a text; None where it is missing or empty. Raises Malformed."""
    value = body.get(name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > _MOST_TEXT or storable(value) != value:
        _refuse(f"{name} is no text")
    return value


def read_text(body: Mapping[str, Any], name: str) -> str:
    """Read a field that must be a text. Raises Malformed."""
    value = find_text(body, name)
    if value is None:
        _refuse(f"{name} is missing")
    return value


def read_word(body: Mapping[str, Any], name: str) -> str:
    """Read a word out of a list, such as a state; empty where there is none. Raises Malformed."""
    return find_text(body, name) or ""


def find_part(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a field that should be an object; empty where there is none."""
    value = body.get(name)
    return value if isinstance(value, dict) else {}


def read_part(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Read a field that must be an object. Raises Malformed."""
    value = body.get(name)
    if not isinstance(value, dict):
        _refuse(f"{name} is missing")
    return value


def read_whole(body: Mapping[str, Any], name: str) -> int:
    """Read a whole number, from zero on, or its digits. Raises Malformed."""
    value = body.get(name)
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST_FEN:
        _refuse(f"{name} is no amount")
    return value


def read_fen(body: Mapping[str, Any], name: str) -> Fen:
    """Read a field that must be an amount in fen. Raises Malformed."""
    return Fen(read_whole(body, name))


def find_fen(body: Mapping[str, Any], name: str) -> Fen | None:
    """Read an amount in fen, where there is one. Raises Malformed."""
    return None if body.get(name) is None else read_fen(body, name)


def read_instant(body: Mapping[str, Any], name: str) -> datetime:
    """Read a field that must be an RFC 3339 instant of our time. Raises Malformed."""
    try:
        instant = datetime.fromisoformat(read_text(body, name))
    except ValueError:
        _refuse(f"{name} is no instant")
    if instant.tzinfo is None:
        _refuse(f"{name} has no offset from UTC")
    if instant.year not in _YEARS:
        _refuse(f"{name} is no instant of our time")
    return instant.astimezone(UTC)


def _refuse(what: str) -> NoReturn:
    raise Malformed(what)
