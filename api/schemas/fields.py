"""Fields all schemas share: fen, instants, days, public ids. Failures are codes, not sentences."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlsplit

import marshmallow as ma

from api.bodies import instant
from domain.addresses import read_address
from domain.public_ids import ALPHABET, LENGTH
from domain.shoppers.phones import mask_phone
from domain.typed import folded, plain

LARGEST_FEN = 10**12
ID_SHAPE = f"[{ALPHABET}]{{{LENGTH}}}"
SHARE_SHAPE = "[0-9a-z]{1,32}"
EARLIEST, LATEST = date(2000, 1, 1), date(2100, 12, 31)
"""Days that callers may name: arithmetic with them stays in what PostgreSQL and Python can hold."""
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class Schema(ma.Schema):
    """The base of all schemas: unknown fields are refused."""

    class Meta:
        """Marshmallow's options."""

        unknown = ma.RAISE


class Answer(Schema):
    """The base of what is answered: every field is there, unless its metadata say `optional`."""

    def on_bind_field(self, field_name: str, field_obj: ma.fields.Field[Any]) -> None:
        """Promise the field in the document; a default belongs to what is asked, not to answers."""
        field_obj.required = not field_obj.metadata.get("optional", False)
        field_obj.load_default = ma.missing


def answer_of(schema: type[ma.Schema], name: str) -> type[Answer]:
    """Derive what answers the fields that another schema takes, all of them, under a new name."""
    fields = {key: _as_answer(field, name) for key, field in schema().declared_fields.items()}
    return type(name, (Answer,), {**fields, "__doc__": schema.__doc__})


def _as_answer(field: ma.fields.Field[Any], name: str) -> ma.fields.Field[Any]:
    """Return a field as it is answered; what is nested in it takes the name of what it is in."""
    if isinstance(field, ma.fields.List):
        return ma.fields.List(_as_answer(field.inner, name), metadata=field.metadata)
    if not isinstance(field, ma.fields.Nested):
        return field
    inner = type(field.schema)
    part = inner.__name__.removesuffix("Schema")
    return ma.fields.Nested(
        answer_of(inner, f"{name}{part}"), allow_none=field.allow_none, metadata=field.metadata
    )


class NothingSchema(Schema):
    """The body of a call that needs none."""


class Pattern(ma.validate.Regexp):
    """A pattern that the whole text must match; ECMA's way, as the OpenAPI document wants it."""

    def __init__(self, pattern: str, *, error: str = "wrong_pattern") -> None:
        super().__init__(f"^{pattern}$", error=error)

    def __call__(self, value: Any) -> Any:
        """Refuse what does not match; a line feed at the end counts (`$` would let it pass)."""
        if self.regex.fullmatch(value) is None:
            raise ma.ValidationError(self.error or "wrong_pattern")
        return value


class Boolean(ma.fields.Boolean):
    """True or false, and nothing that could mean it."""

    default_error_messages = {"invalid": "not_a_boolean"}

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid")
        return value


class Flag(ma.fields.Boolean):
    """True or false in a query, where everything is text: the two words alone."""

    default_error_messages = {"invalid": "not_a_boolean"}
    truthy = {"true"}
    falsy = {"false"}


class String(ma.fields.String):
    """A text that can be stored: PostgreSQL knows no NUL."""

    default_error_messages = {"invalid": "not_a_string"}

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if "\0" in text:
            raise self.make_error("invalid")
        return text


class Typed(String):
    """What people type or paste to name something: of the usual width, trimmed, without marks."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        return folded(super()._deserialize(value, attr, data, **kwargs))


class Choice(String):
    """One of some words, which the document lists; null is one of them if it is allowed."""

    def __init__(self, choices: Iterable[str], **kwargs: Any) -> None:
        words = [str(choice) for choice in choices]
        super().__init__(validate=ma.validate.OneOf(words), **kwargs)


class Text(String):
    """A text for people: trimmed, without control characters; with none to be seen, it is empty.

    Marks that would turn the line around it are left out.
    """

    def __init__(self, *, most: int, least: int = 1, **kwargs: Any) -> None:
        super().__init__(validate=ma.validate.Length(min=least, max=most), **kwargs)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if any(ord(c) < 32 and c not in "\n\t" for c in text):
            raise self.make_error("invalid")
        text = plain(text)
        return text if any(_is_seen(c) for c in text) else ""


def _is_seen(character: str) -> bool:
    return character.isprintable() and not character.isspace()


class Name(Text):
    """The name of a person, a place or a street: a text that is folded as well."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        return folded(super()._deserialize(value, attr, data, **kwargs))


class Phone(Typed):
    """A telephone number: 5 to 15 digits, in groups if one likes, with or without a country's."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validate=Pattern(r"\+?[0-9](?:[ -]?[0-9]){4,14}"), **kwargs)


class ShareToken(Typed):
    """The token of a share."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validate=Pattern(SHARE_SHAPE), **kwargs)


