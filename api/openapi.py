"""The OpenAPI document, and its page (Swagger UI, served from here: no network)."""

from typing import Any, Final

import flask_smorest
import marshmallow as ma
import orjson
from flask import Blueprint as FlaskBlueprint
from flask import Flask, Response
from openapi_ui_bundles import swagger_ui

from api import idempotency, request_context
from api.examples import add_examples
from api.schemas.fields import OPENAPI_TYPES, OneOf
from api.schemas.problems import ProblemSchema

ASSETS = "/docs/assets"


_HEADERS: Final[dict[str, dict[str, Any]]] = {
    idempotency.HEADER: {
        "required": True,
        "description": "the same key and body have one effect, for 48 hours",
        "schema": {"type": "string", "pattern": f"^{idempotency.SHAPE}$"},
    },
    "Accept-Language": {
        "description": "the language of texts: zh (default) or en",
        "schema": {"type": "string"},
        "example": "zh-CN",
    },
    "X-App-Id": {
        "description": "without a token: the mini-program whose mall is looked at",
        "schema": {"type": "string"},
        "example": "wx0123456789abcdef",
    },
    "If-None-Match": {
        "description": "ETag of an earlier answer; if nothing has changed since, 304",
        "schema": {"type": "string"},
    },
    "X-Device-Id": {
        "description": "names the device; recorded",
        "schema": {"type": "string", "pattern": f"^{request_context.LABEL}$"},
    },
    "X-Channel": {
        "description": "how the shopper came (a scene of the mini-program); recorded",
        "schema": {"type": "string", "pattern": f"^{request_context.LABEL}$"},
    },
}


class Api(flask_smorest.Api):
    """flask-smorest's document; errors are ours (`api/errors.py`)."""

    ERROR_SCHEMA = ProblemSchema
    _written: bytes | None = None

    def _openapi_json(self) -> Response:
        """Serve the document: made once, the same in every process of a release."""
        if self._written is None:
            self._written = write_document(self.spec.to_dict())
        return Response(self._written, mimetype="application/json")

    def _register_error_handlers(self) -> None:
        pass

    def _register_responses(self) -> None:
        self.spec.components.response(
            self.DEFAULT_ERROR_RESPONSE_NAME,
            {
                "description": "What went wrong",
                "content": {"application/problem+json": {"schema": self.ERROR_SCHEMA}},
            },
        )
        self.spec.components.response(
            "UNPROCESSABLE_ENTITY",
            {
                "description": "The request is not valid",
                "content": {"application/problem+json": {"schema": self.ERROR_SCHEMA}},
            },
        )
        self.spec.components.response("NOT_MODIFIED", {"description": "Not modified"})


def write_document(document: dict[str, Any]) -> bytes:
    """Finish a document and write it: parts by name, an example beside every body."""
    for path in document["paths"].values():
        for operation in path.values():
            if isinstance(operation, dict) and "requestBody" in operation:
                operation["requestBody"].setdefault("required", True)
    document["servers"] = [{"url": "/", "description": "where this document was read"}]
    document["paths"] = dict(sorted(document["paths"].items()))
    document["components"] = {
        kind: dict(sorted(parts.items())) for kind, parts in document["components"].items()
    }
    add_examples(document)
    return orjson.dumps(document, option=orjson.OPT_INDENT_2)


def document_api(app: Flask) -> Api:
    """Make the document of an app, served at /openapi.json and drawn at /docs."""
    app.config.update(
        API_TITLE="Pinbu",
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/",
        OPENAPI_JSON_PATH="openapi.json",
        OPENAPI_SWAGGER_UI_PATH="docs",
        OPENAPI_SWAGGER_UI_URL=f"{ASSETS}/",
        OPENAPI_SWAGGER_UI_CONFIG={"deepLinking": True, "validatorUrl": None},
    )
    app.register_blueprint(
        FlaskBlueprint(
            "docs_assets",
            __name__,
            static_folder=str(swagger_ui.static_path),
            static_url_path=ASSETS,
        )
    )
    api = Api()
    for field, kind, form in OPENAPI_TYPES:
        api.register_field(field, kind, form)
    api.init_app(app)
    _say_defaults_in_words(api)
    api.ma_plugin.converter.add_attribute_function(_one_of)
    for name, header in _HEADERS.items():
        api.spec.components.parameter(name, "header", {"name": name, **header})
    for name, how in (
        ("shopper", "access_token of POST /v1/auth/sessions"),
        ("staff", "token of POST /v1/merchant/sessions"),
    ):
        api.spec.components.security_scheme(
            name, {"type": "http", "scheme": "bearer", "description": how}
        )
    return api


def _say_defaults_in_words(api: Api) -> None:
    """Say what a member of a body is if it is left out by its description.

    Generators take a member with `default` for one that is always there.
    """
    converter = api.ma_plugin.converter
    functions = converter.attribute_functions
    functions[functions.index(converter.field2default)] = _defaults_in_words
    functions.append(functions.pop(functions.index(_defaults_in_words)))


def _defaults_in_words(field: ma.fields.Field[Any], ret: dict[str, Any]) -> dict[str, Any]:
    default = field.load_default
    if default is ma.missing or default is None or callable(default):
        return {}
    told = orjson.dumps(field._serialize(default, "", None)).decode()
    described = [ret["description"]] if "description" in ret else []
    return {"description": "; ".join([*described, f"default: {told}"])}


def _one_of(converter: Any, field: ma.fields.Field[Any], **_: Any) -> dict[str, Any]:
    if not isinstance(field, OneOf):
        return {}
    return {"oneOf": [converter.resolve_nested_schema(schema) for schema in field.schemas]}
