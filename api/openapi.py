"""The OpenAPI document, and its page (Swagger UI, served from here: no network)."""

from typing import Any, Final

import flask_smorest
import marshmallow as ma
from flask import Blueprint as FlaskBlueprint
from flask import Flask
from openapi_ui_bundles import swagger_ui

from api import idempotency, request_context
from api.schemas.fields import OPENAPI_TYPES, Schema, String

ASSETS = "/docs/assets"


_HEADERS: Final[dict[str, dict[str, Any]]] = {
    idempotency.HEADER: {
        "required": True,
        "description": "the same key and body have one effect, for 48 hours",
        "schema": {"type": "string", "pattern": f"^{idempotency.SHAPE}$"},
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


class ProblemFieldSchema(Schema):
    """What is wrong with one field."""

    field = String(allow_none=True)
    location = String()
    code = String()
    detail = String()


class ProblemSchema(Schema):
    """An error (RFC 9457)."""

    type = String()
    title = String()
    status = ma.fields.Integer()
    code = String(metadata={"description": "stable; what programs look at"})
    detail = String(metadata={"description": "for people, zh or en"})
    request_id = String()
    field = String()
    errors = ma.fields.List(ma.fields.Nested(ProblemFieldSchema))


class Api(flask_smorest.Api):
    """flask-smorest's document; errors are ours (`api/errors.py`)."""

    ERROR_SCHEMA = ProblemSchema

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
    for name, header in _HEADERS.items():
        api.spec.components.parameter(name, "header", {"name": name, **header})
    for name, how in (
        ("shopper", "access_token of POST /v1/auth/sessions"),
        ("staff", "token of POST /v1/merchant/sessions"),
    ):
        api.spec.components.security_scheme(
            name, {"type": "http", "scheme": "bearer", "description": how}
        )
    api.spec.components.security_scheme(
        "mall",
        {
            "type": "apiKey",
            "in": "header",
            "name": "X-App-Id",
            "description": "app id of the mini-program whose mall is looked at",
        },
    )
    return api
