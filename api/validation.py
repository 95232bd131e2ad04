"""Failures of marshmallow as codes with texts in the caller's language."""

import re
from collections.abc import Iterator
from typing import Any, Final

from domain.texts import Language, has_text, text

_CODES: Final[tuple[tuple[str, str], ...]] = (
    (r"Missing data for required field\.", "required"),
    (r"Field may not be null\.", "not_null"),
    (r"Unknown field\.", "unknown_field"),
    (r"Not a valid string\.|Not a valid UTF-8 string\.", "not_a_string"),
    (r"Not a valid (integer|number)\.|Number too large\.", "not_an_integer"),
    (r"Not a valid boolean\.", "not_a_boolean"),
    (r"Not a valid list\.", "not_a_list"),
    (r"Not a valid (datetime|time|date)\..*", "not_an_instant"),
    (r"Invalid input type\.|Not a valid mapping type\.", "not_an_object"),
    (r"Must be greater than.*|Must be less than.*|Must be between.*", "out_of_range"),
    (r"(Shorter than minimum length|Longer than maximum length|Length must be).*", "wrong_length"),
    (r"Must be one of:.*|Must be equal to.*|Not a valid choice.*", "not_a_choice"),
    (r"String does not match expected pattern\.", "wrong_pattern"),
)
_PATTERNS = tuple((re.compile(pattern), code) for pattern, code in _CODES)
_WHOLE = "_schema"


def code_of(message: str) -> str:
    """Return the code of a message: our own fields say codes, marshmallow's say English."""
    for pattern, code in _PATTERNS:
        if pattern.fullmatch(message):
            return code
    return message if has_text(f"fields.{message}") else "invalid"


def _flatten(messages: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    if isinstance(messages, dict):
        for name, inner in messages.items():
            yield from _flatten(inner, path if name == _WHOLE else (*path, str(name)))
        return
    for message in messages if isinstance(messages, list) else [messages]:
        yield ".".join(path), str(message)


_BOUNDS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(r"Shorter than minimum length (\d+)\."), "too_short"),
    (re.compile(r"Longer than maximum length (\d+)\."), "too_long"),
    (re.compile(r"Length must be between (\d+) and (\d+)\."), "length_between"),
    (re.compile(r"Length must be (\d+)\."), "length_exactly"),
    (
        re.compile(r"Must be greater than or equal to (-?\d+) and less than or equal to (-?\d+)\."),
        "between",
    ),
    (re.compile(r"Must be greater than or equal to (-?\d+)\."), "too_little"),
    (re.compile(r"Must be less than or equal to (-?\d+)\."), "too_much"),
)


def _sentence(code: str, message: str, language: Language) -> str:
    """Say what is wrong: with its bounds, where the message names them."""
    for pattern, name in _BOUNDS:
        if found := pattern.fullmatch(message):
            return text(
                f"fields.{name}", language, first=found[1], last=found[found.lastindex or 1]
            )
    return text(f"fields.{code}", language)


def describe_failures(messages: dict[str, Any], language: Language) -> dict[str, Any]:
    """Return `errors` (one for each failure) and `field` (the first one's) for a problem's body."""
    failures = []
    for location, inner in messages.items():
        for field, message in _flatten(inner):
            code = code_of(message)
            failures.append(
                {
                    "field": field or None,
                    "location": location,
                    "code": code,
                    "detail": _sentence(code, message, language),
                }
            )
    first = next((failure["field"] for failure in failures if failure["field"]), None)
    return {"errors": failures} | ({"field": first} if first else {})
