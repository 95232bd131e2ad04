"""The API's own document, held against what the fake API is asked and what it answers.

A fake that accepts what the API refuses hides the console's faults. So each request must be one
that the document allows, and each answer must have exactly the documented fields. Fields that the
made-up data does not name are filled in: null where null is allowed, the least value elsewhere.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from api import create_app

Json = dict[str, Any]

PROBLEM = "#/components/schemas/Problem"
AN_ID = "^[0123456789abcdefghjkmnpqrstvwxyz]{20}$"
MOST_DEPTH = 8
FORMATS = FormatChecker(formats=())


@FORMATS.checks("date-time", raises=ValueError)
def _is_instant(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@FORMATS.checks("date", raises=ValueError)
def _is_day(value: object) -> bool:
    return not isinstance(value, str) or bool(date.fromisoformat(value))


@dataclass(frozen=True)
class Operation:
    """One method of one path, as the document describes it."""

    name: str
    described: Json

    def request_faults(
        self, query: Mapping[str, str], body: Json | None, headers: Mapping[str, str]
    ) -> Iterator[str]:
        """Say what the document does not allow of a request."""
        parameters = [_resolved(one) for one in self.described.get("parameters", [])]
        allowed = {one["name"]: one for one in parameters if one["in"] == "query"}
        for name, value in query.items():
            if name not in allowed:
                yield f"{self.name}: no query parameter {name}"
                continue
            schema = allowed[name]["schema"]
            yield from _faults(f"{self.name} ?{name}", schema, _read(value, schema))
        for one in parameters:
            given = query if one["in"] == "query" else headers
            if one.get("required") and one["in"] != "path" and one["name"] not in given:
                yield f"{self.name}: {one['name']} is missing"
        yield from self._body_faults(body)

    def answer_faults(self, status: int, answer: Any) -> Iterator[str]:
        """Say where an answer is not as documented."""
        if status >= 400:
            yield from _faults(f"{self.name} {status}", {"$ref": PROBLEM}, answer)
            return
        schema = self._answer_schema(status)
        if schema is None and answer is not None:
            yield f"{self.name}: {status} has no body"
        elif schema is not None:
            yield from _faults(f"{self.name} {status}", _whole(schema), answer)

    def filled(self, status: int, answer: Any) -> Any:
        """Add the documented fields that an answer lacks."""
        schema = None if status >= 400 else self._answer_schema(status)
        return answer if schema is None else _filled(schema, answer)

    def _body_faults(self, body: Json | None) -> Iterator[str]:
        described = self.described.get("requestBody")
        if described is None:
            if body is not None:
                yield f"{self.name}: takes no body"
            return
        [content] = [
            one for kind, one in described["content"].items() if kind == "application/json"
        ]
        if body is None:
            if described.get("required"):
                yield f"{self.name}: the body is missing"
            return
        yield from _faults(f"{self.name} body", content["schema"], body)

    def _answer_schema(self, status: int) -> Json | None:
        described = self.described["responses"].get(str(status))
        if described is None:
            raise AssertionError(f"{self.name} does not answer {status}")
        content = _resolved(described).get("content", {})
        schema: Json | None = content.get("application/json", {}).get("schema")
        return schema


@cache
def document() -> Json:
    """Return the document as the API serves it."""
    answer = create_app().test_client().get("/openapi.json").json
    assert answer is not None
    return answer


def operation_of(method: str, path: str) -> Operation | None:
    """Find the operation of a request; one with fewer variables in its path comes first."""
    for pattern, name in _patterns():
        if pattern.fullmatch(path) and method.lower() in document()["paths"][name]:
            described = document()["paths"][name]
            operation = described[method.lower()]
            parameters = [*described.get("parameters", []), *operation.get("parameters", [])]
            return Operation(f"{method} {name}", {**operation, "parameters": parameters})
    return None


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    names = sorted(document()["paths"], key=lambda name: name.count("{"))
    return [(re.compile(re.sub(r"\{[^}]+\}", "[^/]+", name)), name) for name in names]


def _read(value: str, schema: Json) -> Any:
    kinds = schema.get("type", "string")
    if "integer" in kinds and re.fullmatch(r"-?\d+", value):
        return int(value)
    return value == "true" if "boolean" in kinds else value


def _faults(where: str, schema: Json, value: Any) -> Iterator[str]:
    whole = {**schema, "components": document()["components"]}
    for error in Draft202012Validator(whole, format_checker=FORMATS).iter_errors(value):
        yield f"{where}: {error.json_path} {error.message[:200]}"


def _resolved(described: Json) -> Json:
    """Follow references to other parts of the document."""
    while "$ref" in described:
        part: Any = document()
        for step in described["$ref"].removeprefix("#/").split("/"):
            part = part[step]
        described = part
    return described


def _whole(schema: Json, depth: int = 0) -> Json:
    """Return an answer's schema in which every documented field is required.

    Where the document itself says which ones are, it is left as it says.
    """
    if depth > MOST_DEPTH:
        return {}
    schema = _resolved(schema)
    changed = dict(schema)
    if "properties" in schema:
        changed.setdefault("required", list(schema["properties"]))
        changed["properties"] = {
            name: _whole(one, depth + 1) for name, one in schema["properties"].items()
        }
    if "items" in schema:
        changed["items"] = _whole(schema["items"], depth + 1)
    for kind in ("anyOf", "oneOf", "allOf"):
        if kind in schema:
            changed[kind] = [_whole(one, depth + 1) for one in schema[kind]]
    return changed


def _filled(schema: Json, value: Any) -> Any:
    schema = _chosen(_resolved(schema))
    if isinstance(value, list) and "items" in schema:
        return [_filled(schema["items"], one) for one in value]
    if not isinstance(value, dict) or "properties" not in schema:
        return value
    required = schema.get("required", list(schema["properties"]))
    filled = {}
    for name, described in schema["properties"].items():
        if name in value:
            filled[name] = _filled(described, value[name])
        elif name in required:
            filled[name] = _least(described)
    return {**value, **filled}


def _chosen(schema: Json) -> Json:
    """Return what a value that may be null is if it is not."""
    for kind in ("anyOf", "oneOf", "allOf"):
        for one in schema.get(kind, []):
            if one.get("type") != "null":
                return _resolved(one)
    return schema


def _least(schema: Json) -> Any:
    """Return null where it is allowed, else the emptiest value."""
    schema = _resolved(schema)
    kinds = schema.get("type", [])
    if "null" in kinds or {"type": "null"} in schema.get("anyOf", schema.get("oneOf", [])):
        return None
    if "enum" in schema:
        return schema["enum"][0]
    schema = _chosen(schema)
    if "properties" in schema:
        return _filled(schema, {})
    if schema.get("pattern") == AN_ID:
        return "0" * 20
    texts = {"date-time": "2026-01-01T00:00:00Z", "date": "2026-01-01"}
    least: Json = {
        "integer": schema.get("minimum", 0),
        "number": schema.get("minimum", 0),
        "boolean": False,
        "array": [],
        "object": {},
        "string": texts.get(schema.get("format", ""), "x" * schema.get("minLength", 0)),
    }
    return least[schema.get("type", "string")]
