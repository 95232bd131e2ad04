"""JSON bodies, written and read by orjson."""

from datetime import UTC, datetime
from typing import Any

import orjson
from flask import Response
from flask.json.provider import JSONProvider


def instant(at: datetime) -> str:
    """Write an instant as ISO 8601 UTC with milliseconds and Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _default(value: Any) -> Any:
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, str):
        return str(value)
    raise TypeError(f"not a JSON value: {type(value).__name__}")


_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS


def dump(value: Any) -> bytes:
    """Write a JSON value; instants become ISO 8601 UTC."""
    return orjson.dumps(value, _default, _OPTIONS)


class OrjsonProvider(JSONProvider):
    """Flask's JSON, by orjson."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Write a JSON value as text."""
        options = _OPTIONS
        if kwargs.get("indent"):
            options |= orjson.OPT_INDENT_2
        if kwargs.get("sort_keys"):
            options |= orjson.OPT_SORT_KEYS
        return orjson.dumps(obj, _default, options).decode()

    def loads(self, s: str | bytes, **_: Any) -> Any:
        """Read a JSON text."""
        return orjson.loads(s)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """Make a JSON response."""
        value = self._prepare_response_obj(args, kwargs)
        return Response(dump(value), mimetype="application/json")
