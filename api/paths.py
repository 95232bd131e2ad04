"""What stands in paths: ids and share tokens by their shape; a path of another shape is a 404."""

from typing import Any

from flask import Flask
from flask_smorest import Api
from werkzeug.routing import BaseConverter

from api.schemas.fields import ID_SHAPE, SHARE_SHAPE


class PublicIdConverter(BaseConverter):
    """`<id:group_id>`: a public id."""

    regex = ID_SHAPE


class ShareTokenConverter(BaseConverter):
    """`<share:token>`: the token of a share."""

    regex = SHARE_SHAPE


_CONVERTERS = {"id": PublicIdConverter, "share": ShareTokenConverter}


def register_paths(app: Flask, api: Api) -> None:
    """Make the shapes known to the routes and to the document."""
    for name, converter in _CONVERTERS.items():
        app.url_map.converters[name] = converter
        api.register_converter(converter, _describe)


def _describe(converter: BaseConverter) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^{converter.regex}$"}
