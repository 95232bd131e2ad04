"""The Blueprint all views use: typed decorators, strict bodies, documented callers."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, Literal, TypeVar

import flask
import flask_smorest
import marshmallow as ma
import orjson
from flask_smorest.utils import resolve_schema_instance
from webargs import core
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from api import auth, refusals
from api.refusals import Refusal
from domain.errors import Busy
from domain.merchants.rules import Role

View = TypeVar("View", bound=Callable[..., Any])
Caller = Literal["shopper", "staff", "mall", "anyone"]
"""`mall` is a shopper, or whoever names the mall; `anyone` may be a shopper."""

_REQUIRE: Mapping[Caller, Callable[[], object]] = {
    "shopper": auth.require_shopper,
    "staff": auth.require_staff,
    "mall": auth.require_merchant_of_shopper,
    "anyone": auth.optional_shopper,
}
_SECURITY: Mapping[Caller | None, list[dict[str, list[str]]]] = {
    "shopper": [{"shopper": []}],
    "staff": [{"staff": []}],
    "mall": [{}, {"shopper": []}],
    "anyone": [{}, {"shopper": []}],
    None: [],
}


class Parser(FlaskParser):
    """Reads JSON with orjson, and refuses unknown fields and query parameters."""

    DEFAULT_UNKNOWN_BY_LOCATION = {
        **FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION,
        "json": ma.RAISE,
        "query": ma.RAISE,
    }

    def _raw_load_json(self, req: flask.Request) -> Any:
        raw = req.get_data(cache=True)
        if not raw:
            return core.missing
        if not req.is_json:
            raise UnsupportedMediaType
        try:
            return orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise BadRequest("malformed_json") from error


class Blueprint(flask_smorest.Blueprint):
    """A noun's views; `caller` says who may call them, checked before anything else is read."""

    ARGUMENTS_PARSER = Parser()

    def __init__(self, *args: Any, caller: Caller | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._caller = caller
        self._prepare_doc_cbks += [
            _prepare_security_doc,
            _prepare_headers_doc,
            _prepare_refusals_doc,
            self._prepare_name_doc,
        ]

    def _prepare_name_doc(
        self, doc: dict[str, Any], doc_info: dict[str, Any], **_: Any
    ) -> dict[str, Any]:
        is_staffs = (self.url_prefix or "").startswith("/v1/merchant")
        return {**doc, "operationId": ("merchant_" if is_staffs else "") + doc_info["name"]}

    def route(
        self,
        rule: str,
        *,
        caller: Caller | None = None,
        role: Role | None = None,
        headers: Sequence[str] = (),
        refuses: Sequence[Refusal] = (),
        name: str | None = None,
        **options: Any,
    ) -> Callable[[View], View]:
        """Register a view function, with its own caller or the lowest role that may call it.

        For the document: `headers` are those it reads (named in `api/openapi.py`), `refuses` the
        errors of the domain it may answer; `name` its operationId, if not the view's name (on
        the merchants' side with `merchant_` before it).
        """
        who = caller or self._caller
        told = {"caller": who, "role": role, "headers": headers, "refuses": refuses}
        register = super().route(rule, **options)

        def decorate(view: View) -> View:
            register(_guarded(view, who, role, {**told, "name": name or view.__name__}))
            return view

        return decorate

    def arguments(
        self, schema: type[ma.Schema] | ma.Schema, **options: Any
    ) -> Callable[[View], View]:
        """Read and check arguments; the view gets them as one positional dictionary.

        The schema is made here: webargs would make a class anew for every request.
        """
        return super().arguments(resolve_schema_instance(schema), **options)  # type: ignore[no-any-return]

    def response(
        self,
        status_code: int,
        schema: type[ma.Schema] | ma.Schema | dict[str, Any] | None = None,
        **options: Any,
    ) -> Callable[[View], View]:
        """Dump what the view returns by a schema; a dictionary describes what it answers itself."""
        return super().response(status_code, schema, **options)  # type: ignore[no-any-return]

    def alt_response(self, status_code: int, **options: Any) -> Callable[[View], View]:
        """Document another answer."""
        return super().alt_response(status_code, **options)  # type: ignore[no-any-return]


def _guarded(
    view: View, caller: Caller | None, role: Role | None, told: Mapping[str, Any]
) -> Callable[..., Any]:
    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if role is not None:
            auth.require_staff(role)
        elif caller is not None:
            _REQUIRE[caller]()
        return view(*args, **kwargs)

    guarded._apidoc = {  # type: ignore[attr-defined]
        **getattr(view, "_apidoc", {}),
        **told,
    }
    return guarded


def _prepare_security_doc(
    doc: dict[str, Any], doc_info: dict[str, Any], **_: Any
) -> dict[str, Any]:
    return {**doc, "security": _SECURITY[doc_info["caller"]]}


def _prepare_headers_doc(doc: dict[str, Any], doc_info: dict[str, Any], **_: Any) -> dict[str, Any]:
    headers = ["Accept-Language", *doc_info["headers"]]
    if doc_info["caller"] == "mall":
        headers.append("X-App-Id")
    return {**doc, "parameters": [*doc.get("parameters", []), *headers]}


def _prepare_refusals_doc(
    doc: dict[str, Any], doc_info: dict[str, Any], *, spec: Any, method: str, **_: Any
) -> dict[str, Any]:
    follows = refusals.implied(doc_info["caller"], doc_info["role"], doc)
    contended = [] if method.lower() == "get" else [Busy]
    return refusals.document(spec, doc, [*doc_info["refuses"], *follows, *contended])
