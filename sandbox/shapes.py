"""Strict shapes of JSON input: a field that is missing, unknown or of the wrong kind is refused."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from sandbox.clock import parse_rfc3339

Check = Callable[[Any, str], None]


class Misshapen(Exception):
    """Input does not fit its shape; `field` is the path of the value at fault."""

    def __init__(self, field: str, why: str) -> None:
        self.field = field
        self.why = why
        super().__init__(f"{field}: {why}")


def shape(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """Accept an object with exactly these fields."""
    checks = {**required, **(optional or {})}

    def check(value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise Misshapen(path or "body", "must be an object")
        prefix = f"{path}." if path else ""
        for name in required:
            if name not in value:
                raise Misshapen(prefix + name, "is required")
        for name, part in value.items():
            if name not in checks:
                raise Misshapen(prefix + name, "is not a known field")
            checks[name](part, prefix + name)

    return check


def list_of(part: Check, *, maximum: int) -> Check:
    """Accept a list of 1 to `maximum` parts."""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, list) or not 1 <= len(value) <= maximum:
            raise Misshapen(path, f"must be a list of 1 to {maximum}")
        for index, item in enumerate(value):
            part(item, f"{path}[{index}]")

    return check


def text(maximum: int, *, minimum: int = 1, characters: str | None = None) -> Check:
    """Accept a string of that many characters, all of the class `characters` if one is given."""
    pattern = re.compile(f"[{characters}]*") if characters else None

    def check(value: Any, path: str) -> None:
        if not isinstance(value, str) or not minimum <= len(value) <= maximum:
            raise Misshapen(path, f"must be a string of {minimum} to {maximum} characters")
        if pattern and not pattern.fullmatch(value):
            raise Misshapen(path, f"may only contain {characters}")

    return check


def integer(minimum: int) -> Check:
    """Accept an integer from `minimum` on; true, 1.0 and "1" are not integers."""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
            raise Misshapen(path, f"must be an integer of at least {minimum}")

    return check


def number(minimum: float, maximum: float) -> Check:
    """Accept a number within bounds."""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise Misshapen(path, "must be a number")
        if not minimum <= value <= maximum:
            raise Misshapen(path, f"must be from {minimum} to {maximum}")

    return check


def choice(*values: str) -> Check:
    """Accept one of these strings."""

    def check(value: Any, path: str) -> None:
        if value not in values:
            raise Misshapen(path, f"must be one of {', '.join(values)}")

    return check


def optional(part: Check) -> Check:
    """Accept null, or what `part` accepts."""

    def check(value: Any, path: str) -> None:
        if value is not None:
            part(value, path)

    return check


def flag(value: Any, path: str) -> None:
    """Accept true or false."""
    if not isinstance(value, bool):
        raise Misshapen(path, "must be true or false")


def instant(value: Any, path: str) -> None:
    """Accept an RFC 3339 instant with an offset from UTC."""
    text(64)(value, path)
    try:
        parse_rfc3339(value)
    except ValueError as problem:
        raise Misshapen(path, f"must be an RFC 3339 instant: {problem}") from None


def notify_url(value: Any, path: str) -> None:
    """Accept an absolute http(s) URL without query, fragment or login."""
    text(255)(value, path)
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Misshapen(path, "must be an absolute http or https URL")
    if "?" in value or "#" in value or "@" in parts.netloc:
        raise Misshapen(path, "must carry no query, fragment or login")
