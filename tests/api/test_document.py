"""What the OpenAPI document promises to generators of clients, and that it stays the same."""

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.api.callers import Caller
from tests.contract import FORMATS, METHODS

WRITE = """
from api import create_app
import sys

sys.stdout.buffer.write(create_app().test_client().get("/openapi.json").data)
"""


@pytest.fixture
def document(anyone: Caller) -> dict[str, Any]:
    found: dict[str, Any] = anyone.get("/openapi.json").json
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                yield f"{method.upper()} {path}", methods[method]


def answers(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Return what is answered on success, as far as it is JSON."""
    for status, response in operation["responses"].items():
        content = response.get("content", {})
        if status.startswith("2") and "application/json" in content:
            yield content["application/json"]


def reachable(document: dict[str, Any], start: Any) -> set[str]:
    """Return the names of all schemas that a part of the document leads to."""
    schemas = document["components"]["schemas"]
    found: set[str] = set()
    waiting = [start]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            name = part.get("$ref", "").rpartition("/")[2]
            if name in schemas and name not in found:
                found.add(name)
                waiting.append(schemas[name])
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
    return found


def test_every_operation_has_a_name_of_its_own(document: dict[str, Any]) -> None:
    names = Counter(operation["operationId"] for _, operation in operations(document))

    assert len(names) > 110
    assert [name for name, times in names.items() if times > 1] == []
    assert [name for name in names if not re.fullmatch(r"[a-z]+(_[a-z]+)*", name)] == []


def test_every_body_has_an_example_that_its_schema_allows(document: dict[str, Any]) -> None:
    held = 0
    for name, operation in operations(document):
        bodies = list(answers(operation))
        bodies += operation.get("requestBody", {"content": {}})["content"].values()
        for body in bodies:
            schema = {**body["schema"], "components": document["components"]}
            faults = list(
                Draft202012Validator(schema, format_checker=FORMATS).iter_errors(body["example"])
            )
            assert not faults, f"{name}: {[fault.message for fault in faults]}"
            held += 1

    assert held > 150


def test_every_member_of_an_answer_is_required_but_the_few_that_say_so(
    document: dict[str, Any],
) -> None:
    answered = {
        name
        for _, operation in operations(document)
        for answer in answers(operation)
        for name in reachable(document, answer)
    }
    schemas = document["components"]["schemas"]

    optional = {
        f"{name}.{member}"
        for name in answered
        for member in schemas[name]["properties"].keys() - set(schemas[name].get("required", ()))
    }

    assert len(answered) > 100
    assert optional == {
        "Health.schema",
        "Health.sealing",
        "Part.amount_fen",
        "Part.by",
        "Part.count",
        "Part.least_fen",
        *(f"ToldPart.{member}" for member in ("amount_fen", "by", "count", "least_fen")),
    }


def test_whatever_may_be_null_says_so_among_its_words(document: dict[str, Any]) -> None:
    def enums(part: Any) -> Iterator[dict[str, Any]]:
        if isinstance(part, dict):
            if "enum" in part and "type" in part:
                yield part
            for inner in part.values():
                yield from enums(inner)
        elif isinstance(part, list):
            for inner in part:
                yield from enums(inner)

    found = list(enums(document))

    assert len(found) > 80
    assert [p for p in found if ("null" in p["type"]) != (None in p["enum"])] == []


def test_states_kinds_and_outcomes_list_their_words(document: dict[str, Any]) -> None:
    loose = {
        f"{name}.{member}"
        for name, schema in document["components"]["schemas"].items()
        for member, value in schema.get("properties", {}).items()
        if re.search(r"(^|_)(state|status|kind|outcome|role|verdict|severity)$", member)
        and "string" in value.get("type", ())
        and not {"enum", "const"} & value.keys()
    }

    assert loose == {"AuditEntry.subject_kind"}


def test_body_members_with_a_default_are_not_taken_for_required(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]

    assert [
        f"{name}.{member}"
        for name, schema in schemas.items()
        for member, value in schema.get("properties", {}).items()
        if "default" in value
    ] == []
    assert "default: false" in schemas["PlaceArguments"]["properties"]["use_points"]["description"]


def test_refusals_are_listed_by_code_with_their_members(document: dict[str, Any]) -> None:
    responses = document["paths"]["/v1/groups/{group_id}/orders"]["post"]["responses"]
    schemas = document["components"]["schemas"]

    refused = responses["409"]["content"]["application/problem+json"]["schema"]["oneOf"]

    codes = {
        schemas[one["$ref"].rpartition("/")[2]]["properties"]["code"]["const"] for one in refused
    }
    assert {"group_full", "group_not_open", "already_in_group", "busy"} <= codes
    assert "state" in schemas["GroupNotOpenProblem"]["required"]
    assert "open" in schemas["GroupNotOpenProblem"]["properties"]["state"]["enum"]
    assert {"limit"} <= set(schemas["ParticipationLimitReachedProblem"]["required"])


def test_problems_may_say_more_than_is_documented(document: dict[str, Any]) -> None:
    problems = {
        name: schema
        for name, schema in document["components"]["schemas"].items()
        if name.endswith("Problem")
    }

    assert len(problems) > 80
    assert [
        n for n, schema in problems.items() if schema.get("additionalProperties") is False
    ] == []


def test_readers_without_a_token_name_the_mall_in_a_header(document: dict[str, Any]) -> None:
    listing = document["paths"]["/v1/campaigns"]["get"]
    names = [p["$ref"].rpartition("/")[2] for p in listing["parameters"] if "$ref" in p]

    assert listing["security"] == [{}, {"shopper": []}]
    assert {"X-App-Id", "Accept-Language"} <= set(names)
    assert document["servers"][0]["url"] == "/"


def test_document_is_the_same_in_every_process() -> None:
    written = {
        subprocess.run(
            [sys.executable, "-c", WRITE],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2", "3")
    }

    assert len(written) == 1
    assert b'"openapi"' in written.pop()