_IMAGE = Pattern(r"(https://[^\s<>\"'/@\\\\]+)?/[^\s<>\"'\\\\]{0,480}")


class ImageAddress(Typed):
    """Where an image is: https of a named host, or a path of the mall's own.

    Phones load it, so that it gives neither a login nor another scheme, and leads to no address
    that is only a number.
    """

    default_error_messages = {"invalid_image": "not_an_image_address"}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validate=_IMAGE, **kwargs)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if not _is_image_address(text):
            raise self.make_error("invalid_image")
        return text


def _is_image_address(text: str) -> bool:
    if text.startswith("/"):
        return not text.startswith(("//", "/\\"))
    try:
        named = urlsplit(text)
        port = named.port
    except ValueError:
        return False
    host = named.hostname or ""
    return (
        named.scheme == "https"
        and "@" not in named.netloc
        and port in {None, 443, 8443}
        and "." in host
        and read_address(host) is None
    )


class Fen(ma.fields.Integer):
    """An amount in whole fen."""

    default_error_messages = {
        "invalid": "not_fen",
        "too_large": "not_fen",
    }

    def __init__(self, *, least: int | None = 0, **kwargs: Any) -> None:
        kwargs.setdefault("validate", ma.validate.Range(min=least, max=LARGEST_FEN))
        super().__init__(strict=True, **kwargs)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> int:
        if isinstance(value, bool):
            raise self.make_error("invalid")
        return int(super()._deserialize(value, attr, data, **kwargs))


class Count(Fen):
    """A whole number that is not money."""

    default_error_messages = {
        "invalid": "not_an_integer",
        "too_large": "not_an_integer",
    }

    def __init__(self, *, least: int | None = 0, most: int = 10**9, **kwargs: Any) -> None:
        super().__init__(validate=ma.validate.Range(min=least, max=most), **kwargs)


class Instant(ma.fields.Field[datetime]):
    """An instant: ISO 8601 with an offset in, UTC with Z out."""

    default_error_messages = {"invalid": "not_an_instant", "out_of_range": "out_of_range"}

    def _serialize(
        self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any
    ) -> str | None:
        return None if value is None else instant(value)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> datetime:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        try:
            at = datetime.fromisoformat(value)
        except ValueError as error:
            raise self.make_error("invalid") from error
        if at.tzinfo is None:
            raise self.make_error("invalid")
        if not EARLIEST < at.date() < LATEST:
            raise self.make_error("out_of_range")
        return at.astimezone(UTC)


class DayOn(ma.fields.Field[date]):
    """A day of Asia/Shanghai: YYYY-MM-DD."""

    default_error_messages = {"invalid": "not_a_day", "out_of_range": "out_of_range"}

    def _serialize(
        self, value: date | None, attr: str | None, obj: Any, **kwargs: Any
    ) -> str | None:
        return None if value is None else value.isoformat()

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> date:
        if not isinstance(value, str) or not _DAY.fullmatch(value):
            raise self.make_error("invalid")
        try:
            on = date.fromisoformat(value)
        except ValueError as error:
            raise self.make_error("invalid") from error
        if not EARLIEST <= on <= LATEST:
            raise self.make_error("out_of_range")
        return on


class PublicId(Typed):
    """A public id: 20 base32 characters."""

    default_error_messages = {"invalid": "not_an_id"}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validate=Pattern(ID_SHAPE, error="not_an_id"), **kwargs)


class OneOf(ma.fields.Raw):
    """One of several objects, as it is."""

    def __init__(self, schemas: Sequence[type[ma.Schema]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.schemas = schemas


def mask_name(name: str) -> str:
    """Show a nickname to strangers: its first character, and stars for the rest."""
    return plain(name)[:1] + "**"


class MaskedName(String):
    """Another person's nickname, masked on the way out."""

    def _serialize(
        self, value: str | None, attr: str | None, obj: Any, **kwargs: Any
    ) -> str | None:
        return None if value is None else mask_name(value)


class MaskedPhone(String):
    """A telephone number, masked on the way out."""

    def _serialize(
        self, value: str | None, attr: str | None, obj: Any, **kwargs: Any
    ) -> str | None:
        return None if value is None else mask_phone(value)


OPENAPI_TYPES: tuple[tuple[type[ma.fields.Field[Any]], str, str | None], ...] = (
    (Fen, "integer", "int64"),
    (Count, "integer", "int64"),
    (Instant, "string", "date-time"),
    (DayOn, "string", "date"),
    (PublicId, "string", None),
    (Choice, "string", None),
    (Text, "string", None),
    (Name, "string", None),
    (Typed, "string", None),
    (Phone, "string", None),
    (ShareToken, "string", None),
    (ImageAddress, "string", None),
    (MaskedName, "string", None),
    (MaskedPhone, "string", None),
)
"""How the fields stand in the OpenAPI document."""
