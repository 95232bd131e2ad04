"""The Blueprint all views use: typed decorators, strict bodies, documented callers."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar

import flask
import flask_smorest
import marshmallow as ma
import orjson
from flask_smorest.utils import resolve_schema_instance
from webargs import core
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from api import auth

View = TypeVar("View", bound=Callable[..., Any])
Caller = Literal["shopper", "staff"]

_REQUIRE: Mapping[Caller, Callable[[], object]] = {
    "shopper": auth.require_shopper,
    "staff": auth.require_staff,
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
        self._prepare_doc_cbks.append(self._prepare_security_doc)
        if caller is not None:
            self.before_request(lambda: _check(caller))

    def _prepare_security_doc(
        self, doc: dict[str, Any], _doc_info: dict[str, Any], **_: Any
    ) -> dict[str, Any]:
        doc["security"] = [] if self._caller is None else [{self._caller: []}]
        return doc

    def route(self, rule: str, **options: Any) -> Callable[[View], View]:
        """Register a view function."""
        return super().route(rule, **options)  # type: ignore[no-any-return]

    def arguments(
        self, schema: type[ma.Schema] | ma.Schema, **options: Any
    ) -> Callable[[View], View]:
        """Read and check arguments; the view gets them as one positional dictionary.

        The schema is made here: webargs would make a class anew for every request.
        """
        return super().arguments(resolve_schema_instance(schema), **options)  # type: ignore[no-any-return]

    def response(
        self, status_code: int, schema: type[ma.Schema] | ma.Schema | None = None, **options: Any
    ) -> Callable[[View], View]:
        """Dump what the view returns by a schema."""
        return super().response(status_code, schema, **options)  # type: ignore[no-any-return]

    def alt_response(self, status_code: int, **options: Any) -> Callable[[View], View]:
        """Document another answer."""
        return super().alt_response(status_code, **options)  # type: ignore[no-any-return]


def _check(caller: Caller) -> None:
    _REQUIRE[caller]()
