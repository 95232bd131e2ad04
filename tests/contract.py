"""The contract: every answer is held to the OpenAPI document, unknown and missing members too."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import httpx
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012
from werkzeug.test import TestResponse

from api.refusals import GENERAL

METHODS = ("get", "post", "put", "patch", "delete")
PROBLEM = "application/problem+json"
_DOCUMENT = "urn:document"
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_NO_CONTENT = (204, 304)

FORMATS = FormatChecker(formats=())


@FORMATS.checks("date-time")
def _is_instant(value: object) -> bool:
    return not isinstance(value, str) or _INSTANT.fullmatch(value) is not None


@FORMATS.checks("date")
def _is_day(value: object) -> bool:
    return not isinstance(value, str) or _DAY.fullmatch(value) is not None


class Contract:
    """An OpenAPI document that answers are held to."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self._validators: dict[str, Draft202012Validator] = {}

    @cached_property
    def _registry(self) -> Registry[Any]:
        strict = json.loads(json.dumps(self.document))
        for schema in strict["components"]["schemas"].values():
            if "properties" in schema:
                schema["additionalProperties"] = False
        return Registry().with_resource(_DOCUMENT, DRAFT202012.create_resource(strict))

    @cached_property
    def _paths(self) -> list[tuple[re.Pattern[str], str]]:
        """Return each path as a pattern; the more it says by words, the earlier."""
        by_words = sorted(self.document["paths"], key=lambda path: path.count("{"))
        return [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), path) for path in by_words]

    def path_of(self, path: str) -> str | None:
        """Return the documented path that an address is of."""
        return next((known for shape, known in self._paths if shape.fullmatch(path)), None)

    def check(self, method: str, path: str, status: int, kind: str, body: bytes) -> None:
        """Refuse an answer that the document does not describe."""
        known = self.path_of(path)
        responses = {}
        if known is not None:
            operation = self.document["paths"][known].get(method.lower())
            responses = {} if operation is None else operation["responses"]
        name = str(status) if str(status) in responses else "default"
        where = f"{method} {path} {status} {kind}"
        if status >= 400 and name == "default":
            assert json.loads(body)["code"] in GENERAL, f"{where}: not documented: {body!r}"
            self._hold("#/components/responses/DEFAULT_ERROR", where, kind, body)
        elif known is not None:
            assert name in responses, f"{where}: no such status in the document"
            if status not in _NO_CONTENT:
                pointer = f"#/paths/{_escaped(known)}/{method.lower()}/responses/{name}"
                self._hold(pointer, where, kind, body)

    def _hold(self, pointer: str, where: str, kind: str, body: bytes) -> None:
        response = self._at(pointer)
        if "$ref" in response:
            pointer = response["$ref"]
            response = self._at(pointer)
        kind = kind.partition(";")[0]
        content = response.get("content", {})
        assert kind in content, f"{where}: the document says {sorted(content)}"
        if kind.endswith("json"):
            faults = list(self._faults(f"{pointer}/content/{_escaped(kind)}/schema", body))
            assert not faults, f"{where}: " + "; ".join(faults)

    def _faults(self, pointer: str, body: bytes) -> Iterator[str]:
        if pointer not in self._validators:
            self._validators[pointer] = Draft202012Validator(
                {"$ref": f"{_DOCUMENT}{pointer}"},
                registry=self._registry,
                format_checker=FORMATS,
            )
        for fault in self._validators[pointer].iter_errors(json.loads(body)):
            yield f"{fault.json_path}: {fault.message[:500]}"
            for inner in fault.context or ():
                yield f"    {inner.json_path}: {inner.message[:200]}"

    def _at(self, pointer: str) -> Any:
        found: Any = self.document
        for part in pointer.removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        return found


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")


class StrictClient(FlaskClient):
    """Flask's client, which refuses an answer that the document does not describe."""

    contract: Contract | None = None

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        answer = super().open(*args, **kwargs)
        if self.contract is not None and not answer.request.path.startswith("/docs"):
            request = answer.request
            self.contract.check(
                request.method,
                request.path,
                answer.status_code,
                answer.content_type or "",
                answer.data,
            )
        return answer


def strict_client_of(app: Any) -> type[StrictClient]:
    """Derive the client of an app that holds its answers to its own document."""
    document = app.test_client().get("/openapi.json").json
    return type("StrictClientOf", (StrictClient,), {"contract": Contract(document)})


def hold_to_contract(client: httpx.Client) -> None:
    """Let a client over HTTP refuse answers that the document of its server does not describe."""
    contract = Contract(client.get("/openapi.json").json())

    def hold(response: httpx.Response) -> None:
        response.read()
        request = response.request
        contract.check(
            request.method,
            request.url.path,
            response.status_code,
            response.headers.get("Content-Type", ""),
            response.content,
        )

    client.event_hooks = {"response": [hold]}
