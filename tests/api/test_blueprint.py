from typing import Any

import marshmallow as ma
from flask import Flask

from api.blueprint import Blueprint
from api.schemas.fields import Schema


class CountedSchema(Schema):
    """Counts how often it is made."""

    size = ma.fields.Integer()
    made = 0

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        CountedSchema.made += 1


def test_schemas_are_made_once_and_not_per_request() -> None:
    blueprint = Blueprint("counted", __name__)

    @blueprint.route("/counted", methods=["POST"])
    @blueprint.arguments(CountedSchema)
    @blueprint.response(201, CountedSchema)
    def count(arguments: dict[str, Any]) -> dict[str, Any]:
        return arguments

    app = Flask(__name__)
    app.register_blueprint(blueprint)
    made = CountedSchema.made

    answers = [app.test_client().post("/counted", json={"size": size}).json for size in range(3)]

    assert answers == [{"size": 0}, {"size": 1}, {"size": 2}]
    assert CountedSchema.made == made
